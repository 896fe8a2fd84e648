"""Finds out who makes a tool call."""

from __future__ import annotations

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from server.auth.current import current_principal
from server.call import current_call


class CallIdentity(Middleware):
    """Settles identity once per call, the same way over HTTP and on stdio, before any argument is looked at."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the call as its principal."""
        current_call.get().principal = await current_principal(context.fastmcp_context)
        return await call_next(context)
