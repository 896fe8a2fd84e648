"""Looks an installation over for its usual faults, and says how to mend each."""
