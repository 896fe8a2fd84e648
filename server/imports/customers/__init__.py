"""Customers, recognised by their e-mail address."""
