"""Small stores whose right figures are written out here."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from fastmcp import Client

from server.db.operator import admin_connection
from server.tools.sales.metrics import Metric
from tests.support import Retailer, answer
from tests.tools.shop import Goods, Shop


async def day_of(client: Client[Any], day: str, last: str | None = None, **arguments: Any) -> dict[str, Any]:
    return await answer(client, "summarize_sales", start_date=day, end_date=last or day, **arguments)


async def test_sales_a_return_and_an_exchange_make_these_figures(shop: Shop) -> None:
    drill, bits, saw = [await shop.product(sku) for sku in ("DRILL", "BITS", "SAW")]
    first = await shop.receipt(
        "2026-11-10 10:00",
        Goods(drill, 2, "50.00", discount="10.00", tax="9.00"),
        Goods(bits, 1, "20.01", tax="2.00"),
        payment_method="cash",
    )
    await shop.receipt("2026-11-10 11:00", Goods(saw, 1, "35.00", discount="0.50", tax="3.45"), payment_method="cash")
    await shop.receipt(
        "2026-11-10 12:00",
        Goods(drill, 1, "50.00", discount="5.00", tax="4.50", original=first.items[0]),
        transaction_type="return",
        original_transaction_id=first.transaction_id,
        payment_method="cash",
    )
    await shop.receipt(
        "2026-11-10 13:00",
        Goods(bits, 1, "20.01", tax="2.00", original=first.items[1]),
        Goods(saw, 1, "35.00", tax="3.50"),
        transaction_type="exchange",
        original_transaction_id=first.transaction_id,
        payment_method="credit_card",
    )

    async with shop.client() as client:
        found = await day_of(client, "2026-11-10", group_by="payment_method", metrics=list(Metric))

    assert found["totals"]["figures"] == {
        "net_revenue": "114.50",  # 90.00 + 20.01 + 34.50, less 45.00, less 20.01, plus 35.00
        "gross_revenue": "179.51",  # 90.00 + 20.01 + 34.50 + 35.00
        "returns_value": "65.01",  # 45.00 + 20.01
        "discounts": "10.50",  # 10.00 + 0.50; what came back counts under returns
        "tax": "11.45",  # 9.00 + 2.00 + 3.45 - 4.50 - 2.00 + 3.50
        "units_sold": 5,
        "units_returned": 2,
        "transactions": 2,
        "returns": 2,
        "average_basket": "72.26",  # (110.01 + 34.50) / 2 = 72.255
        "items_per_basket": 2.0,  # (3 + 1) / 2
        "return_rate": 40.0,  # 2 of 5; without costs there is no margin
    }
    assert found["totals"]["few_events"] is True
    assert [
        (row["key"], row["figures"]["net_revenue"], row["share_percent"], row["rank"]) for row in found["rows"]
    ] == [
        ("cash", "99.51", 86.91, 1),
        ("credit_card", "14.99", 13.09, 2),
    ]


async def test_changes_from_the_period_before_are_these(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    await shop.receipt("2026-11-09 10:00", Goods(nail, 3, "1.00"))
    await shop.receipt("2026-11-10 10:00", Goods(nail, 2, "1.00"))
    await shop.receipt("2026-11-10 11:00", Goods(nail, 2, "1.00"))

    async with shop.client() as client:
        found = await day_of(client, "2026-11-10", compare_to="previous_period")

    assert found["totals"]["comparison"]["net_revenue"] == "3.00"
    assert found["totals"]["change"] == {
        "net_revenue": "1.00",
        "transactions": 1,
        "units_sold": 1,
        "average_basket": "-1.00",
    }
    assert found["totals"]["change_percent"] == {
        "net_revenue": 33.33,
        "transactions": 100.0,
        "units_sold": 33.33,
        "average_basket": -33.33,
    }


async def test_a_sale_belongs_to_the_day_on_the_stores_clock(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    await shop.receipt("2026-11-09 23:59", Goods(nail, 1))
    await shop.receipt("2026-11-10 00:01", Goods(nail, 2))
    await shop.receipt("2026-11-10 23:59:59.999999", Goods(nail, 4))
    await shop.receipt("2026-11-11 00:00", Goods(nail, 8))

    async with shop.client() as client:
        days = await day_of(client, "2026-11-09", "2026-11-11", group_by="day")
        (only, *_) = days["rows"][1:]
        listed = await answer(client, "list_transactions", start_date="2026-11-10", end_date="2026-11-10")

    assert [row["figures"]["units_sold"] for row in days["rows"]] == [1, 6, 8]
    assert only["key"] == "2026-11-10"
    assert [row["units"] for row in listed["rows"]] == [4, 2]


@pytest.mark.parametrize(
    ("eve", "day", "last_minute"),
    [("2026-03-07", "2026-03-08", "2026-03-08 23:59"), ("2026-10-31", "2026-11-01", "2026-11-01 23:59")],
    ids=["23 hours in March", "25 hours in November"],
)
async def test_a_day_on_which_the_clock_changes_has_its_own_length(
    shop: Shop, eve: str, day: str, last_minute: str
) -> None:
    nail = await shop.product("NAIL")
    await shop.receipt(f"{eve} 23:59", Goods(nail, 100))
    await shop.receipt(f"{day} 00:00", Goods(nail, 1))
    await shop.receipt(f"{day} 01:30", Goods(nail, 2), fold=0)
    await shop.receipt(f"{day} 01:30", Goods(nail, 4), fold=1)
    await shop.receipt(last_minute, Goods(nail, 8))

    async with shop.client() as client:
        found = await day_of(client, day, compare_to="previous_period")

    assert found["totals"]["figures"]["units_sold"] == 15
    assert found["totals"]["comparison"]["units_sold"] == 100


async def test_a_leap_day_is_compared_with_the_last_of_february(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    for day, units in (("2023-02-27", 1), ("2023-02-28", 2), ("2023-03-01", 4), ("2024-02-29", 8)):
        await shop.receipt(f"{day} 12:00", Goods(nail, units))

    async with shop.client() as client:
        found = await day_of(client, "2024-02-29", compare_to="same_period_last_year")

    assert found["totals"]["figures"]["units_sold"] == 8
    assert found["comparison_period"]["start_date"] == found["comparison_period"]["end_date"] == "2023-02-28"
    assert found["totals"]["comparison"]["units_sold"] == 2


@pytest.mark.parametrize(
    ("first", "last", "day"),
    [
        pytest.param("2025-02-01", "2025-03-31", "2025-03-01", id="the other year has the leap day"),
        pytest.param("2024-02-01", "2024-03-31", "2024-03-01", id="this year has the leap day"),
    ],
)
async def test_after_a_leap_day_each_day_still_meets_its_own_date_of_last_year(
    shop: Shop, first: str, last: str, day: str
) -> None:
    nail = await shop.product("NAIL")
    year_before = f"{int(day[:4]) - 1}{day[4:]}"
    await shop.receipt(f"{year_before} 12:00", Goods(nail, 7))

    async with shop.client() as client:
        found = await day_of(client, first, last, group_by="day", compare_to="same_period_last_year", limit=100)

    met = {row["key"] for row in found["rows"] if row["comparison"]["net_revenue"] != "0.00"}
    assert found["totals"]["comparison"]["net_revenue"] == "70.00"
    assert met == {day}


async def test_the_comparison_of_all_months_together_is_that_of_the_period(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    for day in ("2026-01-30", "2026-02-10", "2026-02-28"):
        await shop.receipt(f"{day} 12:00", Goods(nail, 1))
    await shop.receipt("2026-03-15 12:00", Goods(nail, 3))

    async with shop.client() as client:
        found = await day_of(client, "2026-03-01", "2026-03-31", group_by="month", compare_to="previous_period")

    assert found["totals"]["comparison"]["net_revenue"] == "30.00"
    assert total(found["rows"], "net_revenue") == Decimal("30.00")


def total(rows: list[dict[str, Any]], column: str) -> Decimal:
    return sum((Decimal(row["comparison"][column]) for row in rows), Decimal(0))


async def test_a_store_elsewhere_counts_in_its_own_zone_and_currency(retailer: Retailer) -> None:
    async with admin_connection(retailer.admin_url) as connection:
        berlin = await Shop.open(retailer, connection, "berlin", time_zone="Europe/Berlin", currency="EUR")
        kolkata = await Shop.open(retailer, connection, "kolkata", time_zone="Asia/Kolkata", currency="INR")
        for shop in (berlin, kolkata):
            nail = await shop.product("NAIL", price="1234.50")
            await shop.receipt("2026-11-10 00:01", Goods(nail, 1, "1234.50", tax="0.10"))
            await shop.receipt("2026-11-10 23:59", Goods(nail, 1, "0.05"))
    async with retailer.client(["berlin", "kolkata"]) as client:
        for store_id, currency, zone in (("berlin", "EUR", "Europe/Berlin"), ("kolkata", "INR", "Asia/Kolkata")):
            found = await day_of(
                client, "2026-11-10", store_id=store_id, group_by="day", metrics=["net_revenue", "tax", "transactions"]
            )

            assert found["currency"] == currency
            assert found["period"]["time_zone"] == zone
            assert found["totals"]["figures"]["net_revenue"] == "1234.55"
            assert found["totals"]["figures"]["tax"] == "0.10"
            assert found["totals"]["figures"]["transactions"] == 2


async def test_a_breakdown_without_revenue_has_no_shares(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    sale = await shop.receipt("2026-11-10 10:00", Goods(nail, 1))
    await shop.receipt(
        "2026-11-10 11:00",
        Goods(nail, 1, original=sale.items[0]),
        transaction_type="return",
        original_transaction_id=sale.transaction_id,
    )

    async with shop.client() as client:
        found = await day_of(client, "2026-11-10", group_by="product")
        top = await answer(client, "list_top_products", start_date="2026-11-10", end_date="2026-11-10")

    assert found["totals"]["figures"]["net_revenue"] == "0.00"
    assert ["share_percent" in row for row in found["rows"]] == [False]
    assert [(row["share_of_net_revenue_percent"], row["margin_percent"]) for row in top["rows"]] == [(None, None)]


async def test_goods_without_category_brand_or_payment_are_a_group_of_their_own(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    await shop.receipt("2026-11-10 10:00", Goods(nail, 1))

    async with shop.client() as client:
        for group_by in ("category", "subcategory", "brand", "payment_method"):
            found = await day_of(client, "2026-11-10", group_by=group_by)

            assert [(row["key"], row["figures"]["net_revenue"]) for row in found["rows"]] == [("(none)", "10.00")]


async def test_margin_is_unknown_as_soon_as_one_cost_is(shop: Shop) -> None:
    known, unknown = await shop.product("KNOWN"), await shop.product("UNKNOWN")
    await shop.receipt(
        "2026-11-10 10:00",
        Goods(known, 3, "10.00", discount="3.00", cost="4.00"),
        Goods(unknown, 1, "10.00", cost="4.00"),
        Goods(unknown, 1, "10.00"),
    )

    async with shop.client() as client:
        found = await answer(
            client, "list_top_products", start_date="2026-11-10", end_date="2026-11-10", rank_by="margin"
        )

    assert [(row["sku"], row["margin"], row["margin_percent"]) for row in found["rows"]] == [
        ("KNOWN", "15.00", 55.56),
        ("UNKNOWN", None, None),
    ]


async def test_slowest_starts_with_what_did_not_sell_and_leaves_out_what_is_discontinued(shop: Shop) -> None:
    sold, resting, gone = await shop.product("SOLD"), await shop.product("RESTING"), await shop.product("GONE")
    await shop.receipt("2026-11-10 10:00", Goods(sold, 1), Goods(gone, 1))
    await shop.connection.execute("update retail.products set is_active = false where product_id = $1", gone)
    day = {"start_date": "2026-11-10", "end_date": "2026-11-10"}

    async with shop.client() as client:
        slowest = await answer(client, "list_top_products", **day, order="slowest")
        best = await answer(client, "list_top_products", **day)

    assert [row["sku"] for row in slowest["rows"]] == ["RESTING", "SOLD"]
    assert slowest["rows"][0] | {"product_id": str(resting)} == slowest["rows"][0]
    assert [(row["sku"], row["is_active"]) for row in best["rows"]] == [("GONE", False), ("SOLD", True)]


async def test_concurrent_questions_get_their_own_answers(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    for day in range(1, 11):
        await shop.receipt(f"2026-11-{day:02} 12:00", Goods(nail, day))

    async with shop.client() as client:
        found = await asyncio.gather(*(day_of(client, f"2026-11-{day:02}") for day in range(1, 11)))

    assert [answered["totals"]["figures"]["units_sold"] for answered in found] == list(range(1, 11))
