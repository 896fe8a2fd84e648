"""What an operator does: stores, principals, tokens and the signing key, on the admin connection."""
