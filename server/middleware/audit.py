"""Opens the record of each tool call; at its end the audit log and the monitoring get it."""

from __future__ import annotations

import time

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from server.audit.call_log import CallLog
from server.audit.entries import EntryWriter
from server.calls.call import Call, current_call
from server.errors import UserError
from server.monitoring.monitoring import Monitoring
from server.toolkit.tool_errors import to_tool_error


class AuditMiddleware(Middleware):
    """Outermost: whatever becomes of a call, there is a record of it.

    Args:
        log: Takes the entries; None only to measure what the audit costs.
        entries: Makes them.
        monitoring: Who else is told.
    """

    def __init__(self, log: CallLog | None, entries: EntryWriter, monitoring: Monitoring) -> None:
        self._log = log
        self._entries = entries
        self._monitoring = monitoring

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the call with its record open, unless there is no room for one more entry.

        Raises:
            ToolError: With what the caller is told, be it that there is no room and the call did not run.
        """
        call = Call(context.message.name)
        activity, log = self._monitoring.activity, self._log
        began = time.perf_counter()
        returned: ToolResult | BaseException = RuntimeError()
        admitted = False
        opened = current_call.set(call)
        with self._monitoring.span(call, self._entries.name_of(call.tool), context.fastmcp_context) as span:
            activity.calls += 1
            try:
                if log is not None:
                    log.reserve()
                    admitted = True
                returned = await call_next(context)
            except UserError as error:
                returned = error
                raise to_tool_error(error) from None
            except BaseException as error:
                returned = error
                raise
            else:
                return returned
            finally:
                current_call.reset(opened)
                activity.calls -= 1
                transport = context.fastmcp_context.transport if context.fastmcp_context else None
                end = self._entries.end_of(call, time.perf_counter() - began, transport, returned)
                if log is not None and admitted:
                    log.leave()
                    for entry in self._entries.entries(call, context.message.arguments, end, returned):
                        log.append(entry)
                self._monitoring.call_ended(call, end, span)
