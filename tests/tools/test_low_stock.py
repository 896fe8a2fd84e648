"""list_low_stock: what runs out, how fast, and what to order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.support import answer
from tests.tools.asking import Callers, walk
from tests.tools.reference.inventory import replenished
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Goods, Shop

FILTERS: dict[str, dict[str, Any]] = {
    "at the reorder point": {},
    "of a category": {"category": "home & garden"},
    "of a subcategory": {"category": "Kitchen & Dining"},
    "of a brand": {"brand": "LANTERNLIGHT press"},
    "that sell": {"include_without_sales": False},
    "that last a week": {"max_days_of_supply": 7},
    "that last two months": {"max_days_of_supply": 60, "category": "Electronics"},
    "that are sold out": {"max_days_of_supply": 0},
    "of a brand that is not there": {"brand": "No such brand"},
}


def period_of(page: dict[str, Any]) -> tuple[date, date]:
    used = page["sales_period"]
    return date.fromisoformat(used["start_date"]), date.fromisoformat(used["end_date"])


@pytest.mark.parametrize("chosen", FILTERS)
@pytest.mark.parametrize("store_id", ["seattle", "online"])
async def test_products_that_run_out_equal_the_reference(
    recent_as: Callers, recent_data: dict[str, StoreData], store_id: str, chosen: str
) -> None:
    client = await recent_as(store_id)
    found = await answer(client, "list_low_stock", limit=1, **FILTERS[chosen])
    expected = replenished(recent_data[store_id], *period_of(found), **FILTERS[chosen])

    assert await walk(client, "list_low_stock", limit=100, **FILTERS[chosen]) == expected.rows
    assert found["total_matches"] == len(expected.rows)
    assert found["low_products"] == expected.low_products
    assert found["out_of_stock_products"] == expected.out_of_stock_products


@pytest.mark.parametrize("limit", [1, 6])
async def test_pages_together_are_the_whole_list(
    recent_as: Callers, recent_data: dict[str, StoreData], limit: int
) -> None:
    client = await recent_as("online")
    period = period_of(await answer(client, "list_low_stock", limit=1))

    assert await walk(client, "list_low_stock", limit=limit) == replenished(recent_data["online"], *period).rows


async def test_sales_are_those_of_the_thirty_days_that_end_today(recent_as: Callers) -> None:
    client = await recent_as("seattle")
    context = (await answer(client, "get_store_context"))["current_store"]
    first, last = period_of(await answer(client, "list_low_stock", limit=1))

    assert (last - first).days == 29
    # A midnight may fall between the two calls.
    assert last - date.fromisoformat(context["today"]) in (timedelta(0), timedelta(days=1))


@pytest.mark.parametrize(("lead_time_days", "runs_out"), [(20, False), (21, True)])
async def test_velocity_supply_and_quantity_of_one_product_are_these(
    shop: Shop, lead_time_days: int, runs_out: bool
) -> None:
    levels = {"minimum_stock": 2, "reorder_point": 10, "maximum_stock": 40, "lead_time_days": lead_time_days}
    nail = await shop.product("NAIL", stock=20, **levels)
    yesterday = (datetime.now(UTC).astimezone(shop.zone) - timedelta(days=1)).date()
    sale = await shop.receipt(f"{yesterday} 12:00", Goods(nail, 13))
    await shop.receipt(
        f"{yesterday} 13:00",
        Goods(nail, 1, original=sale.items[0]),
        transaction_type="return",
        original_transaction_id=sale.transaction_id,
    )

    async with shop.client() as client:
        (row,) = (await answer(client, "list_low_stock"))["rows"]

    figures = ("current_stock", "units_sold", "daily_velocity", "days_of_supply", "will_run_out_before_delivery")
    assert {name: row[name] for name in (*figures, "suggested_order_quantity", "last_sold_date")} == {
        "current_stock": 8,
        "units_sold": 12,
        "daily_velocity": 0.4,
        "days_of_supply": 20.0,
        "will_run_out_before_delivery": runs_out,
        "suggested_order_quantity": 32,
        "last_sold_date": yesterday.isoformat(),
    }


async def test_nothing_is_suggested_for_a_product_without_a_maximum(shop: Shop) -> None:
    levels = {"minimum_stock": 2, "reorder_point": 10, "lead_time_days": 20}
    yesterday = (datetime.now(UTC).astimezone(shop.zone) - timedelta(days=1)).date()
    for sku, maximum in (("FULL", 40), ("OPEN", None)):
        product = await shop.product(sku, price="4.00", cost=1, stock=20, maximum_stock=maximum, **levels)
        await shop.receipt(f"{yesterday} 12:00", Goods(product, 15))

    async with shop.client() as client:
        rows = {row["sku"]: row for row in (await answer(client, "list_low_stock"))["rows"]}
        totals = (await answer(client, "summarize_inventory"))["totals"]

    shown = ("maximum_stock", "suggested_order_quantity", "order_cost")
    assert [rows["FULL"][name] for name in shown] == [40, 35, "35.00"]
    assert [rows["OPEN"][name] for name in shown] == [None, None, None]
    # When to order rests on nothing that was assumed.
    assert rows["OPEN"]["order_by_date"] == rows["FULL"]["order_by_date"]
    counts = ("low_products", "low_products_without_maximum", "products_to_order", "order_units", "order_cost")
    assert [totals[name] for name in counts] == [2, 1, 1, 35, "35.00"]


async def test_what_sells_comes_before_what_does_not_even_if_that_is_sold_out(shop: Shop) -> None:
    yesterday = (datetime.now(UTC).astimezone(shop.zone) - timedelta(days=1)).date()
    stocks = {"SLOW-GONE": (2, 2), "FAST-GONE": (9, 9), "TWO-LEFT": (6, 4), "IDLE-GONE": (0, 0), "IDLE-LEFT": (3, 0)}
    for sku, (stock, sold) in stocks.items():
        product = await shop.product(sku, stock=stock)
        if sold:
            await shop.receipt(f"{yesterday} 12:00", Goods(product, sold))
    await shop.product("PLENTY", stock=500)

    async with shop.client() as client:
        found = await answer(client, "list_low_stock")

    assert [row["sku"] for row in found["rows"]] == ["FAST-GONE", "SLOW-GONE", "TWO-LEFT", "IDLE-GONE", "IDLE-LEFT"]
    assert (found["low_products"], found["out_of_stock_products"]) == (5, 3)


async def test_more_returned_than_sold_is_no_sale(shop: Shop) -> None:
    nail = await shop.product("NAIL", stock=3)
    today = datetime.now(UTC).astimezone(shop.zone).date()
    sale = await shop.receipt(f"{today - timedelta(days=50)} 12:00", Goods(nail, 2))
    await shop.receipt(
        f"{today - timedelta(days=1)} 12:00",
        Goods(nail, 2, original=sale.items[0]),
        transaction_type="return",
        original_transaction_id=sale.transaction_id,
    )

    async with shop.client() as client:
        (row,) = (await answer(client, "list_low_stock"))["rows"]
        selling = await answer(client, "list_low_stock", include_without_sales=False)

    assert (row["units_sold"], row["daily_velocity"], row["days_of_supply"]) == (-2, 0.0, None)
    assert row["will_run_out_before_delivery"] is False
    assert selling["rows"] == []
