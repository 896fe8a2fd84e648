"""Who asked what, and who changed what."""
