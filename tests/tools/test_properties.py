"""What must hold for any period, any breakdown and any filter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from fastmcp import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seed.demo import DemoOptions, load_demo
from tests.cluster import Cluster
from tests.support import DEMO_AS_OF, Retailer, answer
from tests.tools.asking import Callers, walk
from tests.tools.reference.customers import customers
from tests.tools.reference.products import product_hit, products
from tests.tools.reference.receipts import transactions
from tests.tools.reference.rows import StoreData, load
from tests.tools.reference.sales import comparison_period, summary, top_products
from tests.tools.test_sales_summary import ALL_METRICS, DIMENSIONS, assert_same

bounded = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FIRST, LAST = date(2025, 11, 20), date(2026, 11, 19)
STORES = ("seattle", "redmond", "bellevue", "online")
COMPARISONS = ("previous_period", "same_period_last_year")

Period = tuple[date, date]


@dataclass(frozen=True)
class World:
    """Two demo stores of one random seed."""

    acting: Callers
    data: dict[str, StoreData]


@pytest.fixture(scope="module")
async def worlds(cluster: Cluster, template: str) -> AsyncIterator[list[World]]:
    """The same stores with three different histories."""
    async with AsyncExitStack() as stack:
        found = []
        for seed in (7, 11, 13):
            name = await stack.enter_async_context(cluster.temporary_database(template))
            retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
            options = DemoOptions(
                stores=2, customers=150, products=80, transactions=700, random_seed=seed, as_of=DEMO_AS_OF
            )
            await load_demo(retailer.admin_url, options)
            data = {store_id: await load(retailer, store_id) for store_id in ("seattle", "redmond")}
            found.append(World(Callers(retailer, stack), data))
        yield found


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
@given(
    store_id=st.sampled_from(("seattle", "redmond")),
    seed=st.sampled_from((0, 1, 2)),
    period=some_days(),
    group_by=st.lists(st.sampled_from(DIMENSIONS), max_size=2, unique=True),
    metrics=st.lists(st.sampled_from(ALL_METRICS), min_size=1, max_size=4, unique=True),
    compare_to=optional(st.sampled_from(COMPARISONS)),
    filters=st.fixed_dictionaries(
        {
            "category": optional(st.sampled_from(["Electronics", "home & garden", "Footwear"])),
            "brand": optional(st.sampled_from(["Strideway", "hollow creek"])),
            "payment_method": optional(st.sampled_from(["cash", "credit_card"])),
            "transaction_type": optional(st.sampled_from(["sale", "return", "exchange"])),
        }
    ),
)
async def test_any_breakdown_equals_the_reference(
    worlds: list[World],
    store_id: str,
    seed: int,
    period: Period,
    group_by: list[str],
    metrics: list[str],
    compare_to: str | None,
    filters: dict[str, str | None],
) -> None:
    world = worlds[seed]
    asked = given_only(filters)
    comparing = given_only({"compare_to": compare_to})

    found = await answer(
        await world.acting(store_id),
        "summarize_sales",
        **dates(period),
        **asked,
        **comparing,
        group_by=group_by,
        metrics=metrics,
        limit=400,
    )

    expected = summary([world.data[store_id]], period, group_by=group_by, metrics=metrics, **comparing, **asked)
    if not found["has_more"]:
        assert_same(found, expected)
    assert found["totals"] == expected["totals"]


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
    assert found["totals"]["comparison"] == alone["totals"]["figures"]


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

    assert rows == customers(demo_data["seattle"], **asked)
