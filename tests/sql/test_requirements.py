"""What migrate refuses in one line, before it changes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from server.db.operator import admin_connection
from tests.cluster import Cluster
from tests.sql.acting import retailer_on
from tests.support import Retailer
from tests.transport.processes import Finished, for_operator, run

OLD_VECTOR = "update pg_extension set extversion = '0.7.4' where extname = 'vector'"
READ_ONLY = "alter database {} set default_transaction_read_only = on"


@pytest.fixture
async def empty(cluster: Cluster) -> AsyncIterator[Retailer]:
    async with cluster.temporary_database("template0") as name:
        yield retailer_on(cluster, name)


def name_of(retailer: Retailer) -> str:
    return urlsplit(retailer.admin_url).path.lstrip("/")


async def refused(retailer: Retailer, directory: Path) -> str:
    """The line that migrate ends with."""
    done: Finished = await run(directory, for_operator(retailer), "migrate")
    assert (done.code, done.out) == (2, ""), done
    (line,) = done.err.strip().splitlines()
    return line


async def nothing_was_made(retailer: Retailer) -> bool:
    return await retailer.value("select to_regnamespace('migrations') is null and to_regnamespace('retail') is null")


async def test_an_old_pgvector_is_refused(empty: Retailer, tmp_path: Path) -> None:
    await empty.execute(f"create extension vector; {OLD_VECTOR}")

    told = await refused(empty, tmp_path)
    assert "pgvector 0.7.4 is installed in this database; 0.8 or newer is needed" in told
    assert "alter extension vector update" in told
    assert await nothing_was_made(empty)


async def test_a_database_that_takes_no_changes_is_refused(empty: Retailer, tmp_path: Path) -> None:
    await empty.execute(READ_ONLY.format(name_of(empty)))

    assert "read-only here (default_transaction_read_only)" in await refused(empty, tmp_path)
    assert await nothing_was_made(empty)


async def test_another_encoding_is_refused(empty: Retailer, cluster: Cluster, tmp_path: Path) -> None:
    name = f"{name_of(empty)}_latin1"
    async with admin_connection(cluster.url) as connection:
        await connection.execute(
            f"create database {name} template template0 encoding 'LATIN1' locale_provider libc locale 'C'"
        )
    try:
        latin = retailer_on(cluster, name)
        assert "encoding is LATIN1" in await refused(latin, tmp_path)
        assert await nothing_was_made(latin)
    finally:
        async with admin_connection(cluster.url) as connection:
            await connection.execute(f"drop database {name} with (force)")


async def test_a_current_database_with_an_old_pgvector_is_refused_too(retailer: Retailer, tmp_path: Path) -> None:
    await retailer.execute(OLD_VECTOR)

    assert "pgvector 0.7.4" in await refused(retailer, tmp_path)


@pytest.mark.usefixtures("template")
async def test_a_file_that_fails_shows_no_traceback(empty: Retailer, tmp_path: Path) -> None:
    """Somebody's table has the name of one of ours."""
    await empty.execute(
        "create schema retail authorization retail_owner; set role retail_owner;"
        " create table retail.stores (id integer); reset role"
    )

    told = await refused(empty, tmp_path)
    assert "A file of sql/ could not be applied (" in told
    assert "Traceback" not in told
