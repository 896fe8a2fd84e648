"""What must hold for any period, any breakdown and any filter."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from fastmcp import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import answer
from tests.tools.asking import Callers, walk
from tests.tools.reference import (
    ADDITIVE,
    StoreData,
    comparison_period,
    product_hit,
    products,
    summary,
    top_products,
    transactions,
)
from tests.tools.reference_customers import found_customers

bounded = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FIRST, LAST = date(2025, 11, 20), date(2026, 11, 19)
STORES = ("seattle", "redmond", "bellevue", "online")
TIME = ("day", "week", "month")
# A receipt with goods of two groups counts in both; of these it counts once.
ONE_PER_RECEIPT = (*TIME, "payment_method")
DIMENSIONS = (*ONE_PER_RECEIPT, "category", "subcategory", "brand", "product")
COMPARISONS = ("previous_period", "last_year")

Period = tuple[date, date]


@st.composite
def some_days(draw: st.DrawFn) -> Period:
    """A period of up to four months that may begin before the first sale."""
    first = draw(st.dates(FIRST - timedelta(days=10), LAST))
    return first, min(first + timedelta(days=draw(st.integers(0, 119))), LAST)


def dates(period: Period) -> dict[str, str]:
    return {"start_date": period[0].isoformat(), "end_date": period[1].isoformat()}


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def given_only(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


@bounded
@given(store_id=st.sampled_from(STORES), period=some_days(), group_by=st.sampled_from(DIMENSIONS))
async def test_groups_add_up_to_the_totals(demo_as: Callers, store_id: str, period: Period, group_by: str) -> None:
    found = await answer(await demo_as(store_id), "summarize_sales", **dates(period), group_by=group_by, limit=400)

    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in found["rows"]:
        for name, value in row["figures"].items():
            sums[name] += Decimal(value or 0)
    counts = ("transactions", "returns") if group_by in ONE_PER_RECEIPT else ()
    for name in (*ADDITIVE, *counts):
        assert sums[name] == Decimal(found["totals"][name]), name


@bounded
@given(period=some_days(), group_by=st.sampled_from(TIME), compare_to=st.sampled_from(COMPARISONS))
async def test_comparisons_of_time_buckets_add_up_to_that_of_the_totals(
    years_client: Client[Any], period: Period, group_by: str, compare_to: str
) -> None:
    asked = {**dates(period), "group_by": group_by, "compare_to": compare_to, "limit": 400}
    found = await answer(years_client, "summarize_sales", **asked)

    parts = sum((Decimal(row["comparison_net_revenue"]) for row in found["rows"]), Decimal(0))
    assert parts == Decimal(found["comparison_totals"]["net_revenue"])


@bounded
@given(period=some_days(), compare_to=st.sampled_from(COMPARISONS))
async def test_the_comparison_is_what_a_call_for_that_period_answers(
    years_client: Client[Any], period: Period, compare_to: str
) -> None:
    client = years_client
    found = await answer(client, "summarize_sales", **dates(period), compare_to=compare_to)
    other = comparison_period(*period, compare_to)
    alone = await answer(client, "summarize_sales", **dates(other))

    assert found["comparison_period"] == alone["period"]
    assert found["comparison_totals"] == alone["totals"]


@bounded
@given(period=some_days(), compare_to=optional(st.sampled_from(COMPARISONS)))
async def test_totals_of_any_period_equal_the_reference(
    years_client: Client[Any], years_data: StoreData, period: Period, compare_to: str | None
) -> None:
    found = await answer(years_client, "summarize_sales", **dates(period), compare_to=compare_to)

    assert found == summary(years_data, *period, compare_to=compare_to)


@bounded
@given(
    store_id=st.sampled_from(STORES),
    period=some_days(),
    limit=st.integers(25, 100),
    customer=optional(st.integers(0, 379)),
    product=optional(st.integers(0, 232)),
    filters=st.fixed_dictionaries(
        {
            "transaction_type": optional(st.sampled_from(["sale", "return", "exchange"])),
            "payment_method": optional(st.sampled_from(["cash", "credit_card", "debit_card", "digital_wallet"])),
            "minimum_total": optional(st.decimals(0, 400, places=2).map(str)),
        }
    ),
)
async def test_receipts_of_any_filter_equal_the_reference(
    demo_as: Callers,
    demo_data: dict[str, StoreData],
    store_id: str,
    period: Period,
    limit: int,
    customer: int | None,
    product: int | None,
    filters: dict[str, str | None],
) -> None:
    data = demo_data[store_id]
    asked = given_only(filters)
    if customer is not None:
        asked["customer_id"] = str(data.customers[customer]["customer_id"])
    if product is not None:
        asked["sku"] = data.products[product]["sku"]

    rows = await walk(await demo_as(store_id), "list_transactions", limit=limit, **dates(period), **asked)

    assert rows == transactions(data, *period, **asked)


@bounded
@given(
    period=some_days(),
    rank_by=st.sampled_from(["revenue", "units", "margin"]),
    order=st.sampled_from(["best", "slowest"]),
    category=st.sampled_from(["Electronics", "Kitchen & Dining", "books & media"]),
    limit=st.integers(50, 100),
)
async def test_any_ranking_equals_the_reference(
    demo_as: Callers,
    demo_data: dict[str, StoreData],
    period: Period,
    rank_by: str,
    order: str,
    category: str,
    limit: int,
) -> None:
    asked = {"rank_by": rank_by, "order": order, "category": category}

    rows = await walk(await demo_as("bellevue"), "list_top_products", limit=limit, **dates(period), **asked)

    assert rows == top_products(demo_data["bellevue"], *period, **asked)


@bounded
@given(
    limit=st.integers(50, 100),
    filters=st.fixed_dictionaries(
        {
            "category": st.sampled_from(["Electronics", "Footwear", "sports & outdoors"]),
            "brand": optional(st.sampled_from(["Strideway", "hollow creek"])),
            "min_price": optional(st.decimals(0, 60, places=2).map(str)),
            "max_price": optional(st.decimals(60, 400, places=2).map(str)),
            "in_stock": optional(st.booleans()),
            "min_rating": optional(st.decimals(0, 5, places=2).map(str)),
            "tags": optional(st.lists(st.sampled_from(["waterproof", "Travel", "gift", "music"]), max_size=2)),
        }
    ),
)
async def test_products_of_any_filter_equal_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], limit: int, filters: dict[str, Any]
) -> None:
    data = demo_data["online"]
    asked = given_only(filters)

    rows = await walk(await demo_as("online"), "search_products", limit=limit, **asked)

    assert rows == [product_hit(data, product) for product in products(data, **asked)]


@bounded
@given(
    name=optional(st.text("aeimnorst ", min_size=1, max_size=4).filter(lambda text: text == " ".join(text.split()))),
    phone=optional(st.text("0123456789", min_size=4, max_size=5)),
    loyalty_tier=st.sampled_from(["bronze", "silver", "gold", "platinum"]),
)
async def test_customers_of_any_criteria_equal_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], name: str | None, phone: str | None, loyalty_tier: str
) -> None:
    asked = given_only({"name": name, "phone": phone, "loyalty_tier": loyalty_tier})

    rows = await walk(await demo_as("seattle"), "search_customers", limit=100, **asked)

    assert rows == found_customers(demo_data["seattle"], **asked)
