"""Questions that no other tool answers: SQL of the caller over the views of its store."""
