"""Products, recognised by their SKU."""
