"""Keeps every answer within the size that a reader can take."""

from __future__ import annotations

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from server.calls.call import current_call
from server.toolkit.truncation import shortened


class ResultSize(Middleware):
    """Innermost, so that all others see what the caller will see.

    Args:
        max_bytes: Most bytes of JSON that an answer may have.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the tool, and shorten what is too large."""
        result = await call_next(context)
        return shortened(result, self._max_bytes, current_call.get().cursor_after)
