"""The process: its signals, its worker processes, and files for its account alone."""
