"""From a finished call to its entry in the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from fastmcp.tools import FunctionTool, ToolResult
from mcp import MCPError

from server.audit.arguments import KeptArguments, unknown_arguments
from server.call import Call
from server.errors import NotAllowedError, Outcome, RetailError

UNKNOWN_TOOL = "(unknown)"
# Where an answer has its rows; an answer without them is one row.
_ROWS = ("rows", "products")
_CUSTOMER = "customer_id"

COLUMNS = (
    "call_id",
    "called_at",
    "principal_id",
    "subject",
    "role",
    "store_id",
    "tool",
    "arguments",
    "row_count",
    "duration_ms",
    "outcome",
    "error_code",
    "transport",
    "customers",
)
Entry = tuple[Any, ...]
"""Values in the order of COLUMNS."""


class EntryWriter:
    """Makes entries.

    Args:
        tools: Functions of the tools that there are.
    """

    def __init__(self, tools: Iterable[Callable[..., Any]]) -> None:
        self._arguments: dict[str, KeptArguments] = {}
        self._with_customers: set[str] = set()
        for function in tools:
            tool = FunctionTool.from_function(function)
            self._arguments[tool.name] = KeptArguments(function)
            if f'"{_CUSTOMER}"' in str(tool.output_schema).replace("'", '"'):
                self._with_customers.add(tool.name)

    def entries(
        self,
        call: Call,
        arguments: Mapping[str, Any] | None,
        seconds: float,
        transport: str | None,
        end: ToolResult | BaseException,
    ) -> list[Entry]:
        """The entries of a call: one for each store that it entered, under the same call_id, or the only one.

        Args:
            call: What is known of it.
            arguments: As the caller sent them.
            seconds: How long it took.
            transport: How it came.
            end: What it returned or raised.
        """
        known = self._arguments.get(call.tool)
        outcome, code = _outcome(end, known=known is not None)
        answer = (end.structured_content if isinstance(end, ToolResult) else None) or {}
        principal = call.principal
        kept = known.as_json(arguments) if known else unknown_arguments(arguments)
        customers = _customers(answer) if call.tool in self._with_customers else None
        return [
            (
                call.call_id,
                call.started_at,
                principal.principal_id if principal else None,
                principal.subject if principal else None,
                role,
                store_id,
                call.tool if known else UNKNOWN_TOOL,
                kept,
                _row_count(answer) if outcome == "ok" else None,
                # Milliseconds that have begun, so that no call took none.
                int(seconds * 1000) + 1,
                outcome,
                code,
                transport,
                customers,
            )
            for store_id, role in call.entered.items() or ((None, None),)
        ]


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
    found: set[Any] = {answer.get(_CUSTOMER)}
    for value in answer.values():
        if isinstance(value, list):
            found.update(row.get(_CUSTOMER) for row in value if isinstance(row, dict))
    found.discard(None)
    return [UUID(customer) for customer in sorted(found)] or None
