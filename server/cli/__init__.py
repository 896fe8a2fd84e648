"""The command line: retail-mcp."""
