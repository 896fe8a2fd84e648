"""A module per tool, of the tool's name, with its RECORD."""
