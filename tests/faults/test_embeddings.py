"""The embedding provider is down: words still find products, and the caller knows what was left out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastmcp import Client

from tests.faults.messages import SECRET, assert_helpful
from tests.support import Retailer, answer, refusal


@pytest.fixture(scope="module")
async def without_provider(shop: Retailer) -> AsyncIterator[Client[Any]]:
    """A client of a server whose provider refuses every connection."""
    async with shop.client(
        "seattle",
        embeddings="openai",
        openai_base_url="http://127.0.0.1:1/v1",
        openai_api_key=SECRET,
        embedding_timeout_seconds=0.2,
    ) as client:
        yield client


async def test_search_goes_on_by_words_and_says_so(without_provider: Client[Any]) -> None:
    found = await answer(without_provider, "search_products", query="lamp")
    assert found["search_mode_used"] == "keyword"
    assert "by words only" in found["note"]
    assert found["total_matches"] == 5
    assert SECRET not in str(found)


async def test_search_by_meaning_alone_is_refused(without_provider: Client[Any]) -> None:
    message = await refusal(without_provider, "search_products", query="lamp", mode="semantic")
    assert_helpful(message)
    assert "embedding provider" in message
    assert "127.0.0.1" not in message


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_products", {"query": "lamp", "mode": "keyword"}),
        ("search_products", {}),
        ("get_store_context", {}),
        ("get_products", {"products": ["SKU-1"]}),
        ("summarize_sales", {}),
    ],
)
async def test_nothing_else_needs_it(tool: str, arguments: dict[str, Any], without_provider: Client[Any]) -> None:
    found = await answer(without_provider, tool, **arguments)
    assert not found.get("note")


async def test_no_connection_waits_for_it(shop: Retailer) -> None:
    """On the only connection there is."""
    async with shop.client(
        "seattle",
        embeddings="openai",
        openai_base_url="http://127.0.0.1:1/v1",
        embedding_timeout_seconds=0.2,
        pool_size=1,
    ) as client:
        assert (await answer(client, "search_products", query="lamp"))["total_matches"] == 5
