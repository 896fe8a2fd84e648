"""Calls of every tool, so that what holds for all tools is asked of all tools."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from tests.tools import records
from tests.tools.neighbours import Neighbours, Side
from tests.tools.record import ToolRecord

Call = tuple[str, dict[str, Any]]


def _read() -> dict[str, ToolRecord]:
    names = sorted(module.name for module in pkgutil.iter_modules(records.__path__))
    return {name: importlib.import_module(f"{records.__name__}.{name}").RECORD for name in names}


RECORDS = _read()
"""What is known of each tool, in the order of their names."""


def calls_about(side: Side, *, query: str = "hammer") -> list[Call]:
    """Calls that together touch every tool of a manager and name this side's ids, numbers and words."""
    return [(tool, asked) for tool, record in RECORDS.items() for asked in record.calls(side, query)]


def naming(tool: str, store_id: str) -> dict[str, Any]:
    """How a call of a tool names the store that it is about."""
    parameter = RECORDS[tool].naming
    return {parameter: [store_id] if parameter == "stores" else store_id}


async def tool_names(sides: Neighbours) -> set[str]:
    """Every tool that a manager has."""
    client = await sides.acting("seattle")
    return {tool.name for tool in await client.list_tools()}
