"""How messages come in and go out: HTTP, standard streams, the bridge between them."""
