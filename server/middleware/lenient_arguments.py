"""Arguments as clients and models really send them, read as the tool's schema means them.

What is still wrong afterwards is refused by validation, as ever. Sources of what is sent:

- null and empty values for what is left out: strict modes of model providers make every argument required
  (langflow-ai/langflow#8059, grll/mcpadapt#38);
- JSON text of a list or an object (anthropics/claude-code#59227, PrefectHQ/fastmcp#932);
- a lone value for a list of one, a number for an identifier, a day without zeros or with a time behind it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import mcp_types
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult

_EMPTY: tuple[Any, ...] = (None, "", [], {})
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ][\d:.,]+ ?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)


class LenientArguments(Middleware):
    """Reads the arguments of a call by the tool's schema, before they are validated."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the call with its arguments as they are meant; the audit log has them so, too."""
        message = context.message
        if message.arguments and context.fastmcp_context is not None:
            tool = await context.fastmcp_context.fastmcp.get_tool(message.name)
            if tool is not None:
                message.arguments = read_arguments(message.arguments, tool.parameters)
        return await call_next(context)


def read_arguments(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as a schema of parameters means them; those that it does not have stay as they are."""
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return {
        name: _read(value, properties[name]) if name in properties else value
        for name, value in arguments.items()
        if name in required or name not in properties or value not in _EMPTY
    }


def _read(value: Any, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind in ("array", "object") and isinstance(value, str):
        value = _from_json(value, list if kind == "array" else dict)
    if kind == "array" and value is not None:
        values = value if isinstance(value, list) else [value]
        return [_read(each, schema.get("items", {})) for each in values]
    if kind == "string" and "enum" not in schema and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if schema.get("format") == "date" and isinstance(value, str) and (found := _DAY.fullmatch(value.strip())):
        year, month, day = found.groups()
        return f"{year}-{month:0>2}-{day:0>2}"
    return value


def _from_json(text: str, kind: type[list[Any]] | type[dict[str, Any]]) -> Any:
    """What a text is the JSON of, if that is of the kind that is declared; else the text."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, kind) else text
