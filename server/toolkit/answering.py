"""A tool whose answer is turned into what is sent once, as text and as structured content."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fastmcp.tools import FunctionTool, ToolResult
from fastmcp.utilities.json_schema import dereference_refs
from mcp_types import TextContent
from pydantic_core import to_json

from server.errors import UserError
from server.toolkit.results import Answer
from server.toolkit.schemas import concise
from server.toolkit.tool_errors import to_tool_error


class AnsweringTool(FunctionTool):
    """Does what FastMCP would do with an answer, which it turns into JSON twice over: of a large one most of a call."""

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Run the tool; what it has to tell the caller FastMCP would take for a failure of the server."""
        try:
            return await super().run(arguments)
        except UserError as error:
            raise to_tool_error(error) from error

    def convert_result(self, raw_value: Any) -> ToolResult:
        """The answer in both forms."""
        if not isinstance(raw_value, Answer):
            return super().convert_result(raw_value)
        return result_of(raw_value.model_dump(mode="json"))


@cache
def tool_of(function: Callable[..., Any]) -> FunctionTool:
    """A tool as callers are told of it, made once: nothing else at a server's start takes as long as reading types."""
    tool = AnsweringTool.from_function(function)
    tool.parameters = concise(tool.parameters)
    if tool.output_schema is not None:
        # Several clients resolve no references. FastMCP would, anew each time it lists tools.
        tool.output_schema = dereference_refs(tool.output_schema)
    return tool


def result_of(answer: dict[str, Any]) -> ToolResult:
    """A result of plain JSON values, without a second look at each of them."""
    return ToolResult.model_construct(
        content=[TextContent(type="text", text=to_json(answer).decode())],
        structured_content=answer,
        meta=None,
        is_error=False,
    )
