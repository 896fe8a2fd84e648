"""Opens the record of each tool call, and enters it in the audit log at its end."""

from __future__ import annotations

import time

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

from server.audit.call_log import CallLog
from server.audit.entries import EntryWriter
from server.call import Call, current_call


class CallRecord(Middleware):
    """Outermost: whatever becomes of a call, there is a record of it.

    Args:
        log: Takes the entries; None only to measure what the audit costs.
        entries: Makes them.
    """

    def __init__(self, log: CallLog | None, entries: EntryWriter) -> None:
        self._log = log
        self._entries = entries

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the call with its record open, unless there is no room for one more entry.

        Raises:
            AuditUnavailableError: There is none; the call did not run.
        """
        call = Call(context.message.name)
        if self._log is None:
            opened = current_call.set(call)
            try:
                return await call_next(context)
            finally:
                current_call.reset(opened)
        self._log.admit()
        began = time.perf_counter()
        end: ToolResult | BaseException = RuntimeError()
        opened = current_call.set(call)
        try:
            end = await call_next(context)
        except BaseException as error:
            end = error
            raise
        else:
            return end
        finally:
            current_call.reset(opened)
            transport = context.fastmcp_context.transport if context.fastmcp_context else None
            seconds = time.perf_counter() - began
            self._log.leave()
            for entry in self._entries.entries(call, context.message.arguments, seconds, transport, end):
                self._log.append(entry)
