"""A database of PostgreSQL 17 becomes one of 18, by a backup and by pg_upgrade: the same rows, the same defences."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.db.startup_check import check_isolation
from server.operations.admin.keys import install_key
from server.operations.backup.job import BackupJob
from server.tenancy.context_token import ContextSigner
from tests.cluster import Cluster
from tests.debian import DebianPostgres, debian_postgres, open_workplace
from tests.sql.acting import connected, retailer_on
from tests.support import CONTEXT_KEY, Retailer, answer
from tests.transport.processes import for_operator, run
from tests.upgrade.catalogue import fingerprint
from tests.upgrade.filling import STORES, columns_of, empty_tables, fill, row_hashes

DATABASE = "retail"
TOOLS = ("summarize_sales", "list_top_products", "list_low_stock", "list_categories")
# What a server or a command writes when it is asked.
GROWING = {"audit.job", "audit.operation", "audit.seal", "audit.tool_call", "guard.api_token", "guard.context_key"}


@dataclass(frozen=True)
class Filled:
    """A stopped cluster of PostgreSQL 17 with a filled database, and what was in it.

    Attributes:
        data: Its data directory.
        dump: A backup of it.
        columns: Columns of every table.
        rows: A checksum of every row.
        answers: What tools answered in each store.
    """

    data: Path
    dump: Path
    columns: dict[str, list[str]]
    rows: dict[str, list[str]]
    answers: list[object]


@pytest.fixture(scope="module")
def debian() -> DebianPostgres:
    found = debian_postgres()
    if found is None:
        pytest.skip("no PostgreSQL 17: scripts/make_postgresql_root.sh makes one for RETAIL_TEST_POSTGRESQL_ROOT")
    return found


@pytest.fixture(scope="module")
async def filled(debian: DebianPostgres) -> AsyncIterator[Filled]:
    with open_workplace() as workplace:
        # Checksums are what initdb of PostgreSQL 18 makes unless told otherwise, and pg_upgrade wants both alike.
        data = workplace / "data17"
        debian.make_cluster(data, debian.programs, "--data-checksums")
        with debian.running(data, debian.programs) as url:
            retailer = await _database(url)
            async with admin_connection(retailer.admin_url) as connection:
                assert connection.get_server_version().major == 17
                await migrate(connection)
                await install_key(connection, CONTEXT_KEY)
            await fill(retailer)
            assert await empty_tables(retailer) == set()
            columns = await columns_of(retailer)
            rows, answers = await row_hashes(retailer, columns), await _answers(retailer)
            job = BackupJob(retailer.admin_url, debian.client_programs(workplace))
            dump = await job.make(workplace / "backups")
        yield Filled(data, dump, columns, rows, answers)


@contextmanager
def copied(filled: Filled) -> Iterator[Path]:
    """A workplace with a copy of the cluster of PostgreSQL 17, to be changed."""
    with open_workplace() as workplace:
        shutil.copytree(filled.data, workplace / "data17", symlinks=True)
        for path in (workplace / "data17", *(workplace / "data17").rglob("*")):
            shutil.chown(path, filled.data.owner(), filled.data.group())
        yield workplace


async def forget_column_versions(retailer: Retailer) -> None:
    """Take out what 17.12 notes about columns, and 18 before its own release of that day cannot read.

    The wheel's 18.4 is older; no version of ours has to do with it.
    """
    await retailer.execute(
        "update pg_attribute set attoptions ="
        " nullif(array(select o from unnest(attoptions) o where o not like 'pg_attver=%'), '{}')"
        " where attoptions is not null and attrelid >= 16384"
    )


def upgrade(debian: DebianPostgres, workplace: Path) -> str:
    """Run pg_upgrade as its manual says; what it prints."""
    return debian.run(
        debian.wheel_programs / "pg_upgrade",
        "--link",
        "--username=postgres",
        f"--old-bindir={debian.programs}",
        f"--new-bindir={debian.wheel_programs}",
        f"--old-datadir={workplace / 'data17'}",
        f"--new-datadir={workplace / 'data18'}",
        f"--socketdir={workplace}",
        directory=workplace,
    )


async def test_a_backup_restores_into_the_next_major_version(debian: DebianPostgres, filled: Filled) -> None:
    with open_workplace() as workplace:
        data = workplace / "data18"
        debian.make_cluster(data, debian.wheel_programs)
        with debian.running(data, debian.wheel_programs) as url:
            await BackupJob(url).restore(filled.dump, DATABASE, keep_tokens=True)
            retailer = retailer_on(Cluster(url, None), DATABASE)
            async with admin_connection(retailer.admin_url) as connection:
                await install_key(connection, CONTEXT_KEY)
            await _is_as_it_was(retailer, filled)


async def test_pg_upgrade_moves_a_database_that_was_prepared(
    debian: DebianPostgres, filled: Filled, tmp_path: Path
) -> None:
    with copied(filled) as workplace:
        with debian.running(workplace / "data17", debian.programs) as url:
            old = retailer_on(Cluster(url, None), DATABASE)
            prepared = await run(tmp_path, for_operator(old), "prepare-pg-upgrade")
            assert (prepared.code, prepared.err) == (0, ""), prepared
            # Rights on system objects are what a cluster of its version is born with.
            assert await old.value(_RIGHTS_ON_SYSTEM_OBJECTS) == 0
            await forget_column_versions(old)
        debian.make_cluster(workplace / "data18", debian.wheel_programs)
        upgrade(debian, workplace)
        with debian.running(workplace / "data18", debian.wheel_programs) as url:
            new = retailer_on(Cluster(url, None), DATABASE)
            assert await _calls(new, "mcp_sql", "select pg_sleep(0)")
            migrated = await run(tmp_path, for_operator(new), "migrate")
            assert (migrated.code, migrated.out) == (0, "The schema is current.\n"), migrated
            await _is_as_it_was(new, filled)


async def _is_as_it_was(retailer: Retailer, filled: Filled) -> None:
    """The rows and answers of before, on PostgreSQL 18, held by what a new database of 18 is held by."""
    async with connected(retailer.admin_url) as connection:
        assert connection.get_server_version().major == 18
        catalogue = await fingerprint(connection)
    rows = await row_hashes(retailer, filled.columns)
    assert {name for name in rows if rows[name] != filled.rows[name]} <= GROWING
    assert await _answers(retailer) == filled.answers
    async with retailer.database(pool_size=1) as database:
        await check_isolation(database, ContextSigner(CONTEXT_KEY).kid)
    assert not await _calls(retailer, "mcp_sql", "select pg_sleep(0)")
    assert await _calls(retailer, "mcp_sql", "select upper('a')")

    fresh = await _database(retailer.admin_url, "fresh")
    async with connected(fresh.admin_url) as connection:
        await migrate(connection)
        assert catalogue ^ await fingerprint(connection) == set()


async def _database(url: str, name: str = DATABASE) -> Retailer:
    async with admin_connection(url) as connection:
        await connection.execute(f'create database "{name}" template template0')
    return retailer_on(Cluster(url, None), name)


async def _answers(retailer: Retailer) -> list[object]:
    answers: list[object] = []
    for store_id in STORES:
        async with retailer.client(store_id) as client:
            answers += [await answer(client, tool) for tool in TOOLS]
    return answers


async def _calls(retailer: Retailer, login: str, sql: str) -> bool:
    """Whether a login may run a statement."""
    async with connected(retailer.login_url(login)) as connection:
        try:
            await connection.execute(sql)
        except asyncpg.InsufficientPrivilegeError:
            return False
    return True


_RIGHTS_ON_SYSTEM_OBJECTS = """
select count(*)
from pg_proc p cross join lateral aclexplode(p.proacl) a
where p.pronamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  and a.grantee = 'retail_builtins'::regrole
"""
