"""Answers from the primary what a replica could not."""

from __future__ import annotations

import mcp_types
from fastmcp.exceptions import ToolError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from server.calls.call import current_call
from server.db.replica import Replica
from server.errors import ContentionError, DatabaseError, DatabaseUnavailableError

# A replica that is lost, that ended a query because its log had to go on, or that is behind in anything.
_REPLICAS_FAULT = (DatabaseUnavailableError, ContentionError, DatabaseError)


class ReplicaFallback(Middleware):
    """Innermost: runs a call once more, on the primary, when the database's failure was the replica's.

    Tools only read, so that a call may run twice.

    Args:
        replica: Is told of it.
    """

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the tool."""
        try:
            return await call_next(context)
        except ToolError as error:
            cause, call = error.__cause__, current_call.get()
            if call.replica != "used" or not isinstance(cause, _REPLICAS_FAULT):
                raise
            self._replica.failed(cause)
        call.exclude_replica()
        return await call_next(context)
