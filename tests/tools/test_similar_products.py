"""list_similar_products against cosines, categories and prices worked out in Python."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import answer, refusal
from tests.tools.asking import Callers
from tests.tools.reference.products import similarity
from tests.tools.reference.rows import Row, StoreData
from tests.tools.shop import Shop


def expected(data: StoreData, product: Row, *, in_stock: bool = False) -> list[tuple[str, bool, float]]:
    """SKU, stock and likeness of every product that may be shown, best first."""
    own = {category["category_id"] for category in data.lineage(product)[:1]}
    allowed = [
        other
        for other in data.products
        if other["is_active"]
        and other["product_id"] != product["product_id"]
        and own & {category["category_id"] for category in data.lineage(other)}
        and product["price"] / 2 <= other["price"] <= product["price"] * 2
        and (other["current_stock"] > 0 or not in_stock)
    ]
    vector = data.vectors[product["product_id"]]
    found = [
        (other["sku"], other["current_stock"] > 0, similarity(vector, data.vectors[other["product_id"]]))
        for other in allowed
    ]
    return sorted(found, key=lambda row: (not row[1], -row[2]))


@pytest.mark.parametrize("in_stock", [False, True])
async def test_the_most_alike_of_the_category_near_the_price_come_first_those_in_stock_before(
    demo_as: Callers, demo_data: dict[str, StoreData], in_stock: bool
) -> None:
    data = demo_data["seattle"]
    client = await demo_as("seattle")
    for product in [product for product in data.products if product["is_active"]][::40]:
        wanted = expected(data, product, in_stock=in_stock)

        found = await answer(client, "list_similar_products", product=product["sku"], in_stock=in_stock, limit=100)

        assert (found["sku"], found["current_stock"]) == (product["sku"], product["current_stock"])
        assert {row["sku"] for row in found["rows"]} == {sku for sku, _, _ in wanted}
        assert [row["in_stock"] for row in found["rows"]] == [stocked for _, stocked, _ in wanted]
        assert [row["similarity"] for row in found["rows"]] == pytest.approx([like for _, _, like in wanted], abs=6e-4)


async def test_an_id_asks_for_the_same_product(demo_as: Callers, demo_data: dict[str, StoreData]) -> None:
    client, product = await demo_as("online"), demo_data["online"].products[7]

    by_id = await answer(client, "list_similar_products", product=str(product["product_id"]), limit=5)

    assert by_id == await answer(client, "list_similar_products", product=product["sku"].lower(), limit=5)


async def test_what_is_not_there_has_nothing_like_it(demo_as: Callers) -> None:
    message = await refusal(await demo_as("seattle"), "list_similar_products", product="NO-SUCH-1")

    assert message.startswith("No product with this SKU or id in seattle.")


async def test_without_embeddings_words_of_the_name_decide(shop: Shop) -> None:
    common: dict[str, Any] = {"price": "10.00", "stock": 1}
    await shop.product("ASKED", product_name="Claw hammer with hickory handle", price="10.00")
    await shop.product("FAR", product_name="Paint brush", **common)
    await shop.product("NEAR", product_name="Hickory hammer", **common)
    await shop.product("DEAR", product_name="Claw hammer, golden", price="20.01", stock=1)
    await shop.product("EMPTY", product_name="Claw hammer", price="10.00")

    async with shop.client() as client:
        found = await answer(client, "list_similar_products", product="ASKED")

    assert [(row["sku"], row["similarity"], row["price_difference"]) for row in found["rows"]] == [
        ("NEAR", None, "0.00"),
        ("FAR", None, "0.00"),
        ("EMPTY", None, "0.00"),
    ]
