"""Who buys here, and what."""
