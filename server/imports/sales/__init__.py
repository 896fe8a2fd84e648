"""Receipts with their lines, recognised by the receipt number."""
