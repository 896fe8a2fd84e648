"""A tree of three levels: a top-level category includes everything below it, and is what products are shown under."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastmcp import Client

from server.db.operator import admin_connection
from tests.cluster import Cluster
from tests.sql.factories import insert_category
from tests.support import Retailer, answer
from tests.tools.shop import Goods, Shop

DAY = {"start_date": "2026-11-10", "end_date": "2026-11-10"}
LISTS: dict[str, dict[str, Any]] = {
    "list_top_products": DAY,
    "list_low_stock": {},
    "search_products": {},
}


@pytest.fixture(scope="module")
async def client(cluster: Cluster, template: str) -> AsyncIterator[Client[Any]]:
    """A store that sells one hammer, in Workshop > Hand tools > Hammers."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        async with admin_connection(retailer.admin_url) as connection:
            shop = await Shop.open(retailer, connection)
            top = await insert_category(connection, "Workshop")
            middle = await insert_category(connection, "Hand tools", parent_category_id=top)
            lowest = await insert_category(connection, "Hammers", parent_category_id=middle)
            hammer = await shop.product("HAMMER", category_id=lowest, stock=1)
            customer = await shop.customer("Ada", "Lovelace")
            await shop.receipt("2026-11-10 10:00", Goods(hammer, 1), customer_id=customer)
        async with shop.client() as client:
            yield client


@pytest.mark.parametrize("category", ["Workshop", "Hand tools", "Hammers", "hAMMERs"])
@pytest.mark.parametrize("tool", LISTS)
async def test_a_category_finds_what_is_below_it_at_any_depth(client: Client[Any], tool: str, category: str) -> None:
    found = await answer(client, tool, category=category, **LISTS[tool])

    assert [row["sku"] for row in found["rows"]] == ["HAMMER"]


@pytest.mark.parametrize("tool", LISTS)
async def test_a_product_is_shown_under_its_top_level_category(client: Client[Any], tool: str) -> None:
    found = await answer(client, tool, **LISTS[tool])

    assert [row["category"] for row in found["rows"]] == ["Workshop"]


async def test_details_show_the_top_level_category(client: Client[Any]) -> None:
    found = await answer(client, "get_products", products=["HAMMER"])

    assert [product["category"] for product in found["products"]] == ["Workshop"]


async def test_sales_by_category_are_summed_at_the_top(client: Client[Any]) -> None:
    found = await answer(client, "summarize_sales", group_by="category", **DAY)

    assert [row["key"] for row in found["rows"]] == ["Workshop"]


async def test_the_tree_shows_every_level(client: Client[Any]) -> None:
    found = await answer(client, "list_categories")

    assert [(row["category"], row["parent_category"], row["level"]) for row in found["rows"]] == [
        ("Workshop", None, 1),
        ("Hand tools", "Workshop", 2),
        ("Hammers", "Hand tools", 3),
    ]


async def test_favourite_categories_are_top_level_ones(client: Client[Any]) -> None:
    (customer,) = (await answer(client, "search_customers", name="Ada"))["rows"]
    found = await answer(client, "get_customer", customer_id=customer["customer_id"])

    assert [favourite["category"] for favourite in found["favourite_categories"]] == ["Workshop"]
