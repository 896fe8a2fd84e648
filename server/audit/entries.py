"""From a finished call to its entry in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from fastmcp.tools import FunctionTool, ToolResult
from mcp import MCPError

from server.audit.arguments import KeptArguments, unread_arguments
from server.audit.call_log import Entry
from server.calls.call import UNKNOWN_TOOL, Call, CallEnd
from server.errors import NotAllowedError, Outcome, RetailError

# Where an answer has its rows; an answer without them is one row.
_ROWS = ("rows", "products")
_CUSTOMER = "customer_id"
_TABLE = {"columns", "rows"}


class EntryWriter:
    """Makes entries.

    Args:
        tools: The tools that there are.
    """

    def __init__(self, tools: Iterable[FunctionTool]) -> None:
        self._arguments: dict[str, KeptArguments] = {}
        self._with_customers: set[str] = set()
        for tool in tools:
            self._arguments[tool.name] = KeptArguments(tool)
            fields = (tool.output_schema or {}).get("properties", {})
            # A table of a caller's query names its columns itself.
            if set(fields) >= _TABLE or f'"{_CUSTOMER}"' in str(tool.output_schema).replace("'", '"'):
                self._with_customers.add(tool.name)

    @property
    def tools(self) -> Iterable[str]:
        """Names of the tools that there are."""
        return self._arguments.keys()

    def name_of(self, tool: str) -> str:
        """The name of a tool that there is; whatever else a caller asks for has one name."""
        return tool if tool in self._arguments else UNKNOWN_TOOL

    def end_of(
        self, call: Call, seconds: float, transport: str | None, returned: ToolResult | BaseException
    ) -> CallEnd:
        """What became of a call.

        Args:
            call: What is known of it.
            seconds: How long it took.
            transport: How it came.
            returned: What it returned or raised.
        """
        tool = self.name_of(call.tool)
        outcome, code = _outcome(returned, known=tool != UNKNOWN_TOOL)
        rows = _row_count(_answer(returned)) if outcome == "ok" else None
        rpc_code = returned.error.code if isinstance(returned, MCPError) else None
        return CallEnd(tool, outcome, code, rows, seconds, transport, rpc_code)

    def entries(
        self,
        call: Call,
        arguments: Mapping[str, Any] | None,
        end: CallEnd,
        returned: ToolResult | BaseException,
    ) -> list[Entry]:
        """The entries of a call: one for each store that it entered, under the same call_id, or the only one.

        Args:
            call: What is known of it.
            arguments: As the caller sent them.
            end: What became of it.
            returned: What it returned or raised.
        """
        known = self._arguments.get(call.tool)
        principal = call.principal
        kept = known.as_json(arguments) if known and call.admitted else unread_arguments(arguments)
        customers = _customers(_answer(returned)) if call.tool in self._with_customers else None
        return [
            (
                call.call_id,
                call.started_at,
                principal.principal_id if principal else None,
                principal.subject if principal else None,
                role,
                store_id,
                end.tool,
                kept,
                end.rows,
                # Milliseconds that have begun, so that no call took none.
                int(end.seconds * 1000) + 1,
                end.outcome,
                end.code,
                end.transport,
                customers,
            )
            for store_id, role in call.stores.items() or ((None, None),)
        ]


def _answer(returned: ToolResult | BaseException) -> dict[str, Any]:
    return (returned.structured_content if isinstance(returned, ToolResult) else None) or {}


def _outcome(end: ToolResult | BaseException, *, known: bool) -> tuple[Outcome, str | None]:
    """What became of the call, and the short code of why."""
    if isinstance(end, ToolResult):
        return ("failed", RetailError.code) if end.is_error else ("ok", None)
    if isinstance(end, RetailError):
        return end.outcome, end.code
    if isinstance(end, asyncio.CancelledError):
        return "cancelled", "cancelled"
    if isinstance(end, MCPError):
        # To the caller a tool outside of its scopes does not exist; here it is told apart.
        return "refused", NotAllowedError.code if known else "unknown_tool"
    return RetailError.outcome, RetailError.code


def _row_count(answer: Mapping[str, Any]) -> int:
    for name in _ROWS:
        if isinstance(answer.get(name), list):
            return len(answer[name])
    return 1


def _customers(answer: Mapping[str, Any]) -> list[UUID] | None:
    """Customers in an answer: the one that it is about, and those of its rows."""
    if isinstance(answer.get("columns"), list):
        return _customers_in_table(answer["columns"], answer.get("rows") or [])
    found: set[Any] = {answer.get(_CUSTOMER)}
    for value in answer.values():
        if isinstance(value, list):
            found.update(row.get(_CUSTOMER) for row in value if isinstance(row, dict))
    found.discard(None)
    return [UUID(customer) for customer in sorted(found)] or None


def _customers_in_table(columns: list[Any], rows: list[Any]) -> list[UUID] | None:
    """Customers in the rows of a caller's query, where it left the column its name and type."""
    places = [place for place, column in enumerate(columns) if column == {"name": _CUSTOMER, "type": "uuid"}]
    found = {row[place] for row in rows for place in places if row[place] is not None}
    return [UUID(customer) for customer in sorted(found)] or None
