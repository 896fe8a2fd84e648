"""What was sold, when, and how it compares."""
