"""Several stores in one call: each entered for itself, merged without making anything up."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from fastmcp import Client

from server.db.operator import admin_connection
from server.operations.admin.tokens import issue_token
from tests.support import Retailer, answer, refusal
from tests.tools.asking import Callers, walk
from tests.tools.conftest import DEMO_STORES
from tests.tools.reference.rows import StoreData, percent
from tests.tools.reference.sales import compared, summary
from tests.tools.shop import Goods, Shop
from tests.tools.test_sales_summary import ALL_METRICS, COMPARISONS, asking, assert_same

MONTH = (date(2026, 10, 1), date(2026, 10, 31))
DAY = {"start_date": "2026-11-10", "end_date": "2026-11-10"}


async def test_the_dimension_store_equals_the_reference_alone_and_with_any_other(
    demo_as: Callers, demo_data: dict[str, StoreData]
) -> None:
    client = await demo_as(*DEMO_STORES)
    stores = [demo_data[store_id] for store_id in sorted(DEMO_STORES)]
    for group_by in (["store"], ["store", "category"], ["week", "store"], ["payment_method", "store"]):
        for compare_to in COMPARISONS:
            asked = asking(MONTH, group_by=group_by, compare_to=compare_to)
            given = await answer(client, "summarize_sales", **asked)

            assert_same(given, summary(stores, MONTH, group_by=group_by, compare_to=compare_to))


async def test_stores_beside_each_other_are_what_each_says_itself(
    demo_as: Callers, demo_data: dict[str, StoreData]
) -> None:
    client = await demo_as(*DEMO_STORES)
    asked = {"start_date": "2026-10-01", "end_date": "2026-10-31", "metrics": ALL_METRICS}
    found = await answer(client, "compare_stores", **asked, compare_to="previous_period")

    before = (date(2026, 8, 31), date(2026, 9, 30))
    entries = {store_id: (data.entries(*MONTH), data.entries(*before)) for store_id, data in demo_data.items()}
    whole = compared(
        [entry for now, _ in entries.values() for entry in now],
        [entry for _, then in entries.values() for entry in then],
        ALL_METRICS,
    )
    assert found["totals"] == [{"currency": "USD", "stores": 4, **whole}]
    assert {row["store_id"] for row in found["rows"]} == set(DEMO_STORES)
    revenue = [float(row["figures"]["net_revenue"]) for row in found["rows"]]
    assert revenue == sorted(revenue, reverse=True)
    assert [row["rank"] for row in found["rows"]] == [1, 2, 3, 4]
    for row in found["rows"]:
        expected = compared(*entries[row["store_id"]], ALL_METRICS)
        assert {name: row[name] for name in expected} == expected
        assert row["share_percent"] == percent(
            sum(line.sign * line.row["total_price"] for _, line in entries[row["store_id"]][0]),
            sum(line.sign * line.row["total_price"] for now, _ in entries.values() for _, line in now),
        )


async def test_pages_over_stores_together_are_the_whole(demo_as: Callers) -> None:
    client = await demo_as("seattle", "online")
    asked = asking(MONTH, group_by=["store", "product"])
    rows = await walk(client, "summarize_sales", **asked | {"limit": 100})

    assert rows == (await walk(client, "summarize_sales", **asked))
    assert {row["key"] for row in rows} == {"seattle", "online"}


async def shops(retailer: Retailer, connection: Any) -> None:
    """One in Berlin, one in Kolkata, one in Vienna; each sold one nail for 10."""
    for store_id, zone, currency in (
        ("berlin", "Europe/Berlin", "EUR"),
        ("kolkata", "Asia/Kolkata", "INR"),
        ("vienna", "Europe/Vienna", "EUR"),
    ):
        shop = await Shop.open(retailer, connection, store_id, time_zone=zone, currency=currency)
        await shop.receipt("2026-11-10 00:01", Goods(await shop.product("NAIL"), 1))


async def test_currencies_are_never_added_up(retailer: Retailer) -> None:
    async with admin_connection(retailer.admin_url) as connection:
        await shops(retailer, connection)
    async with retailer.client(["berlin", "kolkata", "vienna"]) as client:
        found = await answer(client, "compare_stores", **DAY)
        message = await refusal(client, "summarize_sales", **DAY, group_by="store")
        euros = await answer(client, "compare_stores", **DAY, stores=["vienna", "berlin"])

    assert [(total["currency"], total["stores"], total["figures"]["net_revenue"]) for total in found["totals"]] == [
        ("EUR", 2, "20.00"),
        ("INR", 1, "10.00"),
    ]
    assert [(row["store_id"], row["share_percent"], row["rank"]) for row in found["rows"]] == [
        ("berlin", 50.0, 1),
        ("vienna", 50.0, 1),
        ("kolkata", 100.0, 1),
    ]
    assert [row["time_zone"] for row in found["rows"]] == ["Europe/Berlin", "Europe/Vienna", "Asia/Kolkata"]
    assert "different currencies (EUR, INR), which are never added up" in message
    assert [row["store_id"] for row in euros["rows"]] == ["berlin", "vienna"]


async def test_each_store_counts_by_the_role_there(retailer: Retailer) -> None:
    async with admin_connection(retailer.admin_url) as connection:
        await shops(retailer, connection)
        await issue_token(connection, "ann", ["berlin"], "support", lifetime=timedelta(days=1))
        token = (await issue_token(connection, "ann", ["vienna"], "manager", lifetime=timedelta(days=1))).token
    async with retailer.server(token=token) as server, Client(server) as client:
        message = await refusal(client, "compare_stores", **DAY, metrics=["net_revenue", "margin"])
        both = await answer(client, "compare_stores", **DAY)
        one = await answer(client, "compare_stores", **DAY, metrics=["margin"], stores=["vienna"])

    assert "Your role in berlin (support) does not see costs" in message
    assert len(both["rows"]) == 2
    assert [row["store_id"] for row in one["rows"]] == ["vienna"]


async def test_a_store_of_somebody_else_among_them_is_refused_whole(demo_as: Callers) -> None:
    client = await demo_as("seattle", "redmond")
    for other in ("bellevue", "nowhere"):
        message = await refusal(client, "compare_stores", stores=["seattle", other])

        assert message == "No such store among yours. Your stores: redmond, seattle."


async def test_each_store_has_an_entry_of_the_call_in_its_own_audit_log(retailer: Retailer) -> None:
    async with admin_connection(retailer.admin_url) as connection:
        await shops(retailer, connection)
    async with retailer.client(["berlin", "vienna"]) as client:
        await answer(client, "compare_stores", **DAY)
    rows: list[dict[str, Any]] = []
    for _ in range(100):
        rows = await retailer.fetch("select * from audit.tool_call where tool = 'compare_stores' order by store_id")
        if len(rows) == 2:
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail(f"{len(rows)} entries instead of one per store")

    assert [(row["store_id"], row["role"], row["row_count"]) for row in rows] == [
        ("berlin", "manager", 2),
        ("vienna", "manager", 2),
    ]
    assert len({row["call_id"] for row in rows}) == 1
