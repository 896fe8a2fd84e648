"""An answer that is turned into JSON once is the one that FastMCP would make of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from fastmcp.tools import FunctionTool, ToolResult

from server.toolkit.answering import AnsweringTool
from server.toolkit.results import Answer, Money


class Sold(Answer):
    """An answer with values that JSON does not have."""

    day: date
    revenue: Money
    names: list[str]


async def sold() -> Sold:
    """Sell."""
    return Sold(day=date(2026, 2, 28), revenue=Decimal("12.50"), names=["Jacke", "Müsli", "\u2028"])


async def wire(kind: type[FunctionTool]) -> tuple[ToolResult, object]:
    result = kind.from_function(sold).convert_result(await sold())
    return result, result.to_mcp_result()


async def test_an_answer_is_what_fastmcp_would_make_of_it() -> None:
    ours, ours_sent = await wire(AnsweringTool)
    its, its_sent = await wire(FunctionTool)

    assert isinstance(AnsweringTool.from_function(sold), AnsweringTool)
    assert ours.model_dump() == its.model_dump()
    assert ours_sent == its_sent
    assert ours.structured_content == {"day": "2026-02-28", "revenue": "12.50", "names": ["Jacke", "Müsli", "\u2028"]}
