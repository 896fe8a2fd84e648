"""What a caller sees of embeddings: their state, a provider that is slow or down, texts that have changed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.config import Settings
from server.embeddings import LOCAL_MODEL, build_embedder
from server.embeddings.all_stores import embed_products
from server.embeddings.breaker import FAILURES_TO_OPEN
from tests.embeddings import openai_server as fake
from tests.embeddings.openai_server import API_KEY, OpenAIServer, fail, openai_server
from tests.support import answer, refusal
from tests.tools.shop import Shop
from tests.transport.serving import serving
from tests.transport.shop import eventually

__all__ = ["openai_server"]

LOCAL = build_embedder(Settings(_env_file=None))


def asking(server: OpenAIServer, **changes: Any) -> dict[str, Any]:
    """Settings of a server that asks this provider."""
    return {"embeddings": "openai", "openai_base_url": server.url, "openai_api_key": API_KEY} | changes


async def embed_with(shop: Shop, server: OpenAIServer) -> None:
    embedder = build_embedder(server.settings())
    await embed_products(shop.retailer.admin_url, embedder)
    await embedder.close()
    server.requests.clear()


async def test_a_changed_product_is_found_by_its_new_words_at_once(shop: Shop) -> None:
    product = await shop.product("A", product_name="Garden hose")
    await shop.product("B", product_name="Wall paint")
    await embed_products(shop.retailer.admin_url, LOCAL)
    await shop.connection.execute(
        "update retail.products set product_name = 'Waterproof junction box' where product_id = $1", product
    )

    async with shop.client() as client:
        context = (await answer(client, "get_store_context"))["current_store"]
        found = {
            mode: await answer(client, "search_products", query="junction box", mode=mode)
            for mode in ("hybrid", "keyword")
        }
        old_words = await answer(client, "search_products", query="hose", mode="keyword")

    for mode, answered in found.items():
        assert answered["search_mode_used"] == mode
        assert answered["rows"][0]["sku"] == "A"
        assert answered["rows"][0]["matched_words"] == ["junction", "box"]
    assert old_words["rows"] == []
    assert (context["products_not_searchable_by_meaning"], context["products_searchable_by_older_texts"]) == (0, 1)


async def test_the_context_tells_the_model_in_use(shop: Shop, openai_server: OpenAIServer) -> None:
    await shop.product("A", product_name="Garden hose")

    async def told() -> tuple[str, int]:
        async with shop.client(**asking(openai_server)) as client:
            context = (await answer(client, "get_store_context"))["current_store"]
            return context["embedding_model"], context["products_not_searchable_by_meaning"]

    # Nothing is embedded: the settings decide.
    assert await told() == ("text-embedding-3-small", 1)
    await embed_products(shop.retailer.admin_url, LOCAL)
    assert await told() == (LOCAL_MODEL, 0)
    await embed_with(shop, openai_server)
    assert await told() == ("text-embedding-3-small", 0)


async def test_a_slow_provider_holds_no_connection(shop: Shop, openai_server: OpenAIServer) -> None:
    """Another call gets through on the only connection there is, while the query is being embedded."""
    await shop.product("A", product_name="Garden hose")
    await embed_with(shop, openai_server)
    async with shop.client(**asking(openai_server, pool_size=1)) as client:
        await answer(client, "search_products", query="paint")
        openai_server.requests.clear()
        openai_server.behave(fake.hang, forever=True)
        searching = asyncio.create_task(answer(client, "search_products", query="hose"))

        async def is_asked() -> bool:
            return bool(openai_server.requests)

        await eventually(is_asked)
        backends = await shop.retailer.fetch(
            "select state from pg_stat_activity where datname = current_database() and usename = 'mcp_user'"
        )
        assert {backend["state"] for backend in backends} == {"idle"}
        assert (await answer(client, "get_products", products=["A"]))["products"][0]["sku"] == "A"
        assert not searching.done()
        searching.cancel()
        await asyncio.gather(searching, return_exceptions=True)


async def test_a_provider_that_is_down_is_left_alone_and_search_says_what_it_did(
    shop: Shop, openai_server: OpenAIServer
) -> None:
    await shop.product("A", product_name="Garden hose")
    await embed_with(shop, openai_server)
    openai_server.behave(fail(401), forever=True)

    async with shop.client(**asking(openai_server)) as client:
        for number in range(FAILURES_TO_OPEN + 3):
            found = await answer(client, "search_products", query=f"hose {number}")
            assert found["search_mode_used"] == "keyword"
            assert found["note"].startswith("Searched by words only: no embedding of the query")
            assert found["rows"][0]["sku"] == "A"
        message = await refusal(client, "search_products", query="hose", mode="semantic")

    assert len(openai_server.requests) == FAILURES_TO_OPEN
    assert "left alone" in message
    assert API_KEY not in message


@pytest.mark.parametrize("store_id", ["redmond", "atlantis"])
async def test_a_store_that_is_not_the_callers_costs_no_request(
    shop: Shop, openai_server: OpenAIServer, store_id: str
) -> None:
    """Not even when somebody else has just searched it: the answer would come later than for a store that is not."""
    neighbour = await Shop.open(shop.retailer, shop.connection, "redmond")
    await neighbour.product("B", product_name="Garden hose")
    async with serving(shop.retailer, **asking(openai_server)) as served:
        async with served.client(await shop.retailer.token("redmond")) as client:
            await answer(client, "search_products", query="hose")
        assert openai_server.texts == [["hose"]]
        openai_server.requests.clear()
        async with served.client(await shop.retailer.token("seattle")) as client:
            refused = await refusal(client, "search_products", query="drill", store_id=store_id)

    assert refused == "No such store among yours. Your stores: seattle."
    assert openai_server.requests == []
