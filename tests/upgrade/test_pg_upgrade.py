"""What a database needs before pg_upgrade and after it; the move itself is in test_postgresql_17.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.db.migrate import migrate
from server.errors import ConfigurationError
from server.operations.admin.pg_upgrade import prepare_pg_upgrade
from tests.cluster import Cluster
from tests.sql.acting import connected, temporary_login
from tests.support import Retailer
from tests.transport.processes import for_operator, run
from tests.upgrade.catalogue import fingerprint

# pg_upgrade and pg_dump write down the rights that differ from those that a cluster of its version begins with.
RIGHTS = """
select name, array(select a::text from unnest(acl) a order by 1) as rights
from (
  select p.pronamespace as namespace, p.oid::regprocedure::text as name,
    coalesce(p.proacl, acldefault('f', p.proowner)) as acl
  from pg_proc p
  union all
  select c.relnamespace, c.oid::regclass::text, coalesce(c.relacl, acldefault('r', c.relowner))
  from pg_class c where c.relkind in ('r', 'v')
) system
where namespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""


async def rights(connection: Any) -> dict[str, list[str]]:
    """Who may do what with each of PostgreSQL's own functions, tables and views."""
    return {row["name"]: row["rights"] for row in await connection.fetch(RIGHTS)}


async def may_sleep(retailer: Retailer) -> bool:
    async with connected(retailer.login_url("mcp_sql")) as connection:
        try:
            await connection.execute("select pg_sleep(0)")
        except asyncpg.InsufficientPrivilegeError:
            return False
    return True


async def test_a_prepared_database_has_the_rights_that_every_cluster_begins_with(
    retailer: Retailer, cluster: Cluster
) -> None:
    async with cluster.temporary_database("template0") as name, connected(cluster.admin_url(name)) as new:
        first = await rights(new)
    async with connected(retailer.admin_url) as connection:
        before = await fingerprint(connection)
        migrated = await rights(connection)
        assert sum(migrated[name] != first[name] for name in first) > 2_000
        assert not await may_sleep(retailer)

        await prepare_pg_upgrade(connection)
        assert await rights(connection) == first
        assert await may_sleep(retailer)

        assert await migrate(connection) == []
        assert not await may_sleep(retailer)
        assert await fingerprint(connection) == before


async def test_ids_are_made_as_the_new_version_can(retailer: Retailer) -> None:
    async with connected(retailer.admin_url) as connection:
        before = await fingerprint(connection)
        await connection.execute(
            "create or replace function retail.new_id() returns uuid language sql volatile parallel safe"
            " as 'select pg_catalog.gen_random_uuid()'"
        )
        await migrate(connection)
        assert await fingerprint(connection) == before


async def test_only_a_superuser_can_prepare_it(retailer: Retailer, cluster: Cluster) -> None:
    async with temporary_login(cluster, retailer) as url, connected(url) as connection:
        with pytest.raises(ConfigurationError, match="Only a superuser"):
            await prepare_pg_upgrade(connection)


async def test_the_command_says_what_is_next(retailer: Retailer, tmp_path: Path) -> None:
    done = await run(tmp_path, for_operator(retailer), "prepare-pg-upgrade")

    assert (done.code, done.err) == (0, "")
    assert "Ready for pg_upgrade" in done.out
    assert "retail-mcp migrate" in done.out
    assert await may_sleep(retailer)
