"""search_products with a query: what it finds, in which order, and what it leaves out."""

from __future__ import annotations

from typing import Any

import pytest

from server.config import Settings
from server.embeddings import build_embedder
from server.embeddings.all_stores import embed_products
from tests.support import answer, refusal
from tests.tools.asking import Callers, walk
from tests.tools.reference.products import products, similarity
from tests.tools.reference.rows import Row, StoreData
from tests.tools.shop import Shop

EMBEDDER = build_embedder(Settings(_env_file=None))
# The article type is the middle of the demo's SKUs.
WISHES = {
    "waterproof box for outdoor wiring": {"JBOX"},
    "something to water the garden": {"HOSE", "NOZZLE", "SPRINK"},
    "running shoes": {"RUNSHOE"},
    "picture book for a child": {"PICTBK"},
    "headphones that block out noise": {"HEADPH", "EARBUD"},
    "a tent for the family": {"TENT"},
    "jacket for rainy days": {"RAINJKT", "KIDRAIN"},
    "car will not start, dead battery": {"CARBATT", "JUMPST"},
    "clean the windshield": {"WASHER", "WIPER"},
    "sharp knife for vegetables": {"KNIFE"},
    "protect my head when cycling": {"BIKEHLM"},
    "sit comfortably at work": {"OFFCHR"},
    "paint the living room wall": {"PAINT"},
    "hang the television on the wall": {"TVMOUNT"},
    "a game for family evenings": {"BOARDGM"},
    "mat for yoga at home": {"YOGAMAT"},
    "warm gloves for skiing": {"SKIGLOV"},
    "soap for washing hands": {"HANDSOAP"},
    "novel about a detective": {"MYSTERY"},
    "check the tire pressure": {"TIREINF"},
    "remove ice from car windows": {"SCRAPER"},
}
FILTERS: dict[str, dict[str, Any]] = {
    "category": {"category": "Home & Garden"},
    "price": {"min_price": "10", "max_price": "40"},
    "stock and rating": {"in_stock": True, "min_rating": "4"},
    "tag": {"tags": ["waterproof"]},
    "several": {"category": "electronics", "max_price": "100", "in_stock": True},
}


async def vector(text: str) -> tuple[float, ...]:
    (found,) = await EMBEDDER.embed([text])
    return tuple(float(number) for number in found)


def article_type(row: Row) -> str:
    return str(row["sku"].split("-")[1])


def ids(rows: list[Row]) -> list[str]:
    return [str(row["product_id"]) for row in rows]


@pytest.mark.parametrize("wish", WISHES)
async def test_a_wish_in_plain_words_finds_the_right_kind_of_article(demo_as: Callers, wish: str) -> None:
    found = await answer(await demo_as("seattle"), "search_products", query=wish, limit=3)

    assert WISHES[wish] & {article_type(row) for row in found["rows"]}, [row["product_name"] for row in found["rows"]]


async def test_a_wish_full_of_filler_words_is_understood_by_meaning(demo_as: Callers) -> None:
    """By words, "like" finds whatever "reads like a novel"; that is why there is a mode for meaning alone."""
    found = await answer(
        await demo_as("seattle"),
        "search_products",
        query="gift for a child who likes stories",
        mode="semantic",
        limit=3,
    )

    assert {"PICTBK", "READER"} & {article_type(row) for row in found["rows"]}


async def test_the_wished_articles_are_in_the_store(demo_data: dict[str, StoreData]) -> None:
    """Guards the test above: an article that is not there cannot be found."""
    there = {article_type(product) for product in products(demo_data["seattle"])}

    assert [wish for wish, types in WISHES.items() if not types & there] == []


@pytest.mark.parametrize("query", ["running shoes", "something to water the garden", "zzzz qqqq"])
async def test_search_by_meaning_is_the_order_of_the_cosines_above_the_noise(
    demo_as: Callers, demo_data: dict[str, StoreData], query: str
) -> None:
    data = demo_data["bellevue"]
    wanted = await vector(query)
    on_sale = {product["product_id"] for product in products(data)}
    likeness = {str(key): similarity(wanted, other) for key, other in data.vectors.items() if key in on_sale}
    # Single precision in the database: the last of its digits must not decide here.
    surely = {key for key, value in likeness.items() if value >= EMBEDDER.noise_floor + 1e-5}
    perhaps = {key for key, value in likeness.items() if value >= EMBEDDER.noise_floor - 1e-5}

    rows = await walk(await demo_as("bellevue"), "search_products", limit=100, query=query, mode="semantic")

    assert surely <= set(ids(rows)) <= perhaps
    assert [row["similarity"] for row in rows] == pytest.approx([likeness[row["product_id"]] for row in rows], abs=6e-4)
    exact = [likeness[row["product_id"]] for row in rows]
    assert exact == pytest.approx(sorted(exact, reverse=True), abs=1e-5)


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
@pytest.mark.parametrize("chosen", FILTERS)
async def test_a_filter_takes_away_exactly_the_products_that_do_not_pass_it(
    demo_as: Callers, demo_data: dict[str, StoreData], chosen: str, mode: str
) -> None:
    client = await demo_as("seattle")
    asked = {"query": "waterproof light for the outdoors", "mode": mode}
    passing = {str(product["product_id"]) for product in products(demo_data["seattle"], **FILTERS[chosen])}
    unfiltered = await walk(client, "search_products", limit=100, **asked)

    rows = await walk(client, "search_products", limit=100, **asked, **FILTERS[chosen])
    page = await answer(client, "search_products", limit=1, **asked, **FILTERS[chosen])

    assert set(ids(rows)) == set(ids(unfiltered)) & passing
    assert page["total_matches"] == len(rows) == len(set(ids(rows)))
    assert page["unrelated_products"] == len(passing) - len(rows)


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
async def test_the_best_match_comes_first_with_scores_from_zero_to_one(demo_as: Callers, mode: str) -> None:
    client = await demo_as("online")
    page = await answer(client, "search_products", query="wireless headphones", mode=mode, limit=100)

    scores = [row["score"] for row in page["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= min(scores) <= max(scores) <= 1
    assert page["search_mode_used"] == mode
    assert page["note"] is None


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
@pytest.mark.parametrize("sort", [None, "price_low_to_high"])
async def test_pages_together_are_the_whole_search(demo_as: Callers, sort: str | None, mode: str) -> None:
    client = await demo_as("bellevue")
    asked = {"query": "kitchen knife", "mode": mode, "sort": sort}
    whole = await walk(client, "search_products", limit=100, **asked)

    assert await walk(client, "search_products", limit=4, **asked) == whole


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
@pytest.mark.parametrize("sort", [None, "price_high_to_low", "name"])
async def test_the_product_whose_sku_or_model_is_asked_for_comes_first(
    demo_as: Callers, demo_data: dict[str, StoreData], sort: str | None, mode: str
) -> None:
    client = await demo_as("redmond")
    for product in products(demo_data["redmond"])[:3]:
        for asked in (product["sku"], product["sku"].lower(), f" {product['model']} "):
            found = await answer(client, "search_products", query=asked, mode=mode, sort=sort, limit=100)

            exact = [row for row in found["rows"] if row["exact_match"]]
            assert product["sku"] in [row["sku"] for row in exact]
            assert found["rows"][: len(exact)] == exact
            assert {row["score"] for row in exact} == {1.0}


async def test_keyword_search_finds_products_with_any_of_the_words_in_any_form(
    demo_as: Callers, demo_data: dict[str, StoreData]
) -> None:
    client = await demo_as("seattle")
    whole = await walk(client, "search_products", limit=100, query="hammers kayaks", mode="keyword")

    expected = {
        str(product["product_id"])
        for product in products(demo_data["seattle"])
        if any(
            word.strip(".,:;()").lower() in ("hammer", "hammers", "kayak", "kayaks")
            for word in " ".join((product["product_name"], product["product_description"], *product["tags"]))
            .replace("-", " ")
            .split()
        )
    }
    assert set(ids(whole)) == expected
    assert {word for row in whole for word in row["matched_words"]} <= {"hammers", "kayaks"}
    assert all(row["matched_words"] for row in whole)


async def test_words_in_the_name_count_more_than_words_in_the_description(shop: Shop) -> None:
    await shop.product("TEXT", product_name="Garage helper", product_description="Goes well with a ladder.")
    await shop.product("NAME", product_name="Ladder", product_description="Folds flat.")

    async with shop.client() as client:
        found = await answer(client, "search_products", query="ladder", mode="keyword")

    assert [row["sku"] for row in found["rows"]] == ["NAME", "TEXT"]


async def test_a_product_without_an_embedding_is_still_found_by_its_words(shop: Shop) -> None:
    await shop.product("EMBEDDED", product_name="Garden hose")
    await embed_products(shop.retailer.admin_url, EMBEDDER)
    await shop.product("NEW", product_name="Hose nozzle")

    async with shop.client() as client:
        found = await answer(client, "search_products", query="nozzle of a hose")
        context = await answer(client, "get_store_context")
        semantic = await answer(client, "search_products", query="nozzle of a hose", mode="semantic")

    rows = {row["sku"]: row for row in found["rows"]}
    assert set(rows) == {"EMBEDDED", "NEW"}
    assert (rows["NEW"]["similarity"], rows["NEW"]["matched_words"]) == (None, ["nozzle", "hose"])
    assert found["search_mode_used"] == "hybrid"
    assert [row["sku"] for row in semantic["rows"]] == ["EMBEDDED"]
    assert context["current_store"]["products_not_searchable_by_meaning"] == 1


async def test_a_store_without_embeddings_is_searched_by_words_and_the_answer_says_so(shop: Shop) -> None:
    await shop.product("HOSE", product_name="Garden hose")

    async with shop.client() as client:
        found = await answer(client, "search_products", query="hose")
        message = await refusal(client, "search_products", query="hose", mode="semantic")

    assert [row["sku"] for row in found["rows"]] == ["HOSE"]
    assert found["search_mode_used"] == "keyword"
    assert found["note"].startswith("Searched by words only: this store's products have no embeddings")
    assert message.startswith("The products of seattle have no embeddings of the current model")


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
@pytest.mark.parametrize("query", ["the", "'; drop table products; --", "a & b | !c <-> (", "🧵", "%", "\\"])
async def test_a_query_of_odd_characters_is_a_query_like_any_other(demo_as: Callers, query: str, mode: str) -> None:
    found = await answer(await demo_as("seattle"), "search_products", query=query, mode=mode)

    assert found["search_mode_used"] == mode


async def test_a_blank_query_browses(demo_as: Callers) -> None:
    client = await demo_as("seattle")

    assert await answer(client, "search_products", query="  \n ") == await answer(client, "search_products")


@pytest.mark.parametrize("query", [None, "wireless headphones", "running shoes"])
async def test_only_products_of_the_store_are_found(
    demo_as: Callers, demo_data: dict[str, StoreData], query: str | None
) -> None:
    for store_id in ("redmond", "bellevue"):
        rows = await walk(await demo_as(store_id), "search_products", limit=100, query=query)

        assert set(ids(rows)) <= {str(product["product_id"]) for product in demo_data[store_id].products}


@pytest.mark.parametrize("mode", ["hybrid", "semantic"])
async def test_what_is_no_longer_offered_is_not_found_though_it_has_a_vector(mode: str, shop: Shop) -> None:
    await shop.product("HAMMER", product_name="Claw hammer")
    gone = await shop.product("MALLET", product_name="Sledgehammer")
    await embed_products(shop.retailer.admin_url, EMBEDDER)
    async with shop.client() as client:
        before = await answer(client, "search_products", query="nail hammer", mode=mode)
        await shop.connection.execute("update retail.products set is_active = false where product_id = $1", gone)
        after = await answer(client, "search_products", query="nail hammer", mode=mode)
        named = await answer(client, "search_products", query="sledgehammer", mode=mode)

    assert [row["sku"] for row in before["rows"]] == ["HAMMER", "MALLET"]
    assert (after["total_matches"], [row["sku"] for row in after["rows"]]) == (1, ["HAMMER"])
    assert "MALLET" not in [row["sku"] for row in named["rows"]]
