"""The running server keeps embeddings in step with their products."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from fastmcp import Client

from server.app import build
from server.embeddings import LOCAL_MODEL, sync
from server.embeddings.all_stores import embed_products
from server.embeddings.database import vector_database
from server.embeddings.models import Embedders
from server.embeddings.openai import OpenAIEmbedder
from server.embeddings.sync import LONGEST_PAUSE_SECONDS, check_embed_login, refresh
from server.errors import ConfigurationError, EmbeddingUnavailableError
from tests.embeddings.openai_server import API_KEY, OpenAIServer, fail
from tests.embeddings.test_embed_products import add_product, add_store
from tests.support import Retailer, answer, chosen
from tests.transport.shop import eventually

OPENAI_MODEL = "text-embedding-3-small"


@pytest_asyncio.fixture
async def database(retailer: Retailer) -> AsyncIterator[asyncpg.Connection]:
    """Two stores with a product each."""
    connection = await asyncpg.connect(retailer.admin_url)
    for store_id in ("redmond", "seattle"):
        await add_store(connection, store_id)
        await add_product(connection, store_id, f"Drill of {store_id}")
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def embedders(openai_server: OpenAIServer) -> AsyncIterator[Embedders]:
    """Settings that name the local model, with a provider of others beside it."""
    embedders = Embedders(openai_server.settings(embeddings="wordllama"))
    yield embedders
    await embedders.close()


async def look(retailer: Retailer, embedders: Embedders) -> int:
    async with vector_database(retailer.login_url("mcp_embed")) as database:
        return await refresh(database, embedders)


async def stored(database: asyncpg.Connection) -> set[tuple[str, str]]:
    rows = await database.fetch("select embedding_model, embedding_text from retail.product_embeddings")
    return {(row[0], row[1]) for row in rows}


async def test_a_new_store_gets_the_settings_model(
    retailer: Retailer, database: asyncpg.Connection, embedders: Embedders
) -> None:
    assert await look(retailer, embedders) == 2
    assert await look(retailer, embedders) == 0

    assert await stored(database) == {(LOCAL_MODEL, "Drill of redmond"), (LOCAL_MODEL, "Drill of seattle")}
    assert await database.fetch("select distinct embedding_model from retail.stores") == [(LOCAL_MODEL,)]


async def test_new_changed_and_discontinued_products_follow_with_their_stores_own_model(
    retailer: Retailer, database: asyncpg.Connection, embedders: Embedders, openai_server: OpenAIServer
) -> None:
    provider = OpenAIEmbedder(openai_server.settings())
    await embed_products(retailer.admin_url, provider, store_id="seattle")
    await provider.close()
    await look(retailer, embedders)
    openai_server.requests.clear()
    await add_product(database, "seattle", "Saw")
    await add_product(database, "seattle", "Hose")
    await look(retailer, embedders)
    await database.execute(
        "update retail.products set product_name = 'New drill' where store_id = 'seattle' and sku ~ 'Drill'"
    )
    await database.execute("update retail.products set is_active = false where sku = 'Saw'")
    await database.execute("delete from retail.products where sku = 'Hose'")

    assert await look(retailer, embedders) == 1

    assert await stored(database) == {(LOCAL_MODEL, "Drill of redmond"), (OPENAI_MODEL, "New drill")}
    # New products follow in the order of their ids, which PostgreSQL 17 draws at random.
    assert [sorted(texts) for texts in openai_server.texts] == [["Hose", "Saw"], ["New drill"]]


async def test_a_provider_that_is_down_holds_up_its_own_stores_only(
    retailer: Retailer, database: asyncpg.Connection, embedders: Embedders, openai_server: OpenAIServer
) -> None:
    provider = OpenAIEmbedder(openai_server.settings())
    await embed_products(retailer.admin_url, provider, store_id="redmond")
    await provider.close()
    await add_product(database, "redmond", "Saw")
    openai_server.behave(fail(401), forever=True)

    with pytest.raises(EmbeddingUnavailableError, match="HTTP 401"):
        await look(retailer, embedders)

    assert (LOCAL_MODEL, "Drill of seattle") in await stored(database)


async def test_after_failures_the_pause_grows_and_after_success_it_is_the_settings(
    retailer: Retailer,
    database: asyncpg.Connection,
    openai_server: OpenAIServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing waits here: the pauses are noted, and after the last one the task is ended."""
    embedders = Embedders(openai_server.settings())
    openai_server.behave(fail(401), forever=True)
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            openai_server.recover()
        if len(pauses) == 6:
            raise asyncio.CancelledError

    with caplog.at_level(logging.WARNING), suppress(asyncio.CancelledError):
        await sync._sync_forever(retailer.login_url("mcp_embed"), embedders, 100, note)
    await embedders.close()

    assert pauses == [200, 400, 800, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, 100]
    assert "HTTP 401" in caplog.text
    assert API_KEY not in caplog.text
    assert len(await stored(database)) == 2


async def test_the_server_does_it_by_itself(retailer: Retailer, database: asyncpg.Connection) -> None:
    connections = replace(retailer.connections, embed_database_url=retailer.login_url("mcp_embed"))
    settings = chosen(token=await retailer.token("seattle"), embed_interval_seconds=0.02)
    async with build(settings, connections, "stdio") as server, Client(server) as client:

        async def all_found_by_meaning() -> bool:
            context = await answer(client, "get_store_context")
            return context["current_store"]["products_not_searchable_by_meaning"] == 0

        await eventually(all_found_by_meaning, seconds=20)
        await add_product(database, "seattle", "Saw")
        await eventually(all_found_by_meaning, seconds=20)

    async def nobody_left() -> bool:
        return not await database.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and usename = 'mcp_embed'"
        )

    await eventually(nobody_left)


@pytest.mark.parametrize(("url", "seconds"), [(None, 0.02), ("mcp_embed", 0)])
async def test_it_can_be_off(
    retailer: Retailer, database: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, url: str | None, seconds: float
) -> None:
    def refuse(*arguments: Any) -> None:
        pytest.fail("it is on")

    monkeypatch.setattr("server.app.embedding_sync", refuse)
    connections = replace(retailer.connections, embed_database_url=url and retailer.login_url(url))
    settings = chosen(token=await retailer.token("seattle"), embed_interval_seconds=seconds)

    async with build(settings, connections, "stdio"):
        pass


@pytest.mark.parametrize(
    ("login", "message"), [("mcp_user", "Use mcp_embed"), ("mcp_auth", "Use mcp_embed"), (None, "bypasses row level")]
)
async def test_no_other_login_will_do(
    retailer: Retailer, database: asyncpg.Connection, embedders: Embedders, login: str | None, message: str
) -> None:
    url = retailer.login_url(login) if login else retailer.admin_url

    with pytest.raises(ConfigurationError, match=message):
        await check_embed_login(url)
