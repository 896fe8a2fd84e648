"""Somebody else's data: a product catalogue from a JSON or CSV file into one store."""
