"""Cuts an answer that is too large, and says so in the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from fastmcp.tools import ToolResult
from mcp_types import TextContent
from pydantic_core import to_json

from server.errors import ResultTooLargeError
from server.toolkit.answering import result_of
from server.toolkit.results import Truncated

CursorAfter = Callable[[int], str]


def size_of(result: ToolResult) -> int:
    """Bytes of an answer as JSON; it is sent twice, as text and as structured content."""
    return sum(len(part.text.encode()) for part in result.content if isinstance(part, TextContent))


def shortened(result: ToolResult, max_bytes: int, cursor_after: CursorAfter | None) -> ToolResult:
    """The answer with as many of its rows as fit, and the mark that tells how many do not.

    Lists lose rows from the end: of an answer that has further pages the longest one, of others each that takes more
    than its share of the room. What its schema promises stays true: `truncated` is a field of every answer, `has_more`
    becomes true, and `next_cursor` leads to the first row left out.

    Args:
        result: What the tool returned.
        max_bytes: Most bytes of JSON.
        cursor_after: Makes the cursor that continues after so many rows of this answer, if the tool can page.

    Raises:
        ResultTooLargeError: Of one of them not even one row fits.
    """
    if size_of(result) <= max_bytes or result.structured_content is None:
        return result
    answer = dict(result.structured_content)
    sizes = {
        name: [_size(row) + 1 for row in value] for name, value in answer.items() if isinstance(value, list) and value
    }
    paged = "next_cursor" in answer and cursor_after is not None
    if paged and sizes:
        longest = max(sizes, key=lambda name: sum(sizes[name]))
        sizes = {longest: sizes[longest]}
    # The mark and the cursor at their longest are set aside first.
    answer |= {name: [] for name in sizes}
    answer["truncated"] = _mark({name: (len(rows), len(rows)) for name, rows in sizes.items()}, paged=paged)
    if paged and cursor_after is not None:
        answer |= {"has_more": True, "next_cursor": cursor_after(max(map(len, sizes.values()), default=0))}
    kept = _kept(sizes, max_bytes - _size(answer) - _SLACK)
    if not kept or not all(kept.values()):
        raise ResultTooLargeError
    answer |= {name: result.structured_content[name][:number] for name, number in kept.items()}
    cut = {name: (number, len(sizes[name])) for name, number in kept.items() if number < len(sizes[name])}
    answer["truncated"] = _mark(cut, paged=paged)
    if paged and cursor_after is not None:
        (number,) = kept.values()
        answer["next_cursor"] = cursor_after(number)
    return result_of(answer)


def _kept(sizes: Mapping[str, Sequence[int]], room: int) -> dict[str, int]:
    """How many rows of each list fit: what a short one does not need of its share is for the longer ones."""
    kept = {}
    shortest_first = sorted(sizes, key=lambda name: sum(sizes[name]))
    for others, name in zip(range(len(sizes) - 1, -1, -1), shortest_first, strict=True):
        share = room // (others + 1)
        kept[name] = sum(taken <= share for taken in accumulate(sizes[name]))
        room -= sum(sizes[name][: kept[name]])
    return kept


# The position in a cursor may need more characters after fewer rows, such as a longer time stamp.
_SLACK = 256


def _mark(cut: Mapping[str, tuple[int, int]], *, paged: bool) -> dict[str, Any]:
    advice = (
        "Pass next_cursor to get them."
        if paged
        else "Ask for fewer at a time, or narrower, to get them; this answer has no further page."
    )
    here = " and ".join(f"{kept} of {total} {name}" for name, (kept, total) in cut.items())
    return Truncated(
        field=", ".join(cut),
        left_out=sum(total - kept for kept, total in cut.values()),
        advice=f"The answer was too large: {here} are here. {advice}",
    ).model_dump()


def _size(value: Any) -> int:
    return len(to_json(value))
