"""What the store sells: search, similar products, details, categories."""
