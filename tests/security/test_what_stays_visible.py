"""What SQL of the server's login learns beside the rows of its store: SECURITY.md says so, and nothing more.

No tool runs SQL of its caller, so this is for whoever weighs what an injection could still see.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import server
from server.calls.principal import Principal
from server.db.pool import Database
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_scope import StoreScopes
from tests.sql.acting import StoresTemplate, TwoStores, connected, inside, query
from tests.support import CONTEXT_KEY

MANY = 400


@pytest.fixture(scope="module")
async def world(stores: StoresTemplate) -> AsyncIterator[TwoStores]:
    """Two stores, of which redmond has platinum customers with a mark, and fresh statistics."""
    async with stores.copy() as world:
        await world.retailer.execute(f"""
            insert into retail.customers (store_id, first_name, last_name, email, loyalty_tier)
            select 'redmond', 'Do-not-leak', 'Do-not-leak', 'do-not-leak' || n || '@example.com', 'platinum'
            from generate_series(1, {MANY}) n;
            analyze
        """)
        yield world


@pytest.fixture
async def caller(world: TwoStores) -> AsyncIterator[Any]:
    async with connected(world.retailer.app_url) as connection, inside(connection, world, "seattle"):
        yield connection


@pytest.mark.parametrize("view", ["pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"])
async def test_statistics_with_values_in_them_are_hidden(world: TwoStores, caller: Any, view: str) -> None:
    """PostgreSQL shows none of a table whose policies bind the reader."""
    await world.retailer.execute(
        "create statistics if not exists retail.tiers on loyalty_tier, gender from retail.customers;"
        "create statistics if not exists retail.names on lower(last_name) from retail.customers; analyze"
    )
    hidden = f"select distinct tablename from {view} where schemaname = 'retail'"
    assert {row["tablename"] for row in await world.retailer.fetch(hidden)} >= {"customers"}

    assert {row["tablename"] for row in await caller.fetch(hidden)} <= {"product_categories"}


async def test_what_other_logins_run_is_hidden(world: TwoStores, caller: Any) -> None:
    async with connected(world.retailer.admin_url) as operator:
        await operator.execute("select 'do-not-leak'")
        seen = await caller.fetch(
            "select query from pg_stat_activity where usename <> current_user and datname = current_database()"
        )

    assert {row["query"] for row in seen} == {"<insufficient privilege>"}


async def test_other_calls_of_the_server_are_seen_without_their_values(world: TwoStores, caller: Any) -> None:
    """All stores share one login, so its sessions see each other's statements; tokens and values are parameters."""
    looked_up = query("select store_id from retail.customer_card where email = $1")
    principal = Principal(world.principals["manager", "redmond"], "manager of redmond", (), 0)
    async with (
        Database(world.retailer.app_url, pool_size=1) as database,
        StoreScopes(database, ContextSigner(CONTEXT_KEY), principal).enter("redmond") as store,
    ):
        assert len(await store.db.all(looked_up, "do-not-leak1@example.com")) == 1
        seen = await caller.fetch(
            "select query from pg_stat_activity where application_name = 'retail-mcp' and datname = current_database()"
        )

    assert [row["query"] for row in seen] == [looked_up.sql]


async def test_table_sizes_count_every_store(caller: Any) -> None:
    """Known and accepted: the catalogue's totals, over all stores together."""
    total = await caller.fetchval("select reltuples from pg_class where oid = 'retail.customers'::regclass")

    assert total == MANY + 4
    assert await caller.fetchval("select pg_relation_size('retail.customers')") > 0
    assert await caller.fetchval("select count(*) from retail.customers") == 2


async def test_plans_estimate_from_the_rows_of_every_store(caller: Any) -> None:
    """Known and accepted: the reason why no tool returns a plan."""

    async def estimate(tier: str) -> int:
        plan = await caller.fetch(f"explain select from retail.customers where loyalty_tier = '{tier}'")
        found = re.search(r"rows=(\d+)", "\n".join(row[0] for row in plan))
        assert found
        return int(found[1])

    assert await estimate("platinum") > 10 * await estimate("silver")


@pytest.mark.parametrize(
    "counter",
    ["pg_snapshot_xmax(pg_current_snapshot())::text", "pg_current_wal_lsn()::text"],
    ids=["transactions", "write-ahead log"],
)
async def test_counters_of_the_cluster_move_with_every_store(world: TwoStores, caller: Any, counter: str) -> None:
    """Known and accepted: that somebody writes, not who nor what."""
    before = await caller.fetchval(f"select {counter}")
    async with connected(world.retailer.app_url) as other, other.transaction(), inside(other, world, "redmond"):
        await other.execute("update retail.products set price = price + 1")

    assert await caller.fetchval(f"select {counter}") != before


def test_no_query_of_the_server_explains() -> None:
    """What a plan would tell is behind the SQL that only the server writes."""
    files = [*Path(server.__path__[0]).rglob("*.sql"), *Path(server.__path__[0]).rglob("*.py")]
    explaining = [file.name for file in files if re.search(r"\bexplain\s+(\(|analyze|select)", file.read_text(), re.I)]

    assert files
    assert explaining == []


async def test_error_context_carries_no_value(caller: Any) -> None:
    """The server logs an error's text; even a duplicate does not repeat what was compared under row level security."""
    with pytest.raises(asyncpg.UniqueViolationError) as refusal:
        await caller.execute(
            "insert into retail.customers (store_id, first_name, last_name, email)"
            " values ('seattle', 'A', 'B', 'ada@seattle.example.com')"
        )

    assert refusal.value.detail is None
    assert "ada@" not in str(refusal.value)
