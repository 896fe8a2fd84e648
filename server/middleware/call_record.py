"""Opens the record of each tool call."""

from __future__ import annotations

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from server.call import Call, current_call


class CallRecord(Middleware):
    """Outermost: whatever becomes of a call, there is a record of it."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the call with its record open."""
        opened = current_call.set(Call(context.message.name))
        try:
            return await call_next(context)
        finally:
            current_call.reset(opened)
