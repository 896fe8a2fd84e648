"""An error for the caller, as FastMCP passes it on."""

from __future__ import annotations

import logging

from fastmcp.exceptions import ToolError

from server.errors import UserError


class CallFailure(ToolError):
    """FastMCP's own error with our text, which it masks in no way and does not log as a failure of the server.

    Args:
        text: What the caller is told.
        error: What it tells of; None for a failure of the server.
        log_level: At which FastMCP logs it.
    """

    def __init__(self, text: str, error: UserError | None, *, log_level: int) -> None:
        super().__init__(text, log_level=log_level)
        self.error = error


def to_tool_error(error: UserError) -> CallFailure:
    """An error for the caller in FastMCP's form."""
    return CallFailure(str(error), error, log_level=logging.INFO)
