"""list_top_products over the demo retailer."""

from __future__ import annotations

from datetime import date

import pytest

from tests.support import answer
from tests.tools.asking import Callers, walk
from tests.tools.reference.rows import StoreData
from tests.tools.reference.sales import top_products

PERIODS = {
    "one day": (date(2026, 11, 14), date(2026, 11, 14)),
    "a month": (date(2026, 10, 1), date(2026, 10, 31)),
    "the whole history": (date(2025, 11, 20), date(2026, 11, 19)),
    "before any sale": (date(2024, 2, 28), date(2024, 3, 1)),
}


def dates(period: str) -> dict[str, str]:
    first, last = PERIODS[period]
    return {"start_date": first.isoformat(), "end_date": last.isoformat()}


@pytest.mark.parametrize("order", ["best", "slowest"])
@pytest.mark.parametrize("rank_by", ["revenue", "units", "margin"])
@pytest.mark.parametrize("period", PERIODS)
async def test_ranking_equals_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], period: str, rank_by: str, order: str
) -> None:
    rows = await walk(
        await demo_as("redmond"), "list_top_products", limit=100, **dates(period), rank_by=rank_by, order=order
    )

    assert rows == top_products(demo_data["redmond"], *PERIODS[period], rank_by, order)


@pytest.mark.parametrize("category", ["Home & Garden", "home & garden", "Kitchen & Dining", "No such category"])
@pytest.mark.parametrize("order", ["best", "slowest"])
async def test_a_category_is_ranked_by_itself_with_shares_of_the_whole_store(
    demo_as: Callers, demo_data: dict[str, StoreData], order: str, category: str
) -> None:
    rows = await walk(
        await demo_as("online"), "list_top_products", limit=100, **dates("a month"), order=order, category=category
    )

    assert rows == top_products(demo_data["online"], *PERIODS["a month"], order=order, category=category)


@pytest.mark.parametrize("limit", [1, 9])
async def test_pages_together_are_the_whole_ranking(
    demo_as: Callers, demo_data: dict[str, StoreData], limit: int
) -> None:
    rows = await walk(await demo_as("bellevue"), "list_top_products", limit=limit, **dates("one day"))

    assert rows == top_products(demo_data["bellevue"], *PERIODS["one day"])


async def test_the_answer_names_what_was_asked(demo_as: Callers) -> None:
    found = await answer(
        await demo_as("bellevue"), "list_top_products", **dates("a month"), rank_by="margin", order="slowest", limit=1
    )

    assert {name: found[name] for name in ("store_id", "currency", "rank_by", "order", "period")} == {
        "store_id": "bellevue",
        "currency": "USD",
        "rank_by": "margin",
        "order": "slowest",
        "period": {**dates("a month"), "time_zone": "America/Los_Angeles"},
    }
