"""The calls that are measured: a look-up, an aggregate and a search, each with many arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench import bare_server
from bench.database import Retailer
from bench.options import BenchOptions
from bench.recording import Statement, record
from server.db.operator import admin_connection

STORE = "seattle"
E_MAIL, TOP, SEARCH, BARE = "customer by e-mail", "top products, a year", "product search", "bare FastMCP tool"
_E_MAILS = """
select email from retail.customers where store_id = $1 and email is not null order by customer_id limit 64
"""
_RANKED_BY = ("revenue", "units", "margin")
_SEARCHES = (
    "something to keep my coffee hot on the way to work",
    "warm jacket for a rainy autumn",
    "wireless headphones for running",
    "gift for a child who likes science",
    "light for reading in bed",
    "tool to fix a bicycle at home",
    "moisturizer for dry sensitive skin",
    "book about the history of food",
    "pan that nothing sticks to",
    "charger for two phones in the car",
    "mat for yoga at home",
    "quiet fan for the bedroom",
    "running shoes for wet trails",
    "storage for small screws and nails",
    "shampoo without perfume",
    "camera to watch the front door",
)


@dataclass(frozen=True)
class Call:
    """One call and the statements that answer it."""

    arguments: Mapping[str, Any]
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Case:
    """Calls of one tool; clients go round them.

    Attributes:
        name: What the table says.
        tool: The tool.
        calls: At least one.
        is_answer: Whether a structured result is what was asked for.
    """

    name: str
    tool: str
    calls: Sequence[Call]
    is_answer: Callable[[Mapping[str, Any]], bool]


async def cases(retailer: Retailer, token: str, options: BenchOptions) -> list[Case]:
    """The three cases, with the statements that the tools run for them."""
    async with admin_connection(retailer.admin_url) as connection:
        e_mails = [row["email"] for row in await connection.fetch(_E_MAILS, STORE)]
    last_day = options.demo.as_of - timedelta(days=1)
    year = {"start_date": str(last_day - timedelta(days=364)), "end_date": str(last_day)}

    async def case(
        name: str, tool: str, arguments: Sequence[Mapping[str, Any]], is_answer: Callable[[Mapping[str, Any]], bool]
    ) -> Case:
        statements = await record(retailer, token, tool, arguments)
        return Case(name, tool, [Call(*call) for call in zip(arguments, statements, strict=True)], is_answer)

    return [
        await case(
            E_MAIL, "search_customers", [{"email": e_mail} for e_mail in e_mails], lambda found: len(found["rows"]) == 1
        ),
        await case(
            TOP,
            "list_top_products",
            [{**year, "rank_by": figure} for figure in _RANKED_BY],
            lambda found: len(found["rows"]) > 0,
        ),
        await case(
            SEARCH,
            "search_products",
            [{"query": text} for text in _SEARCHES],
            # A small catalogue may have nothing to offer; it must have been looked through by meaning, though.
            lambda found: found["search_mode_used"] == "hybrid" and found["note"] is None,
        ),
    ]


def bare_case() -> Case:
    """The tool of `bench.bare_server`, which has no statements and so no baseline."""
    calls = [Call({"left": left, "right": 7}, ()) for left in range(8)]
    return Case(BARE, bare_server.TOOL, calls, lambda found: found["product"] == found["left"] * 7)
