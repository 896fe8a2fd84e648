"""Maintenance and statistics: for whoever runs the database, not for the server."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from server.db.migrate import schema_files
from tests.cluster import Cluster
from tests.sql.acting import TwoStores, connected, inside, login_name, temporary_login
from tests.support import Retailer

# What stands for the extension where the server has none.
COUNTED = """
create table counted (dbid oid, query text);
create view pg_stat_statements as
  select c.*, 1::bigint as calls, 500.0::float8 as total_exec_time, 500.0::float8 as mean_exec_time,
    500.0::float8 as max_exec_time, 0.0::float8 as stddev_exec_time, 1::bigint as rows, 0::bigint as shared_blks_hit,
    0::bigint as shared_blks_read
  from counted c;
grant select on pg_stat_statements to public;
insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
select 1, 'pg_stat_statements', 10, 'public'::regnamespace, false, '1.12'
"""
(OPERATIONS,) = [file for file in schema_files() if file.name == "repeatable/0085_operations.sql"]
VIEWS = ["table_stats", "index_usage", "slow_queries"]


async def test_maintenance_refreshes_statistics(own_stores: TwoStores) -> None:
    await own_stores.retailer.execute("select retail.perform_maintenance()")

    analysed = await own_stores.retailer.value(
        "select array_agg(relname::text order by relname) from pg_class"
        " where relnamespace = 'retail'::regnamespace and relkind = 'r' and reltuples > 0"
    )
    assert analysed == [
        "customers",
        "daily_sales",
        "product_embeddings",
        "product_words",
        "products",
        "sales_transaction_items",
        "sales_transactions",
        "stock_movements",
    ]


async def test_maintenance_is_entered_in_the_audit_log(retailer: Retailer, admin: Any) -> None:
    await admin.execute("select retail.perform_maintenance()")

    logged = await admin.fetch("select action, user_name from retail.audit_log")
    assert [tuple(row) for row in logged] == [("automated_maintenance_completed", login_name(retailer.admin_url))]


async def test_maintenance_is_refused_to_the_server(mcp: Any, two_stores: TwoStores) -> None:
    async with inside(mcp, two_stores):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await mcp.execute("select retail.perform_maintenance()")


@pytest.mark.parametrize("view", VIEWS)
async def test_statistics_are_refused_to_the_server(mcp: Any, two_stores: TwoStores, view: str) -> None:
    async with inside(mcp, two_stores):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await mcp.fetch(f"select * from retail.{view}")


async def test_table_stats_lists_every_table_of_ours(admin: Any) -> None:
    listed = await admin.fetchval("select array_agg(schemaname || '.' || tablename) from retail.table_stats")

    assert set(listed) == {
        row["name"]
        for row in await admin.fetch(
            "select schemaname || '.' || tablename as name from pg_tables"
            " where schemaname in ('retail', 'guard', 'audit')"
        )
    }


async def test_index_usage_lists_every_index_of_ours(admin: Any) -> None:
    listed = await admin.fetchval("select array_agg(schemaname || '.' || indexname) from retail.index_usage")

    assert set(listed) == {
        row["name"]
        for row in await admin.fetch(
            # Of a partitioned table, only the indexes of its partitions hold anything.
            "select schemaname || '.' || indexname as name from pg_indexes i"
            " join pg_class c on c.oid = format('%I.%I', i.schemaname, i.indexname)::regclass"
            " where schemaname in ('retail', 'guard', 'audit') and c.relkind = 'i'"
        )
    }


async def test_slow_queries_is_empty_without_its_extension(admin: Any) -> None:
    assert await admin.fetch("select * from retail.slow_queries") == []


async def test_slow_queries_are_those_of_this_database(retailer: Retailer, cluster: Cluster, admin: Any) -> None:
    """One server counts for all its databases, each by its own id."""
    loaded = "pg_stat_statements" in await admin.fetchval("show shared_preload_libraries")
    async with cluster.temporary_database() as name, connected(cluster.admin_url(name)) as other:
        if loaded:
            await admin.execute("create extension pg_stat_statements")
            await admin.execute("select pg_sleep(0.15) as here")
            await other.execute("select pg_sleep(0.15) as elsewhere")
        else:
            await admin.execute(COUNTED)
            for counted, query in ((admin, "here"), (other, "elsewhere")):
                database = await counted.fetchval("select oid from pg_database where datname = current_database()")
                await admin.execute("insert into counted values ($1, $2)", database, query)
        await admin.execute(OPERATIONS.sql)

        listed = [row["query"] for row in await admin.fetch("select query from retail.slow_queries")]
    assert [query.split()[-1] for query in listed if "here" in query] == ["here"]


@pytest.mark.parametrize("view", VIEWS)
async def test_monitoring_login_reads_the_statistics(cluster: Cluster, retailer: Retailer, view: str) -> None:
    async with temporary_login(cluster, retailer, "in role pg_monitor") as url, connected(url) as monitor:
        await monitor.fetch(f"select * from retail.{view}")
