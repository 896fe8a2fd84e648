"""What every command line shares: running a command, bounds of numbers, progress."""
