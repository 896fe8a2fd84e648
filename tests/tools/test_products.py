"""Browsing with search_products, get_products and list_categories."""

from __future__ import annotations

from typing import Any

import pytest

from server.calls.principal import Role
from tests.support import answer, refusal
from tests.tools.asking import Callers, walk
from tests.tools.conftest import DEMO_STORES
from tests.tools.reference.products import category_tree, product_details, product_hit, products
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Shop

NO_SUCH_ID = "00000000-0000-4000-8000-000000000000"
FILTERS: dict[str, dict[str, Any]] = {
    "everything": {},
    "a top-level category": {"category": "Home & Garden"},
    "a subcategory in other letters": {"category": "kitchen & dining"},
    "a category that is not there": {"category": "Submarines"},
    "a brand in other letters": {"brand": "SONVERA"},
    "a price from": {"min_price": "99.99"},
    "a price up to": {"max_price": "9.99"},
    "a price range": {"min_price": "19.99", "max_price": "24.99"},
    "stock": {"in_stock": True},
    "a rating": {"min_rating": "4.5"},
    "a tag": {"tags": ["Waterproof"]},
    "two tags": {"tags": ["waterproof", "outdoor"]},
    "a tag that is not there": {"tags": ["waterproof", "edible"]},
    "all of them": {
        "category": "Electronics",
        "min_price": "10",
        "max_price": "200",
        "in_stock": True,
        "min_rating": "3.5",
        "tags": ["wireless"],
    },
}


@pytest.mark.parametrize("chosen", FILTERS)
@pytest.mark.parametrize("store_id", ["seattle", "bellevue"])
async def test_browsing_lists_exactly_the_products_that_pass_the_filter(
    demo_as: Callers, demo_data: dict[str, StoreData], store_id: str, chosen: str
) -> None:
    data = demo_data[store_id]
    client = await demo_as(store_id)
    expected = [product_hit(data, product) for product in products(data, **FILTERS[chosen])]

    rows = await walk(client, "search_products", limit=100, **FILTERS[chosen])
    page = await answer(client, "search_products", limit=1, **FILTERS[chosen])

    assert rows == expected
    assert (page["total_matches"], page["unrelated_products"]) == (len(expected), 0)
    assert (page["search_mode_used"], page["note"]) == (None, None)


@pytest.mark.parametrize("sort", ["name", "price_low_to_high", "price_high_to_low", "rating"])
async def test_browsing_sorts_as_asked(demo_as: Callers, demo_data: dict[str, StoreData], sort: str) -> None:
    data = demo_data["redmond"]
    rows = await walk(await demo_as("redmond"), "search_products", limit=100, sort=sort)

    place = {
        "name": lambda product: product["name_place"],
        "price_low_to_high": lambda product: product["price"],
        "price_high_to_low": lambda product: -product["price"],
        "rating": lambda product: -product["rating_average"],
    }[sort]
    found = {str(product["product_id"]): product for product in data.products}
    places = [place(found[row["product_id"]]) for row in rows]
    assert places == sorted(places)
    assert len(rows) == len({row["product_id"] for row in rows}) == len(products(data))


@pytest.mark.parametrize("sort", [None, "rating"])
@pytest.mark.parametrize("limit", [1, 8])
async def test_pages_together_are_the_whole_shelf(demo_as: Callers, limit: int, sort: str | None) -> None:
    client = await demo_as("online")
    asked = {"category": "Clothing", "sort": sort}

    assert await walk(client, "search_products", limit=limit, **asked) == await walk(
        client, "search_products", limit=100, **asked
    )


async def test_a_price_range_the_wrong_way_round_is_refused(demo_as: Callers) -> None:
    message = await refusal(await demo_as("seattle"), "search_products", min_price="30", max_price="20.5")

    assert message == "min_price (30) is above max_price (20.5). Swap them."


@pytest.mark.parametrize("store_id", DEMO_STORES)
async def test_details_of_every_product_equal_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], store_id: str
) -> None:
    data = demo_data[store_id]
    client = await demo_as(store_id)
    for start in range(0, len(data.products), 50):
        asked = data.products[start : start + 50]

        found = await answer(client, "get_products", products=[product["sku"] for product in asked])

        assert found["products"] == [product_details(data, product) for product in asked]
        assert found["not_found"] == []


@pytest.mark.parametrize("role", ["support", "analyst", "auditor"])
async def test_details_equal_the_reference_for_other_roles(
    demo_as: Callers, demo_data: dict[str, StoreData], role: Role
) -> None:
    data = demo_data["seattle"]
    client = await demo_as("seattle", role=role)
    asked = data.products[:20]

    found = await answer(client, "get_products", products=[str(product["product_id"]) for product in asked])

    assert found["products"] == [product_details(data, product, role) for product in asked]


async def test_details_come_in_the_order_asked_each_once_and_the_rest_is_named(
    demo_as: Callers, demo_data: dict[str, StoreData]
) -> None:
    one, two, three = demo_data["seattle"].products[:3]
    asked = ["NO-SUCH", str(three["product_id"]), one["sku"].lower(), f" {two['sku']} ", one["sku"], NO_SUCH_ID]
    asked += [str(one["product_id"]), "NO-SUCH"]

    found = await answer(await demo_as("seattle"), "get_products", products=asked)

    assert [product["sku"] for product in found["products"]] == [three["sku"], one["sku"], two["sku"]]
    assert found["not_found"] == ["NO-SUCH", NO_SUCH_ID]


async def test_a_product_without_anything_optional_has_nulls(shop: Shop) -> None:
    await shop.product("BARE", product_name="Bare", price="0.00", metadata='["no", "object"]')

    async with shop.client() as client:
        (found,) = (await answer(client, "get_products", products=["BARE"]))["products"]
        (hit,) = (await answer(client, "search_products"))["rows"]

    optional = ("product_description", "category", "subcategory", "brand", "model", "color", "size", "weight_kg")
    optional += ("dimensions_cm", "rating", "cost", "margin_percent", "supplier_name", "supplier_sku")
    assert {found[name] for name in optional} == {None}
    assert (found["price"], found["attributes"], found["tags"], found["in_stock"]) == ("0.00", {}, [], False)
    assert (hit["price"], hit["category"], hit["short_description"], hit["rating"]) == ("0.00", None, None, None)


async def test_a_discontinued_product_has_details_but_is_not_offered(shop: Shop) -> None:
    await shop.product("GONE", product_name="Old hammer", stock=3, is_active=False)

    async with shop.client() as client:
        (found,) = (await answer(client, "get_products", products=["GONE"]))["products"]
        browsed = await answer(client, "search_products")
        searched = await answer(client, "search_products", query="hammer", mode="keyword")
        low = await answer(client, "list_low_stock")
        categories = await answer(client, "list_categories")

    assert (found["is_active"], found["current_stock"]) == (False, 3)
    assert browsed["rows"] == searched["rows"] == low["rows"] == categories["rows"] == []


async def test_margin_of_a_product_is_of_its_price(shop: Shop) -> None:
    await shop.product("NAIL", price="30.00", cost=20)

    async with shop.client() as client:
        (found,) = (await answer(client, "get_products", products=["NAIL"]))["products"]

    assert (found["price"], found["cost"], found["margin_percent"]) == ("30.00", "20.00", 33.33)


@pytest.mark.parametrize("store_id", DEMO_STORES)
async def test_categories_equal_the_reference(demo_as: Callers, demo_data: dict[str, StoreData], store_id: str) -> None:
    found = await answer(await demo_as(store_id), "list_categories")

    assert found == {
        "store_id": store_id,
        "currency": "USD",
        "rows": category_tree(demo_data[store_id]),
        "has_more": False,
    }
