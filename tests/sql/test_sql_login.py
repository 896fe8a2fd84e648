"""The login that runs SQL of callers: what it is held by, and that nothing of one caller's SQL reaches the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from server.db.ad_hoc import AdHocConnection, AdHocDatabase
from server.db.pool import Database
from server.db.startup_check import check_sql_login
from server.errors import ConfigurationError, DatabaseUnavailableError, QueryTimeoutError
from tests.cluster import Cluster
from tests.sql.acting import TwoStores, connected, login_name, query, rolled_back, temporary_login
from tests.sql.test_grants import PERSONAL_COLUMNS
from tests.support import Retailer

ENTER = "select * from analytics.set_store_context($1)"
VIEWS = ("stores", "customers", "products", "sales", "sale_items")
# What the views are made of, whatever their columns are called.
READ_COLUMNS = """
    select distinct c.relname || '.' || a.attname as name
    from pg_class v
    join pg_rewrite r on r.ev_class = v.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjsubid > 0
    join pg_class c on c.oid = d.refobjid and d.refclassid = 'pg_class'::regclass and c.oid <> v.oid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
    where v.relnamespace = 'analytics'::regnamespace and c.relname = any ($1)
"""


@pytest.fixture
async def caller(two_stores: TwoStores) -> AsyncIterator[Any]:
    async with connected(two_stores.retailer.login_url("mcp_sql"), statement_cache_size=0) as connection:
        yield connection


async def test_views_show_the_entered_store_and_are_closed_without_one(two_stores: TwoStores, caller: Any) -> None:
    for view in VIEWS:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
            await caller.fetch(f"select store_id from {view}")
        for role in ("manager", "analyst"):
            async with rolled_back(caller):
                await caller.fetchrow(ENTER, two_stores.token("redmond", role=role))
                assert {row[0] for row in await caller.fetch(f"select store_id from {view}")} == {"redmond"}


async def test_no_view_is_made_of_a_personal_column(two_stores: TwoStores) -> None:
    read = {row["name"] for row in await two_stores.retailer.fetch(READ_COLUMNS, list(PERSONAL_COLUMNS))}

    assert {"customers.customer_id", "sales_transactions.payment_method"} <= read
    assert read.isdisjoint(f"{table}.{column}" for table, columns in PERSONAL_COLUMNS.items() for column in columns)


@pytest.mark.parametrize("role", ["support", "auditor"])
async def test_the_database_refuses_a_role_that_may_not_know_costs(
    two_stores: TwoStores, caller: Any, role: Any
) -> None:
    async with rolled_back(caller):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await caller.fetchrow(ENTER, two_stores.token("seattle", role=role))
    assert refused.value.sqlstate == "RT002"


@pytest.mark.parametrize(
    "sql",
    [
        "set role retail_owner",
        "set session authorization mcp_user",
        "select first_name from retail.customers",
        "select 1 from guard.principal",
        "select 1 from pg_catalog.pg_roles",
        "select set_config('statement_timeout', '0', false)",
        "select pg_sleep(0)",
        "select 'a' operator(pg_catalog.||) 'b'",
        "select pg_catalog.string_agg('a', 'b')",
        "create table analytics.mine (x int)",
    ],
)
async def test_nothing_else_is_open_to_it(caller: Any, sql: str) -> None:
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
        await caller.execute(sql)


async def test_it_writes_nothing_even_where_a_grant_would_let_it(own_stores: TwoStores) -> None:
    await own_stores.retailer.execute("grant create on schema analytics to mcp_sql")
    async with connected(own_stores.retailer.login_url("mcp_sql"), statement_cache_size=0) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("create table analytics.mine (x int)")


async def test_nothing_of_a_session_reaches_the_next_borrower(own_stores: TwoStores) -> None:
    """Had the gate and the list of functions both failed: what such SQL can leave behind is gone."""
    retailer = own_stores.retailer
    await retailer.execute("grant execute on all functions in schema pg_catalog to mcp_sql")
    left = query("select coalesce(current_setting('my.mark', true), '') || current_setting('work_mem') as store_id")
    locks = (
        "select count(*) from pg_locks l join pg_database d on d.oid = l.database"
        " where l.locktype = 'advisory' and d.datname = current_database()"
    )
    async with AdHocDatabase(retailer.login_url("mcp_sql")) as database:
        await database.fetch(
            query("select set_config('my.mark', 'x', false) || set_config('work_mem', '1GB', false) as store_id")
        )
        await database.fetch(query("select pg_advisory_lock(42)::text || 'x' as store_id"))

        assert [row.store_id for row in await database.fetch(left)] == ["64kB"]
        assert await retailer.value(locks) == 0


async def test_what_the_database_does_not_end_is_left_to_it(
    two_stores: TwoStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.db.ad_hoc._PATIENCE_SECONDS", 0.2)
    endless = "select count(*) from generate_series(1, 10000) a, generate_series(1, 10000) b"
    async with AdHocDatabase(two_stores.retailer.login_url("mcp_sql")) as database:
        # The connection was closed, not waited for: the database's own limit is seconds away.
        with pytest.raises(DatabaseUnavailableError):
            async with database.transaction() as connection:
                assert isinstance(connection, AdHocConnection)
                with pytest.raises(QueryTimeoutError):
                    await connection.table(endless, max_rows=1, max_columns=1)
        async with database.transaction() as connection:
            assert isinstance(connection, AdHocConnection)
            assert (await connection.table("select 1 as one", max_rows=1, max_columns=1)).rows == [[1]]


async def test_the_login_as_migrated_is_accepted(two_stores: TwoStores) -> None:
    async with (
        Database(two_stores.retailer.app_url, pool_size=1) as database,
        AdHocDatabase(two_stores.retailer.login_url("mcp_sql")) as sql_database,
    ):
        await check_sql_login(database, sql_database)


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ("bypassrls", "bypasses row level security"),
        ("createrole", "may make roles"),
        ("in role retail_owner", "member of other roles"),
    ],
)
async def test_another_login_is_refused(cluster: Cluster, own_stores: TwoStores, attributes: str, told: str) -> None:
    retailer = own_stores.retailer
    async with temporary_login(cluster, retailer, attributes) as url:
        assert told in await refusal(retailer, url)


async def test_a_login_without_limits_is_refused(cluster: Cluster, own_stores: TwoStores) -> None:
    retailer = own_stores.retailer
    async with temporary_login(cluster, retailer) as url:
        await retailer.execute(f"revoke retail_builtins from {login_name(url)}")
        assert "sets no statement_timeout" in await refusal(retailer, url, match="with alter role")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("grant usage on schema retail to mcp_sql; grant select on retail.products to mcp_sql", "retail.products"),
        ("grant select (email) on retail.customers to mcp_sql", "retail.customers"),
    ],
)
async def test_a_login_with_a_grant_too_many_is_refused(own_stores: TwoStores, change: str, told: str) -> None:
    await own_stores.retailer.execute(change)

    assert told in await refusal(own_stores.retailer, own_stores.retailer.login_url("mcp_sql"))


async def refusal(retailer: Retailer, url: str, *, match: str = "RETAIL_SQL_DATABASE_URL") -> str:
    async with Database(retailer.app_url, pool_size=1) as database, AdHocDatabase(url) as sql_database:
        with pytest.raises(ConfigurationError, match=match) as refused:
            await check_sql_login(database, sql_database)
    return str(refused.value)
