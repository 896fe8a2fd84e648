"""Values of strangers: each kind is read in the one way that it can be read in, or is a fault."""
