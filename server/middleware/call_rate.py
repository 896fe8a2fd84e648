"""Keeps a caller from asking faster than its share."""

from __future__ import annotations

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from server.calls.call import calling_principal, current_call
from server.tenancy.limits import Rate


class CallRate(Middleware):
    """Lets a principal's tool calls in at its rate, before anything is spent on them.

    Args:
        rate: Shared by all calls of this server.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the call when its turn has come."""
        await self._rate.consume(calling_principal().principal_id)
        current_call.get().admit()
        return await call_next(context)
