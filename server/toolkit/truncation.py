"""Cuts an answer that is too large, and says so in the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastmcp.tools import ToolResult
from mcp_types import TextContent
from pydantic_core import to_json

from server.errors import ResultTooLargeError
from server.toolkit.results import Truncated

CursorAfter = Callable[[int], str]


def size_of(result: ToolResult) -> int:
    """Bytes of an answer as JSON; it is sent twice, as text and as structured content."""
    return sum(len(part.text.encode()) for part in result.content if isinstance(part, TextContent))


def shortened(result: ToolResult, max_bytes: int, cursor_after: CursorAfter | None) -> ToolResult:
    """The answer with as many of its rows as fit, and the mark that tells how many do not.

    The longest of its lists loses rows from the end. What its schema promises stays true: `truncated` is a
    field of every answer, `has_more` becomes true, and `next_cursor` leads to the first row left out.

    Args:
        result: What the tool returned.
        max_bytes: Most bytes of JSON.
        cursor_after: Makes the cursor that continues after so many rows of this answer, if the tool can page.

    Raises:
        ResultTooLargeError: Not even one row fits.
    """
    if size_of(result) <= max_bytes or result.structured_content is None:
        return result
    answer = dict(result.structured_content)
    sizes = {name: [_size(row) for row in value] for name, value in answer.items() if isinstance(value, list)}
    if not sizes:
        raise ResultTooLargeError
    name = max(sizes, key=lambda name: sum(sizes[name]))
    rows = answer[name]
    paged = "next_cursor" in answer and cursor_after is not None
    # The mark and the cursor at their longest are set aside first.
    answer |= {name: [], "truncated": _mark(name, len(rows), len(rows), paged=paged)}
    if paged and cursor_after is not None:
        answer |= {"has_more": True, "next_cursor": cursor_after(len(rows))}
    room = max_bytes - _size(answer) - _SLACK
    kept = 0
    for size in sizes[name]:
        room -= size + 1
        if room < 0:
            break
        kept += 1
    if kept == 0:
        raise ResultTooLargeError
    answer |= {name: rows[:kept], "truncated": _mark(name, kept, len(rows), paged=paged)}
    if paged and cursor_after is not None:
        answer["next_cursor"] = cursor_after(kept)
    return ToolResult(structured_content=answer)


# The position in a cursor may need more characters after fewer rows, such as a longer time stamp.
_SLACK = 256


def _mark(name: str, kept: int, total: int, *, paged: bool) -> dict[str, Any]:
    advice = (
        "Pass next_cursor to get them."
        if paged
        else "Ask for fewer at a time, or narrower, to get them; this answer has no further page."
    )
    return Truncated(
        field=name,
        left_out=total - kept,
        advice=f"The answer was too large: {kept} of {total} {name} are here. {advice}",
    ).model_dump()


def _size(value: Any) -> int:
    return len(to_json(value))
