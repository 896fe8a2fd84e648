"""What an operator sees of a running server: metrics, traces, logs, and whether it is about to stop."""
