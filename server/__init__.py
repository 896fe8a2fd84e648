"""A retailer's data for AI assistants over MCP, store by store."""

import os

__version__ = "0.2.0.dev0"

# FastMCP reads these when it is imported. Logging is ours, a server in a client's working directory
# must not read the .env that lies there for others, and nothing here looks for updates on its own.
os.environ.setdefault("FASTMCP_LOG_ENABLED", "false")
os.environ.setdefault("FASTMCP_CHECK_FOR_UPDATES", "off")
os.environ.setdefault("FASTMCP_ENV_FILE", os.devnull)
os.environ.setdefault("FASTMCP_TELEMETRY_MODE", "off")
