"""What is on the shelf, and what to order."""
