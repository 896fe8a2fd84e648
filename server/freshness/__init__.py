"""Stored embeddings kept in step with the products that they are of."""
