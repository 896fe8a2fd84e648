"""Measures the server against its own database: `python -m bench`, see bench/README.md."""

import server  # noqa: F401 - sets what FastMCP reads when it is imported, here and in child processes
