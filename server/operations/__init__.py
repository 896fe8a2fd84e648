"""What an operator runs: where the database is, administration, backup, and the checks before serving."""
