"""What search_products makes of numbers, codes, phrases and misspelt words, and what it counts and sorts by."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastmcp import Client

from server.config import Settings
from server.db.operator import admin_connection
from server.embeddings import build_embedder
from server.embeddings.all_stores import embed_products
from server.tools.products.query_text import QueryText
from tests.cluster import Cluster
from tests.sql.factories import insert_category
from tests.support import Retailer, answer
from tests.tools.asking import Callers, walk
from tests.tools.reference.products import products
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Goods, Shop

SAME_MEASURE = [
    ("16 oz", "16oz", "16-ounce", "16 Ounces"),
    ("3/4 in", '3/4"', "3/4-inch", "0.75 inches"),
    ("1 1/2 in", "1.5 inch", '1 1/2"'),
    ("10,000 mAh", "10000mAh"),
    ("8 x 10 ft", "8x10", "8' x 10'"),
    ("20 F", "20°F", "20 degree"),
    ("2 gal", "2-gallon"),
]
DIFFERENT = [("16 oz", "16 lb"), ("3/4 in", "1/4 in"), ("2 in 1", "2 in"), ("1.5 in", "15 in"), ("9 M", "9m")]


@pytest.fixture(scope="module")
async def tools(cluster: Cluster, template: str) -> AsyncIterator[Client[Any]]:
    """Seattle sells tools, Redmond what Seattle must not know of."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        async with admin_connection(retailer.admin_url) as connection:
            hammers = await insert_category(connection, "Hammers")
            seattle = await Shop.open(retailer, connection)
            sku = {"category_id": hammers, "brand": "Torvik", "metadata": '{"grip": "Hickory", "magnetic": true}'}
            claw = await seattle.product("SC-141", product_name="Claw hammer, 16 oz", model="TH-20.5", stock=3, **sku)
            await seattle.product("SC-142", product_name="Sledge hammer, 16 lb", price="30.00", **sku)
            await seattle.product(
                "PIPE-1", product_name='Copper pipe 3/4"', color="Red", rating_average=Decimal("4.20"), rating_count=3
            )
            await seattle.product(
                "PIPE-2", product_name="Copper pipe, 1/4 in", created_at=datetime.now(UTC) + timedelta(1)
            )
            await seattle.product("GONE-1", product_name="Screwdriver", is_active=False)
            await seattle.receipt(f"{datetime.now(UTC):%Y-%m-%d} 00:30", Goods(claw, 2))
            redmond = await Shop.open(retailer, connection, "redmond")
            await redmond.product("KAYAK-1", product_name="Kayak with paddle")
        await embed_products(retailer.admin_url, build_embedder(Settings(_env_file=None)))
        async with seattle.client() as client:
            yield client


async def skus(client: Client[Any], **asked: Any) -> list[str]:
    return [row["sku"] for row in (await answer(client, "search_products", **asked))["rows"]]


@pytest.mark.parametrize("written", SAME_MEASURE, ids=str)
async def test_a_measure_is_the_same_however_it_is_written(retailer: Retailer, written: tuple[str, ...]) -> None:
    words = {
        text: await retailer.value(
            "select plainto_tsquery('english', retail.search_text($1))::text", f"hammer {text} x"
        )
        for text in written
    }

    assert len(set(words.values())) == 1, words


async def test_different_measures_stay_different(retailer: Retailer) -> None:
    for one, other in DIFFERENT:
        texts = [await retailer.value("select retail.search_text($1)", text) for text in (one, other)]
        assert texts[0] != texts[1]


async def test_a_code_is_written_alike_by_the_query_and_the_database(retailer: Retailer) -> None:
    for code in ("SC-141", "th 20.5", "A/B_c#9", "ÄÖ-12", "4006381333931"):
        parsed = QueryText.parse(code)
        assert parsed
        assert await retailer.value("select retail.code_key($1)", code) in parsed.codes


@pytest.mark.parametrize("query", ["16oz hammer", "hammer 16-ounce", "16 ounces"])
async def test_the_right_measure_comes_before_the_wrong_one(tools: Client[Any], query: str) -> None:
    assert (await skus(tools, query=query, mode="keyword"))[0] == "SC-141"


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword", "rrf"])
@pytest.mark.parametrize(
    "query", ["SC-141", "sc141", "sc 141", "is SC-141 in stock?", "th205", "hammer TH-20.5", "claw hammer, 16 oz"]
)
async def test_a_product_named_by_sku_model_or_whole_name_comes_first(
    tools: Client[Any], query: str, mode: str
) -> None:
    first = (await answer(tools, "search_products", query=query, mode=mode))["rows"][0]

    assert (first["sku"], first["exact_match"], first["score"]) == ("SC-141", True, 1.0)


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword", "rrf"])
async def test_words_in_quotes_are_a_phrase(tools: Client[Any], mode: str) -> None:
    assert await skus(tools, query='"claw hammer"', mode=mode) == ["SC-141"]
    missing = await answer(tools, "search_products", query='"hammer claw"', mode=mode)
    assert missing["rows"] == []
    assert missing["note"].startswith("No product that passes the filters has the words in quotes")


async def test_inches_are_no_quotes(tools: Client[Any]) -> None:
    assert (await skus(tools, query='3/4" pipe or 1/4" pipe'))[:2] in (["PIPE-1", "PIPE-2"], ["PIPE-2", "PIPE-1"])


@pytest.mark.parametrize(
    ("query", "corrected", "first"),
    [
        ("hamer", "hammer", "SC-14"),
        ("coppr pipe", "copper pipe", "PIPE"),
        ("Slegde hamer", "sledge hammer", "SC-142"),
        ("torvk", "torvik", "SC-14"),
    ],
)
async def test_a_misspelt_word_is_corrected_and_the_answer_says_so(
    tools: Client[Any], query: str, corrected: str, first: str
) -> None:
    found = await answer(tools, "search_products", query=query)

    assert found["corrected_query"] == corrected
    assert found["rows"][0]["sku"].startswith(first)
    right = await answer(tools, "search_products", query=corrected)
    assert {**found, "corrected_query": None} == right


@pytest.mark.parametrize(
    "query",
    # The store's own words, English ones that it lacks, codes, quotes; a word of Redmond, one of no product any more.
    ["hammers", "camper", "rammer", "SC-1411", '"hamer"', "kayack", "screwdrver", "hxmmxr"],
)
async def test_what_is_no_slip_of_a_word_of_the_store_is_left_alone(tools: Client[Any], query: str) -> None:
    assert (await answer(tools, "search_products", query=query))["corrected_query"] is None


async def test_a_changed_text_is_learnt(shop: Shop) -> None:
    product = await shop.product("ONE", product_name="Hammer")
    await shop.connection.execute(
        "update retail.products set product_name = 'Trowel' where store_id = 'seattle' and product_id = $1", product
    )
    async with shop.client() as client:
        assert (await answer(client, "search_products", query="trowl"))["corrected_query"] == "trowel"
        assert (await answer(client, "search_products", query="hamer"))["corrected_query"] is None


async def test_a_hit_says_what_of_the_query_it_has(tools: Client[Any]) -> None:
    page = await answer(tools, "search_products", query="magnetic claw hammer 16oz", mode="keyword")
    hits = {row["sku"]: row for row in page["rows"]}

    assert hits["SC-141"]["matched_words"] == ["claw", "hammer", "16oz"]
    assert hits["SC-142"]["matched_words"] == ["hammer"]
    # Three words of four in the name, and one of four.
    assert hits["SC-141"]["word_score"] == pytest.approx(3 / 4, abs=1e-3)
    assert hits["SC-142"]["word_score"] == pytest.approx(1 / 4, abs=1e-3)


async def test_a_score_is_six_parts_meaning_and_four_parts_words(demo_as: Callers) -> None:
    rows = (await answer(await demo_as("seattle"), "search_products", query="warm winter jacket", limit=50))["rows"]

    for row in rows:
        assert row["score"] == pytest.approx(0.6 * row["similarity"] + 0.4 * row["word_score"], abs=2e-3)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"grip": "hickory"}, ["SC-141", "SC-142"]),
        ({"magnetic": True}, ["SC-141", "SC-142"]),
        ({"magnetic": "true"}, ["SC-141", "SC-142"]),
        ({"magnetic": "True"}, ["SC-141", "SC-142"]),
        ({"grip": "hickory", "magnetic": False}, []),
        ({"color": "red"}, ["PIPE-1"]),
        ({"nothing": "of the kind"}, []),
    ],
)
async def test_attributes_choose_products(tools: Client[Any], attributes: dict[str, Any], expected: list[str]) -> None:
    assert sorted(await skus(tools, attributes=attributes)) == expected


async def test_newest_and_best_selling_come_first(tools: Client[Any]) -> None:
    assert (await skus(tools, sort="newest"))[0] == "PIPE-2"
    assert (await skus(tools, sort="best_selling"))[0] == "SC-141"


async def test_facets_count_everything_that_was_found(demo_as: Callers, demo_data: dict[str, StoreData]) -> None:
    client, data = await demo_as("bellevue"), demo_data["bellevue"]
    asked = {"query": "shoes for rain", "max_price": "200"}
    found = {row["product_id"] for row in await walk(client, "search_products", limit=100, **asked)}
    hits = [product for product in products(data) if str(product["product_id"]) in found]

    page = await answer(client, "search_products", limit=1, facets=True, **asked)
    facets = page["facets"]

    assert page["total_matches"] == len(hits)
    for name, values in (
        ("brands", Counter(hit["brand"] for hit in hits)),
        ("categories", Counter(data.lineage(hit)[0]["category_name"] for hit in hits)),
    ):
        counted = {facet["value"]: facet["products"] for facet in facets[name]}
        assert counted == {value: values[value] for value in counted}
        assert sorted(counted.values(), reverse=True) == sorted(values.values(), reverse=True)[:20]
    assert sum(band["products"] for band in facets["price_bands"]) == len(hits)
    for band in facets["price_bands"]:
        least, below = Decimal(band["min_price"]), Decimal(band["below_price"])
        assert band["products"] == sum(least <= hit["price"] < below for hit in hits)
    for band in facets["ratings"]:
        rated = sum(hit["rating_count"] > 0 and hit["rating_average"] >= band["min_rating"] for hit in hits)
        assert band["products"] == rated


async def test_facets_are_left_out_unless_asked_for(tools: Client[Any]) -> None:
    assert (await answer(tools, "search_products"))["facets"] is None


async def test_a_fixed_threshold_would_hide_what_a_floor_per_model_finds(demo_as: Callers) -> None:
    """0.7 is above what a short query and the text of the very product it asks for have in common."""
    found = {
        wish: (await answer(await demo_as("seattle"), "search_products", query=wish, mode="semantic"))["rows"][0]
        for wish in ("headphones that block out noise", "a tent for the family", "sharp knife for vegetables")
    }

    assert [row["similarity"] for row in found.values() if row["similarity"] >= 0.7] == []
    assert [row["sku"].split("-")[1] for row in found.values()] == ["HEADPH", "TENT", "KNIFE"]
