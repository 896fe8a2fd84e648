"""Files as they stand: CSV, JSON and JSON lines become rows with numbers and lines."""
