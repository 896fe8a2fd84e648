"""A store without anything in it is a store like any other: zeros, nulls and empty lists, no error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastmcp import Client

from server.db.operator import admin_connection
from tests.cluster import Cluster
from tests.support import Retailer, answer, refusal
from tests.tools.calls import RECORDS
from tests.tools.periods import EMPTY_PERIOD
from tests.tools.shop import Shop

ZEROS = {"net_revenue": "0.00", "units_sold": 0, "transactions": 0}
NO_ROWS = {"rows": [], "has_more": False, "next_cursor": None}
ABSENT = [tool for tool, record in RECORDS.items() if record.absent is not None]
LISTS = [(tool, asked) for tool, record in RECORDS.items() for asked in record.empty]
# Neither a list nor one thing: each has a test here.
FIGURES = {
    "compare_stores", "get_products", "get_schema", "get_store_context", "list_categories", "run_query",
    "summarize_customers", "summarize_inventory",
}  # fmt: skip


@pytest.fixture(scope="module")
async def client(cluster: Cluster, template: str) -> AsyncIterator[Client[Any]]:
    """The manager of a store that has just been opened."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        async with admin_connection(retailer.admin_url) as connection:
            shop = await Shop.open(retailer, connection)
        async with shop.client() as client:
            yield client


async def test_every_tool_is_asked_here(client: Client[Any]) -> None:
    asked = {*ABSENT, *(tool for tool, _ in LISTS), *FIGURES}

    assert asked == {tool.name for tool in await client.list_tools()}


async def test_sql_finds_nothing(client: Client[Any]) -> None:
    tables = (await answer(client, "get_schema"))["tables"]
    found = await answer(client, "run_query", sql="select count(*) as receipts, sum(net_revenue) as net from sales")

    assert tables
    assert found["rows"] == [[0, None]]


@pytest.mark.parametrize(("tool", "asked"), LISTS, ids=str)
async def test_a_list_is_empty_and_ends(client: Client[Any], tool: str, asked: dict[str, Any]) -> None:
    found = await answer(client, tool, **asked)

    assert {name: found[name] for name in NO_ROWS} == NO_ROWS
    assert found.get("total_matches", 0) == 0


@pytest.mark.parametrize("compare_to", ["previous_period", "same_period_last_year"])
async def test_totals_are_zero_and_changes_have_no_percentage(client: Client[Any], compare_to: str) -> None:
    found = await answer(client, "summarize_sales", **EMPTY_PERIOD, compare_to=compare_to)

    assert found["totals"] == {
        "figures": ZEROS,
        "comparison": ZEROS,
        "change": ZEROS,
        "change_percent": {},
        "few_events": True,
    }


@pytest.mark.parametrize(
    ("group_by", "keys"),
    [
        ("day", ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"]),
        ("week", ["2026-10-30", "2026-11-02"]),
        ("month", ["2026-10-30", "2026-11-01"]),
    ],
)
async def test_time_buckets_are_there_with_zeros(client: Client[Any], group_by: str, keys: list[str]) -> None:
    found = await answer(client, "summarize_sales", **EMPTY_PERIOD, group_by=group_by)

    assert [row["key"] for row in found["rows"]] == keys
    assert [row["figures"] for row in found["rows"]] == [ZEROS] * len(keys)
    assert not any("share_percent" in row for row in found["rows"])


async def test_a_comparison_of_stores_has_a_row_of_zeros(client: Client[Any]) -> None:
    found = await answer(client, "compare_stores", **EMPTY_PERIOD)

    assert [(row["store_id"], row["figures"], row["rank"]) for row in found["rows"]] == [("seattle", ZEROS, 1)]


@pytest.mark.parametrize("tool", ABSENT)
async def test_one_thing_is_refused_as_not_there(client: Client[Any], tool: str) -> None:
    assert "in seattle." in await refusal(client, tool, **(RECORDS[tool].absent or {}))


async def test_products_by_number_are_all_not_found(client: Client[Any]) -> None:
    found = await answer(client, "get_products", products=["ONE", "TWO"])

    assert found == {"store_id": "seattle", "currency": "USD", "products": [], "not_found": ["ONE", "TWO"]}


async def test_there_is_no_category(client: Client[Any]) -> None:
    found = await answer(client, "list_categories")

    assert found == {"store_id": "seattle", "currency": "USD", "rows": [], "has_more": False}


async def test_no_product_runs_out(client: Client[Any]) -> None:
    found = await answer(client, "list_low_stock")

    assert (found["low_products"], found["out_of_stock_products"]) == (0, 0)


async def test_the_context_has_no_sale_dates_and_counts_nothing(client: Client[Any]) -> None:
    found = (await answer(client, "get_store_context"))["current_store"]

    assert (found["first_sale_date"], found["last_sale_date"]) == (None, None)
    counts = ("customers", "active_products", "products_not_searchable_by_meaning")
    assert {found[name] for name in counts} == {0}


async def test_returns_are_zero_and_have_no_rate(client: Client[Any]) -> None:
    found = await answer(client, "summarize_returns", **EMPTY_PERIOD)

    none = {"units_returned": 0, "units_sold": 0, "return_rate_percent": None, "returns_value": "0.00", "receipts": 0}
    assert found["totals"] == found["earlier_totals"] == none | {"is_few": True}
    assert found["change"] == {"units_returned": 0, "units_returned_percent": None, "return_rate_points": None}
    assert (found["median_days_to_return"], found["sold_and_returned_percent"]) == (None, None)


async def test_nobody_bought_lapsed_or_stayed(client: Client[Any]) -> None:
    activity = (await answer(client, "summarize_customers", **EMPTY_PERIOD))["activity"]
    segments = await answer(client, "summarize_customers", view="segments")
    cohorts = await answer(client, "summarize_customers", view="cohorts")
    value = await answer(client, "summarize_customers", view="value")

    assert {activity[name] for name in activity if name.endswith(("buyers", "customers"))} == {0}
    assert (activity["net_revenue_per_buyer"], activity["few_people"]) == (None, [])
    assert {row["customers"] for row in segments["segments"]} == {0}
    assert segments["note"] is not None
    assert [row["customers"] for row in cohorts["cohorts"]] == [0] * 12
    assert cohorts["cohort_table"]["retained_percent"] == [None] * 11
    assert value["value_bands"] == []
    assert (value["value"]["lifetime_value"], value["value"]["mean_value"]) == ("0.00", None)


async def test_there_is_no_stock(client: Client[Any]) -> None:
    found = await answer(client, "summarize_inventory")

    assert (found["totals"]["products"], found["totals"]["stock_value"]) == (0, "0.00")
    assert (found["groups"], found["dead_stock"], found["more_groups"], found["more_dead_products"]) == ([], [], 0, 0)
