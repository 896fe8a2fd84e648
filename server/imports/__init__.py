"""Somebody else's data: products, customers and sales from files into one store."""
