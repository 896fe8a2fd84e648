"""An error for the caller, as FastMCP passes it on."""

from __future__ import annotations

import logging

from fastmcp.exceptions import ToolError

from server.errors import UserError


def told(error: UserError) -> ToolError:
    """FastMCP's own error with the same text, which it masks in no way and does not log as a failure of the server."""
    return ToolError(str(error), log_level=logging.INFO)
