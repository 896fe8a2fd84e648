"""A migration waits for whoever uses a table, lets the others pass meanwhile, and gives up with a name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.db.migrate import LOCK_TIMEOUT_MILLISECONDS, migrate
from server.errors import UnavailableError
from tests.sql.acting import connected
from tests.support import Retailer, answer
from tests.transport.shop import eventually, open_store
from tests.upgrade.next_release import ADDED, APPLIED, next_files

FIRST = ADDED[0].name


@asynccontextmanager
async def reading_for_long(retailer: Retailer) -> AsyncIterator[Any]:
    """A transaction that has read products and does not end."""
    settings = {"application_name": "monthly report"}
    async with connected(retailer.admin_url, server_settings=settings) as reader, reader.transaction():
        await reader.fetch("select from retail.products")
        yield reader


async def migrated(retailer: Retailer, patience_seconds: float = 60) -> list[str]:
    async with connected(retailer.admin_url) as connection:
        return await migrate(connection, next_files(), patience_seconds=patience_seconds)


async def waits(retailer: Retailer) -> bool:
    """Whether somebody stands in line for products, exclusively."""
    return bool(
        await retailer.value(
            "select exists (select from pg_locks where relation = 'retail.products'::regclass and not granted)"
        )
    )


async def test_calls_are_answered_while_a_migration_waits(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    async with retailer.client("seattle") as client:
        await answer(client, "list_low_stock")
        async with reading_for_long(retailer):
            migration = asyncio.create_task(migrated(retailer))
            for _ in range(3):
                await eventually(lambda: waits(retailer))
                # Behind the one that waits: it must give way before this call loses its patience.
                assert (await answer(client, "list_low_stock"))["store_id"] == "seattle"
            assert not migration.done()
        assert await migration == [file.name for file in APPLIED]
        assert (await answer(client, "list_low_stock"))["store_id"] == "seattle"


async def test_it_gives_up_with_the_name_of_who_is_in_the_way(retailer: Retailer) -> None:
    async with reading_for_long(retailer) as reader:
        with pytest.raises(UnavailableError) as given_up:
            await migrated(retailer, patience_seconds=1)
    message = str(given_up.value)
    assert f"sql/{FIRST} could not be applied within 1 s" in message
    assert f"process {reader.get_server_pid()} (" in message
    assert "monthly report)" in message
    assert await retailer.value("select count(*) from migrations.applied where file_name = $1", FIRST) == 0

    assert await migrated(retailer) == [file.name for file in APPLIED]


async def test_no_login_of_the_server_loses_its_patience_first(retailer: Retailer) -> None:
    found = await retailer.fetch("""
        select s.setrole::regrole::text as login, extract(epoch from split_part(setting, '=', 2)::interval) * 1000 as ms
        from pg_db_role_setting s, unnest(s.setconfig) setting
        where setting like 'lock_timeout=%' and s.setrole::regrole::text like 'mcp_%' and s.setdatabase = 0
    """)
    assert {row["login"] for row in found} == {"mcp_user", "mcp_auth", "mcp_audit", "mcp_embed", "mcp_sql"}
    assert [row["login"] for row in found if row["ms"] <= LOCK_TIMEOUT_MILLISECONDS] == []
