"""Backups of the whole database: made, restored, and restored once more to see that they can be."""
