"""Believable demo data for the retailer: generated without a database, then loaded in bulk."""
