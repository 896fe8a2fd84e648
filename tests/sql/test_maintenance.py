"""Maintenance really vacuums and rebuilds, while the tables are in use, and names indexes that nobody needs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from server.db.operator import admin_connection
from server.errors import ConfigurationError
from server.operations.admin.maintenance import Maintained, examine_indexes, maintain
from tests.support import Retailer
from tests.transport.processes import for_operator, run_here

FILL = """
insert into retail.stores (store_id, store_name) values ('a', 'A');
insert into retail.customers (store_id, first_name, last_name, email)
select 'a', 'A', 'B', n || '@example.com' from generate_series(1, 2000) n;
delete from retail.customers where email like '%1@example.com';
"""


async def maintained(retailer: Retailer, *, rebuild_all: bool = False) -> tuple[Maintained, list[str]]:
    steps: list[str] = []
    async with admin_connection(retailer.admin_url) as connection:
        return await maintain(connection, rebuild_all=rebuild_all, progress=steps.append), steps


async def test_dead_rows_go_and_statistics_come(retailer: Retailer) -> None:
    await retailer.execute(FILL)

    done, steps = await maintained(retailer)

    assert "vacuum retail.customers" in steps
    assert done.tables == await retailer.value(
        "select count(*) from pg_class where relkind = 'r' and relnamespace::regnamespace::text "
        "in ('retail', 'guard', 'audit', 'migrations')"
    )
    assert await retailer.value(
        "select n_dead_tup = 0 and last_vacuum is not null and last_analyze is not null "
        "from pg_stat_user_tables where relid = 'retail.customers'::regclass"
    )
    [entry] = await retailer.fetch("select metadata from audit.operation where action = 'maintenance_completed'")
    assert '"rebuilt": []' in entry["metadata"]


async def test_an_index_that_an_interrupted_build_left_is_rebuilt(retailer: Retailer) -> None:
    await retailer.execute(FILL)
    broken = "retail.idx_sales_transactions_date"
    await retailer.execute(f"update pg_index set indisvalid = false where indexrelid = '{broken}'::regclass")

    done, _ = await maintained(retailer)

    assert done.rebuilt == (broken,)
    assert await retailer.value("select indisvalid from pg_index where indexrelid = $1::text::regclass", broken)


async def test_all_indexes_are_rebuilt_on_request_but_those_that_are_locked(retailer: Retailer) -> None:
    file = await retailer.value("select pg_relation_filenode('retail.customers_pkey')")
    async with admin_connection(retailer.admin_url) as reader, reader.transaction():
        await reader.execute("lock table retail.products in access exclusive mode")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("server.operations.admin.maintenance._LOCK_TIMEOUT", "100ms")
            done, _ = await maintained(retailer, rebuild_all=True)

    assert await retailer.value("select pg_relation_filenode('retail.customers_pkey')") != file
    assert "retail.customers_pkey" in done.rebuilt
    assert "retail.products_pkey" in done.left


async def test_writers_go_on_meanwhile(retailer: Retailer) -> None:
    await retailer.execute(FILL)
    working = asyncio.create_task(maintained(retailer, rebuild_all=True))
    written = 0
    async with admin_connection(retailer.admin_url) as writer:
        while not working.done():
            await writer.execute("update retail.customers set last_name = last_name where email = '2@example.com'")
            written += 1

    assert (await working)[0].left == ()
    assert written > 0


async def test_indexes_that_nobody_needs_are_named(retailer: Retailer) -> None:
    await retailer.execute("set session_replication_role = replica;" + FILL.replace("2000", "12000"))
    await retailer.execute(
        "create index same on retail.customers (store_id, email);"
        "create index idle on retail.customers (store_id, gender);"
        "create index small on retail.products (store_id, color)"
    )
    async with admin_connection(retailer.admin_url) as connection:
        reports = {report.name: report.reason for report in await examine_indexes(connection)}

    assert "begins with the same columns" in reports["retail.same"]
    assert "never used" in reports["retail.idle"]
    assert not {"retail.customers_pkey", "retail.unique_receipt_per_store", "retail.small"} & set(reports)


async def test_no_index_of_ours_is_covered_by_another(retailer: Retailer) -> None:
    async with admin_connection(retailer.admin_url) as connection:
        reports = await examine_indexes(connection)

    assert [report.name for report in reports if "same columns" in report.reason] == []


async def test_a_login_that_may_not_is_told(retailer: Retailer) -> None:
    connection = await asyncpg.connect(retailer.app_url)
    try:
        with pytest.raises((ConfigurationError, asyncpg.InsufficientPrivilegeError)):
            await maintain(connection, rebuild_all=False, progress=lambda _: None)
    finally:
        await connection.close()


async def test_the_command_says_what_it_did(
    retailer: Retailer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    end = await run_here(for_operator(retailer), "maintain")

    assert (end.code, end.err.strip()) == (0, "")
    assert "tables vacuumed and analysed, 0 indexes rebuilt." in end.out
