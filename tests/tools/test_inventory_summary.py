"""summarize_inventory: value, supply, dead stock and orders."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastmcp import Client

from server.calls.principal import Role
from tests.support import answer
from tests.tools.asking import Callers
from tests.tools.conftest import SEEDS, Seeded
from tests.tools.reference.inventory import dead_rows, figures, groups
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Goods, Shop


async def equals_the_reference(
    client: Client[Any], data: StoreData, role: Role = "manager", **asked: Any
) -> dict[str, Any]:
    found = await answer(client, "summarize_inventory", limit=50, **asked)
    today = date.fromisoformat(found["sales_period"]["end_date"])
    days = asked.get("dead_after_days", 90)
    rows = groups(data, today, days, asked.get("group_by", "category"), role)
    dead = dead_rows(data, today, days, role)

    assert found["totals"] == figures(data, list(data.products), today, days, role)
    assert found["groups"] == rows[:50]
    assert found["more_groups"] == max(len(rows) - 50, 0)
    assert found["dead_stock"] == dead[:50]
    assert found["more_dead_products"] == max(len(dead) - 50, 0)
    return found


@pytest.mark.parametrize("seed", SEEDS)
async def test_stock_of_three_seeds_equals_the_reference(seeded: Seeded, seed: int) -> None:
    for group_by, days in (("category", 30), ("brand", 90), ("supplier", 400)):
        await equals_the_reference(*seeded[seed], group_by=group_by, dead_after_days=days)


async def test_stock_that_sells_equals_the_reference(recent_as: Callers, recent_data: dict[str, StoreData]) -> None:
    found = await equals_the_reference(await recent_as("online"), recent_data["online"], group_by="supplier")

    totals = found["totals"]
    assert totals["products_to_order"] > 0
    assert totals["days_of_supply"] is not None
    assert 0 < totals["dead_products"] < totals["products"]


@pytest.mark.parametrize("role", ["support", "auditor", "analyst"])
async def test_values_at_cost_are_for_those_who_see_costs(
    recent_as: Callers, recent_data: dict[str, StoreData], role: Role
) -> None:
    await equals_the_reference(await recent_as("seattle", role=role), recent_data["seattle"], role)


async def test_a_shorter_list_says_how_much_it_leaves_out(recent_as: Callers) -> None:
    client = await recent_as("seattle")
    whole = await answer(client, "summarize_inventory", limit=50, group_by="category")
    short = await answer(client, "summarize_inventory", limit=2, group_by="category")

    assert short["totals"] == whole["totals"]
    assert short["groups"] == whole["groups"][:2]
    assert short["more_groups"] == len(whole["groups"]) - 2
    assert short["more_dead_products"] == whole["totals"]["dead_products"] - 2


async def test_dead_stock_and_orders_of_a_few_products_are_these(shop: Shop) -> None:
    today = datetime.now(UTC).astimezone(shop.zone).date()
    levels = {"reorder_point": 3, "minimum_stock": 2, "maximum_stock": 10, "lead_time_days": 15}
    fast = await shop.product("FAST", price="4.00", cost=1, stock=63, **levels)
    sold_long_ago = await shop.product("LONG-AGO", price="5.00", cost=2, stock=8, reorder_point=0)
    await shop.product("NEW", price="6.00", stock=5, reorder_point=0)
    gone = await shop.product("GONE", price="9.00", cost=3, stock=1, is_active=False)
    await shop.receipt(f"{today - timedelta(days=2)} 12:00", Goods(fast, 60))
    await shop.receipt(f"{today - timedelta(days=90)} 12:00", Goods(sold_long_ago, 1), Goods(gone, 1))

    async with shop.client() as client:
        found = await answer(client, "summarize_inventory")
        (low,) = (await answer(client, "list_low_stock"))["rows"]

    totals = found["totals"]
    assert (totals["products"], totals["units"]) == (3, 15)  # what is discontinued and sold out is no stock
    assert (totals["stock_value"], totals["retail_value"]) == ("17.00", "77.00")
    assert totals["products_without_cost"] == 1
    # Two a day for the 15 days of the delivery and the minimum of two make 32; three are there.
    assert (totals["products_to_order"], totals["order_units"], totals["order_cost"]) == (1, 29, "29.00")
    assert (low["sku"], low["suggested_order_quantity"], low["order_by_date"]) == ("FAST", 29, today.isoformat())
    assert [(row["sku"], row["days_idle"]) for row in found["dead_stock"]] == [("LONG-AGO", 90)]
    assert (totals["dead_stock_value"], totals["dead_retail_value"]) == ("14.00", "35.00")


async def test_the_last_day_to_order_leaves_the_minimum_untouched(shop: Shop) -> None:
    today = datetime.now(UTC).astimezone(shop.zone).date()
    nail = await shop.product("NAIL", stock=70, reorder_point=50, minimum_stock=10, maximum_stock=90, lead_time_days=5)
    await shop.receipt(f"{today - timedelta(days=1)} 12:00", Goods(nail, 30))

    async with shop.client() as client:
        (row,) = (await answer(client, "list_low_stock"))["rows"]

    # One a day: 40 are there, ten are left in 30 days, and the delivery takes five of them.
    assert row["order_by_date"] == (today + timedelta(days=25)).isoformat()
