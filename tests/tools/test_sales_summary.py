"""summarize_sales over demo stores, to the cent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from fastmcp import Client

from tests.support import answer
from tests.tools.asking import Callers, walk
from tests.tools.conftest import DEMO_STORES
from tests.tools.reference import ADDITIVE, StoreData, group_rank, summary

TIME = ("day", "week", "month")
GOODS = ("category", "subcategory", "brand", "product", "payment_method")
COMPARISONS = ("previous_period", "last_year")
PERIODS = {
    "one day": (date(2026, 11, 14), date(2026, 11, 14)),
    "a week from Monday": (date(2026, 11, 9), date(2026, 11, 15)),
    "a week from Thursday": (date(2026, 11, 5), date(2026, 11, 11)),
    "a month": (date(2026, 3, 1), date(2026, 3, 31)),
    "the day the clock springs forward": (date(2026, 3, 8), date(2026, 3, 8)),
    "the day the clock falls back": (date(2026, 11, 1), date(2026, 11, 1)),
    "a year": (date(2025, 11, 20), date(2026, 11, 19)),
    "before any sale": (date(2023, 2, 25), date(2023, 3, 1)),
}
YEARS = {
    **PERIODS,
    "a leap day": (date(2024, 2, 29), date(2024, 2, 29)),
    "the winter after a leap day": (date(2025, 1, 27), date(2025, 3, 16)),
}


def asking(period: tuple[date, date], **arguments: Any) -> dict[str, Any]:
    return {"start_date": period[0].isoformat(), "end_date": period[1].isoformat(), "limit": 400, **arguments}


def assert_same(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Equal but for the order of groups that rank the same."""
    assert {**given, "rows": None} == {**expected, "rows": None}
    if given["group_by"] in TIME:
        assert given["rows"] == expected["rows"]
    else:
        assert {row["key"]: row for row in given["rows"]} == {row["key"]: row for row in expected["rows"]}
        assert [group_rank(row) for row in given["rows"]] == [group_rank(row) for row in expected["rows"]]


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("store_id", DEMO_STORES)
async def test_totals_and_changes_equal_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], store_id: str, period: str
) -> None:
    client = await demo_as(store_id)
    for compare_to in (None, *COMPARISONS):
        given = await answer(client, "summarize_sales", **asking(PERIODS[period], compare_to=compare_to))

        assert given == summary(demo_data[store_id], *PERIODS[period], compare_to=compare_to)


@pytest.mark.parametrize("period", ["one day", "a month", "a year"])
@pytest.mark.parametrize("group_by", [*TIME, *GOODS])
async def test_groups_of_the_largest_store_equal_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], group_by: str, period: str
) -> None:
    given = await answer(await demo_as("seattle"), "summarize_sales", **asking(PERIODS[period], group_by=group_by))

    assert_same(given, summary(demo_data["seattle"], *PERIODS[period], group_by))


@pytest.mark.parametrize("group_by", [*TIME, *GOODS])
@pytest.mark.parametrize("store_id", ["redmond", "bellevue", "online"])
async def test_groups_of_other_stores_equal_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], store_id: str, group_by: str
) -> None:
    period = PERIODS["a month"]
    given = await answer(await demo_as(store_id), "summarize_sales", **asking(period, group_by=group_by))

    assert_same(given, summary(demo_data[store_id], *period, group_by))


@pytest.mark.parametrize("period", YEARS)
@pytest.mark.parametrize("group_by", TIME)
async def test_time_buckets_are_in_order_and_without_gaps(
    years_client: Client[Any], years_data: StoreData, group_by: str, period: str
) -> None:
    given = await answer(years_client, "summarize_sales", **asking(YEARS[period], group_by=group_by))

    assert_same(given, summary(years_data, *YEARS[period], group_by))


@pytest.mark.parametrize("compare_to", COMPARISONS)
@pytest.mark.parametrize("period", YEARS)
@pytest.mark.parametrize("group_by", GOODS)
async def test_groups_of_goods_and_payments_are_compared_with_themselves(
    years_client: Client[Any], years_data: StoreData, group_by: str, period: str, compare_to: str
) -> None:
    asked = asking(YEARS[period], group_by=group_by, compare_to=compare_to)
    given = await answer(years_client, "summarize_sales", **asked)

    assert_same(given, summary(years_data, *YEARS[period], group_by, compare_to))


@pytest.mark.parametrize("compare_to", COMPARISONS)
@pytest.mark.parametrize("period", YEARS)
@pytest.mark.parametrize("group_by", TIME)
async def test_a_time_bucket_is_compared_with_its_own_days_in_the_other_period(
    years_client: Client[Any], years_data: StoreData, group_by: str, period: str, compare_to: str
) -> None:
    asked = asking(YEARS[period], group_by=group_by, compare_to=compare_to)
    given = await answer(years_client, "summarize_sales", **asked)

    expected = summary(years_data, *YEARS[period], group_by, compare_to)
    compared = ("key", "comparison_net_revenue", "net_revenue_change", "net_revenue_change_percent")
    assert [[row[name] for name in compared] for row in given["rows"]] == [
        [row[name] for name in compared] for row in expected["rows"]
    ]


@pytest.mark.parametrize("limit", [7, 50])
@pytest.mark.parametrize("group_by", ["day", "brand"])
async def test_pages_together_are_the_whole_breakdown(demo_as: Callers, group_by: str, limit: int) -> None:
    asked = asking((date(2026, 10, 21), date(2026, 11, 19)), group_by=group_by, compare_to="previous_period")
    client = await demo_as("seattle")
    whole = await answer(client, "summarize_sales", **asked)
    del asked["limit"]

    assert await walk(client, "summarize_sales", **asked, limit=limit) == whole["rows"]


async def test_every_page_repeats_the_totals_of_the_whole_period(demo_as: Callers) -> None:
    client = await demo_as("seattle")
    period = PERIODS["a month"]
    totals = (await answer(client, "summarize_sales", **asking(period)))["totals"]
    asked = asking(period, group_by="category", limit=2)

    first = await answer(client, "summarize_sales", **asked)
    second = await answer(client, "summarize_sales", **asked, cursor=first["next_cursor"])

    assert first["totals"] == second["totals"] == totals
    assert first["rows"] != second["rows"]


def test_the_reference_itself_adds_up(demo_data: dict[str, StoreData]) -> None:
    """Guards the yardstick: what it says of the groups is what it says of the whole."""
    found = summary(demo_data["seattle"], *PERIODS["a year"], "category")

    for name in ADDITIVE:
        parts = sum((Decimal(row["figures"][name]) for row in found["rows"]), Decimal(0))
        assert parts == Decimal(found["totals"][name])


def test_the_compared_years_have_sales(years_data: StoreData) -> None:
    """Guards the comparisons: nothing compared with nothing would prove nothing."""
    days = {receipt.day for receipt in years_data.receipts}

    assert {date(2024, 2, 29), date(2025, 3, 8), date(2026, 3, 8), date(2025, 11, 14), date(2026, 11, 14)} <= days
