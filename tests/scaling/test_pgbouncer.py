"""PgBouncer in transaction mode: what leads through it works, what cannot is refused at the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from fastmcp import Client

from server.app import build
from server.errors import ConfigurationError
from tests import pgbouncer
from tests.cluster import Cluster
from tests.sql.acting import connected, retailer_on
from tests.support import Retailer, answer, chosen
from tests.transport.shop import open_store

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(900),
    pytest.mark.skipif(pgbouncer.PROGRAM is None, reason="PgBouncer is not installed"),
]

SESSIONS = 2
DIRECT = {
    "RETAIL_AUTH_DATABASE_URL": ("auth_database_url", "mcp_auth"),
    "RETAIL_AUDIT_DATABASE_URL": ("audit_database_url", "mcp_audit"),
    "RETAIL_EMBED_DATABASE_URL": ("embed_database_url", "mcp_embed"),
    "RETAIL_SQL_DATABASE_URL": ("sql_database_url", "mcp_sql"),
}


@pytest.fixture(scope="module")
def pooled(cluster: Cluster) -> Iterator[Cluster]:
    with pgbouncer.pooled(cluster, sessions=SESSIONS, ignored="statement_timeout, transaction_timeout") as pooled:
        yield pooled


@pytest.fixture(scope="module")
async def shop(pooled: Cluster, template: str) -> AsyncIterator[Retailer]:
    """Two stores behind few sessions."""
    async with pooled.temporary_database(template) as name:
        retailer = retailer_on(pooled, name)
        await open_store(retailer, "seattle", units=3)
        await open_store(retailer, "redmond", units=5)
        yield retailer


async def test_sessions_change_hands(shop: Retailer) -> None:
    """Guards the tests that lead through it: what they find is found with sessions that others have had."""
    async with connected(shop.app_url) as one, connected(shop.app_url) as two:
        first = await one.fetchval("select pg_backend_pid()")
        async with two.transaction():
            assert await two.fetchval("select pg_backend_pid()") == first
            assert await one.fetchval("select pg_backend_pid()") != first


async def test_many_callers_share_few_sessions(shop: Retailer) -> None:
    units = {"seattle": 3, "redmond": 5}
    stores = ("seattle", "redmond", "seattle", "redmond")
    async with AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(shop.client(store_id, pool_size=4)) for store_id in stores]

        async def ask(store_id: str, client: Client[Any]) -> None:
            for _ in range(15):
                sold = await answer(client, "list_top_products", period="last_365_days", limit=1)
                assert (sold["store_id"], sold["rows"][0]["units"]) == (store_id, 3 * units[store_id])

        async with asyncio.TaskGroup() as group:
            for asking in zip(stores, clients, strict=True):
                group.create_task(ask(*asking))


async def test_prepared_statements_are_refused(shop: Retailer) -> None:
    with pytest.raises(ConfigurationError, match=r"RETAIL_DATABASE_URL .*Set RETAIL_STATEMENT_CACHE_SIZE=0"):
        async with build(chosen(statement_cache_size=100), shop.connections, "http"):
            pass


async def test_settings_of_a_session_are_refused(cluster: Cluster, shop: Retailer) -> None:
    with pgbouncer.pooled(cluster) as strict:
        url = strict.app_url(urlsplit(shop.app_url).path.lstrip("/"))
        with pytest.raises(ConfigurationError, match=r"takes no session's settings.* RETAIL_STATEMENT_CACHE_SIZE=0"):
            async with build(chosen(), replace(shop.connections, database_url=url), "http"):
                pass


@pytest.mark.parametrize("setting", DIRECT)
async def test_what_needs_a_session_of_its_own_is_refused(shop: Retailer, setting: str) -> None:
    field, login = DIRECT[setting]
    parts = urlsplit(shop.app_url)
    url = urlunsplit(parts._replace(netloc=parts.netloc.replace("mcp_user", login, 1)))

    with pytest.raises(ConfigurationError, match=f"^{setting} leads through a connection pooler.* Name the database"):
        async with build(chosen(statement_cache_size=0), replace(shop.connections, **{field: url}), "http"):
            pass


async def test_a_time_limit_that_a_pooler_does_not_pass_on_is_refused_until_the_database_has_it(shop: Retailer) -> None:
    with pytest.raises(ConfigurationError, match=r"A query may run 3 s .*, but 10 s hold: .*alter role mcp_user"):
        async with shop.server("http", query_timeout_seconds=3):
            pass
