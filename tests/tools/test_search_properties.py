"""What must hold for any search: filters, pages, and stores that know nothing of each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from fastmcp import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.config import Settings
from server.db.operator import admin_connection
from server.embeddings import build_embedder
from server.embeddings.all_stores import embed_products
from tests.cluster import Cluster
from tests.support import Retailer, answer
from tests.tools.asking import Callers, walk
from tests.tools.reference.products import products
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Shop

bounded = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
MODES = ("hybrid", "semantic", "keyword", "rrf")
QUERIES = ("waterproof light for the outdoors", "womens sweter", "16oz", "EL-ROUTER-0002", "gift for my mother", "blak")
SORTS = (None, "price_low_to_high", "rating", "newest", "best_selling", "name")
WORDS = ("hammer", "hamer", "hummer", "claw", "claws", "16 oz", "torvik", "handle", "kayak", "SC-141")


def given_only(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


@bounded
@given(
    query=st.sampled_from(QUERIES),
    mode=st.sampled_from(MODES),
    filters=st.fixed_dictionaries(
        {
            "category": st.none() | st.sampled_from(["Electronics", "Footwear", "clothing"]),
            "min_price": st.none() | st.decimals(0, 60, places=2).map(str),
            "max_price": st.none() | st.decimals(60, 400, places=2).map(str),
            "in_stock": st.none() | st.booleans(),
            "min_rating": st.none() | st.decimals(3, 5, places=1).map(str),
            "tags": st.none() | st.just(["waterproof"]),
        }
    ),
)
async def test_a_filtered_search_is_the_whole_search_filtered(
    demo_as: Callers, demo_data: dict[str, StoreData], query: str, mode: str, filters: dict[str, Any]
) -> None:
    client, asked = await demo_as("bellevue"), given_only(filters)
    passing = {str(product["product_id"]) for product in products(demo_data["bellevue"], **asked)}
    whole = await walk(client, "search_products", limit=100, query=query, mode=mode)

    found = await walk(client, "search_products", limit=100, query=query, mode=mode, **asked)

    assert {row["product_id"] for row in found} == {row["product_id"] for row in whole} & passing
    if mode != "rrf":
        # Places among fewer products are other places; every other score is the product's own.
        assert [row for row in whole if row["product_id"] in passing] == found


@bounded
@given(
    query=st.none() | st.sampled_from(QUERIES),
    mode=st.sampled_from(MODES),
    sort=st.sampled_from(SORTS),
    limit=st.integers(20, 60),
)
async def test_pages_visit_each_hit_once(
    demo_as: Callers, query: str | None, mode: str, sort: str | None, limit: int
) -> None:
    client = await demo_as("redmond")
    asked = {"query": query, "mode": mode, "sort": sort}
    total = (await answer(client, "search_products", limit=1, **asked))["total_matches"]

    rows = await walk(client, "search_products", limit=limit, **asked)

    assert len({row["product_id"] for row in rows}) == len(rows) == total


@dataclass(frozen=True)
class TwoStores:
    """Seattle's client, and Redmond to be filled."""

    seattle: Client[Any]
    redmond: Shop
    retailer: Retailer


@pytest.fixture(scope="module")
async def two_stores(cluster: Cluster, template: str) -> AsyncIterator[TwoStores]:
    async with cluster.temporary_database(template) as name, AsyncExitStack() as stack:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        connection = await stack.enter_async_context(admin_connection(retailer.admin_url))
        seattle = await Shop.open(retailer, connection)
        await seattle.product("SC-141", product_name="Claw hammer, 16 oz", brand="Torvik", price="20.00", stock=2)
        await seattle.product("SC-142", product_name="Sledge hammer", brand="Torvik", price="30.00")
        await seattle.product("SC-143", product_name="Broom handle", price="9.00")
        redmond = await Shop.open(retailer, connection, "redmond")
        await embed_products(retailer.admin_url, build_embedder(Settings(_env_file=None)))
        yield TwoStores(await stack.enter_async_context(seattle.client()), redmond, retailer)


@bounded
@given(
    names=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=5),
    query=st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    mode=st.sampled_from(MODES),
)
async def test_another_stores_rows_change_no_score_facet_correction_or_count(
    two_stores: TwoStores, names: list[str], query: str, mode: str
) -> None:
    asked = {"query": query, "mode": mode, "facets": True}
    before = await answer(two_stores.seattle, "search_products", **asked)
    taken = await two_stores.retailer.value("select count(*) from retail.products")

    for number, product_name in enumerate(names):
        await two_stores.redmond.product(f"R-{taken + number}", product_name=product_name, brand="Torvk", stock=1)
    await embed_products(two_stores.retailer.admin_url, build_embedder(Settings(_env_file=None)))

    assert await answer(two_stores.seattle, "search_products", **asked) == before
