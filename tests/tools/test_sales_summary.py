"""summarize_sales over demo stores, to the cent."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from fastmcp import Client

from server.tools.sales.dimensions import Dimension
from server.tools.sales.metrics import DEFINITIONS, Metric
from tests.support import answer, refusal
from tests.tools.asking import Callers, walk
from tests.tools.conftest import DEMO_STORES
from tests.tools.reference.rows import StoreData
from tests.tools.reference.sales import METRICS, OF_DAYS, ORDERED, Period, summary

COMPARISONS = ("previous_period", "same_period_last_year")
DIMENSIONS = tuple(dimension.value for dimension in Dimension if dimension is not Dimension.STORE)
MEMBERS = tuple(dimension for dimension in DIMENSIONS if dimension not in OF_DAYS)
ALL_METRICS = tuple(metric.value for metric in Metric)
PERIODS = {
    "one day": (date(2026, 11, 14), date(2026, 11, 14)),
    "a week from Thursday": (date(2026, 11, 5), date(2026, 11, 11)),
    "a month": (date(2026, 3, 1), date(2026, 3, 31)),
    "the day the clock falls back": (date(2026, 11, 1), date(2026, 11, 1)),
    "a year": (date(2025, 11, 20), date(2026, 11, 19)),
    "before any sale": (date(2023, 2, 25), date(2023, 3, 1)),
}
YEARS = {
    **PERIODS,
    "the day the clock springs forward": (date(2026, 3, 8), date(2026, 3, 8)),
    "a leap day": (date(2024, 2, 29), date(2024, 2, 29)),
    "the winter after a leap day": (date(2025, 1, 27), date(2025, 3, 16)),
    "a quarter": (date(2026, 4, 1), date(2026, 6, 30)),
}


def asking(period: Period, **arguments: Any) -> dict[str, Any]:
    return {"start_date": period[0].isoformat(), "end_date": period[1].isoformat(), "limit": 400, **arguments}


def assert_same(given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Equal but for the order of groups that rank the same."""
    assert {**given, "rows": None} == {**expected, "rows": None}
    by_key = [{(row["key"], row.get("second_key")): row for row in answer["rows"]} for answer in (given, expected)]
    assert by_key[0] == by_key[1]
    assert len(given["rows"]) == len(expected["rows"])
    assert [_place(row, given["group_by"]) for row in given["rows"]] == [
        _place(row, expected["group_by"]) for row in expected["rows"]
    ]


def _place(row: dict[str, Any], group_by: list[str]) -> Any:
    keys = [row["key"], row.get("second_key")]
    return [key for key, dimension in zip(keys, group_by, strict=False) if dimension in ORDERED] + [row.get("rank")]


@pytest.mark.parametrize("period", PERIODS)
async def test_every_metric_and_change_of_every_store_equals_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], period: str
) -> None:
    for store_id in DEMO_STORES:
        for compare_to in (None, *COMPARISONS):
            asked = asking(PERIODS[period], metrics=ALL_METRICS, **({"compare_to": compare_to} if compare_to else {}))
            given = await answer(await demo_as(store_id), "summarize_sales", **asked)

            expected = summary([demo_data[store_id]], PERIODS[period], metrics=ALL_METRICS, compare_to=compare_to)
            assert given == expected


@pytest.mark.parametrize("dimension", DIMENSIONS)
async def test_every_dimension_equals_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], dimension: str
) -> None:
    for store_id, period in (("seattle", "a month"), ("seattle", "one day"), ("online", "a month")):
        asked = asking(PERIODS[period], group_by=[dimension], metrics=ALL_METRICS)
        given = await answer(await demo_as(store_id), "summarize_sales", **asked)

        assert_same(given, summary([demo_data[store_id]], PERIODS[period], group_by=[dimension], metrics=ALL_METRICS))


@pytest.mark.parametrize("dimension", DIMENSIONS)
async def test_every_dimension_is_compared_with_itself_across_leap_days_and_clock_changes(
    years_client: Client[Any], years_data: StoreData, dimension: str
) -> None:
    for period in YEARS.values():
        for compare_to in COMPARISONS:
            asked = asking(period, group_by=[dimension], compare_to=compare_to)
            given = await answer(years_client, "summarize_sales", **asked)

            assert_same(given, summary([years_data], period, group_by=[dimension], compare_to=compare_to))


@pytest.mark.parametrize("first", DIMENSIONS)
async def test_every_pair_of_dimensions_equals_the_reference(
    years_client: Client[Any], years_data: StoreData, first: str
) -> None:
    period = (date(2026, 9, 1), date(2026, 9, 30))
    for second in DIMENSIONS:
        if second != first:
            asked = asking(period, group_by=[first, second], metrics=["units_sold", "net_revenue", "transactions"])
            rows = await walk(years_client, "summarize_sales", **asked)
            expected = summary(
                [years_data],
                period,
                group_by=[first, second],
                metrics=["units_sold", "net_revenue", "transactions"],
            )
            given = {(row["key"], row["second_key"]): row for row in rows}
            assert given == {(row["key"], row["second_key"]): row for row in expected["rows"]}


async def test_a_range_of_ones_choice_is_compared_bucket_by_bucket(
    years_client: Client[Any], years_data: StoreData
) -> None:
    now = (date(2026, 10, 1), date(2026, 11, 15))
    for other in ((date(2025, 1, 1), date(2025, 3, 31)), (date(2026, 9, 17), date(2026, 10, 3))):
        for dimension in ("day", "week", "month", "quarter", "weekday", "brand"):
            asked = asking(now, group_by=dimension, compare_start_date=str(other[0]), compare_end_date=str(other[1]))
            given = await answer(years_client, "summarize_sales", **asked)

            assert_same(given, summary([years_data], now, group_by=[dimension], other=other))


async def test_a_named_period_is_the_same_as_its_days(recent_as: Callers) -> None:
    client = await recent_as("seattle")
    for name in ("last_month", "this_quarter", "last_7_days"):
        named = await answer(client, "summarize_sales", period=name, group_by="category")
        days = {key: named["period"][key] for key in ("start_date", "end_date")}

        assert named == await answer(client, "summarize_sales", **days, group_by="category")
    last_month = await answer(client, "summarize_sales", period="last_month", compare_to="previous_period")
    assert last_month["comparison_period"]["start_date"].endswith("-01")
    assert last_month["comparison_period"]["end_date"] < last_month["period"]["start_date"]


@pytest.mark.parametrize("group_by", [["day"], ["brand"], ["brand", "payment_method"], ["week", "category"]])
async def test_pages_together_are_the_whole_breakdown(demo_as: Callers, group_by: list[str]) -> None:
    asked = asking((date(2026, 10, 21), date(2026, 11, 19)), group_by=group_by, compare_to="previous_period")
    client = await demo_as("seattle")
    whole = await answer(client, "summarize_sales", **asked)
    del asked["limit"]

    for limit in (7, 50):
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


async def test_costs_are_for_those_who_may_see_them(demo_as: Callers) -> None:
    period = PERIODS["a month"]
    for role in ("support", "auditor"):
        for metric in ("cost", "margin", "margin_rate"):
            client = await demo_as("seattle", role=role)
            message = await refusal(client, "summarize_sales", **asking(period), metrics=["net_revenue", metric])
            assert "does not see costs" in message
    analyst = await answer(
        await demo_as("seattle", role="analyst"), "summarize_sales", **asking(period), metrics="cost"
    )
    assert set(analyst["totals"]["figures"]) == {"cost"}


async def test_half_a_comparison_is_refused(demo_as: Callers) -> None:
    client = await demo_as("seattle")
    for asked in (
        {"compare_start_date": "2026-01-01"},
        {"compare_end_date": "2026-01-01"},
        {"compare_start_date": "2026-01-01", "compare_end_date": "2026-01-02", "compare_to": "previous_period"},
    ):
        assert "both compare_start_date and compare_end_date" in await refusal(client, "summarize_sales", **asked)
    assert "either period or start_date" in await refusal(
        client, "summarize_sales", period="today", start_date="2026-01-01"
    )


def test_the_reference_knows_every_metric() -> None:
    """Guards the yardstick: what it does not know, it would not compare."""
    assert set(METRICS) == set(DEFINITIONS) == set(Metric)


def test_the_compared_years_have_sales(years_data: StoreData) -> None:
    """Guards the comparisons: nothing compared with nothing would prove nothing."""
    days = {receipt.day for receipt in years_data.receipts}

    assert {date(2024, 2, 29), date(2025, 3, 8), date(2026, 3, 8), date(2025, 11, 14), date(2026, 11, 14)} <= days
