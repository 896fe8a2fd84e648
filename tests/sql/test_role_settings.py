"""Every role of ours: what it is, how many connections it may have, and every setting of its sessions."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.db.embedded import embedded_server
from server.db.migrate import schema_files
from tests.security.ad_hoc import managed_retailer
from tests.sql.acting import connected
from tests.support import Retailer
from tests.transport.processes import for_server, run_here

OWNERS = ("retail_owner", "retail_guard", "retail_audit", "retail_auditor", "retail_builtins")
# An owner's; of a login, rolcanlogin is true. Without rolconnlimit.
FLAGS = {
    "rolsuper": False,
    "rolinherit": False,
    "rolcreaterole": False,
    "rolcreatedb": False,
    "rolcanlogin": False,
    "rolreplication": False,
    "rolbypassrls": False,
    "rolvaliduntil": None,
}
CONNECTION_LIMITS = {"mcp_user": -1, "mcp_auth": -1, "mcp_audit": -1, "mcp_embed": -1, "mcp_sql": 24}
# What a superuser alone may set.
BY_A_SUPERUSER = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "auto_explain.log_min_duration": "-1",
}
SQL_BY_A_SUPERUSER = {
    **BY_A_SUPERUSER,
    "log_min_messages": "fatal",
    "temp_file_limit": "256MB",
    "track_activities": "off",
}
SETTINGS = {
    "mcp_user": {
        "idle_in_transaction_session_timeout": "10s",
        "jit": "off",
        "lock_timeout": "2s",
        "log_parameter_max_length_on_error": "0",
        "random_page_cost": "1.1",
        "search_path": "public, pg_temp",
        "statement_timeout": "10s",
        "synchronous_commit": "on",
        "transaction_timeout": "30s",
    },
    "mcp_auth": {
        "default_transaction_read_only": "on",
        "idle_in_transaction_session_timeout": "2s",
        "lock_timeout": "1s",
        "log_parameter_max_length_on_error": "0",
        "search_path": "pg_catalog, pg_temp",
        "statement_timeout": "2s",
        "transaction_timeout": "5s",
    },
    "mcp_audit": {
        "idle_in_transaction_session_timeout": "2s",
        "lock_timeout": "2s",
        "log_parameter_max_length_on_error": "0",
        "search_path": "pg_catalog, pg_temp",
        "statement_timeout": "5s",
        "transaction_timeout": "10s",
    },
    "mcp_embed": {
        "idle_in_transaction_session_timeout": "10s",
        "lock_timeout": "5s",
        "log_parameter_max_length_on_error": "0",
        "search_path": "pg_catalog, pg_temp",
        "statement_timeout": "60s",
        "transaction_timeout": "120s",
    },
    "mcp_sql": {
        "client_min_messages": "error",
        "datestyle": "ISO, YMD",
        "default_transaction_read_only": "on",
        "hash_mem_multiplier": "1",
        "idle_in_transaction_session_timeout": "5s",
        "intervalstyle": "iso_8601",
        "jit": "off",
        "lock_timeout": "500ms",
        "log_parameter_max_length_on_error": "0",
        "max_parallel_workers_per_gather": "0",
        "random_page_cost": "1.1",
        "search_path": "analytics, pg_catalog, pg_temp",
        "standard_conforming_strings": "on",
        "statement_timeout": "3s",
        "transaction_timeout": "10s",
        "work_mem": "64kB",
    },
}
LOGINS = tuple(SETTINGS)

ROLES_SQL = """
select to_jsonb(r) - 'oid' - 'rolpassword' - 'rolconfig' as role
from pg_roles r
where r.rolname = any ($1) or r.rolname like 'mcp\\_%'
"""
(SETTINGS_FILE,) = [file for file in schema_files() if file.name == "repeatable/0010_role_settings.sql"]
SETTINGS_SQL = """
select r.rolname::text as role, s.setdatabase::int as database, split_part(c, '=', 1) as name,
  substr(c, strpos(c, '=') + 1) as value
from pg_db_role_setting s
join pg_roles r on r.oid = s.setrole
cross join unnest(s.setconfig) c
where r.rolname = any ($1)
"""


@pytest.fixture
async def fresh(migrated: Retailer) -> AsyncIterator[Any]:
    """A connection that sees the roles as sql/0010 makes them; tests of this run have changed some for themselves."""
    async with connected(migrated.admin_url) as connection:
        transaction = connection.transaction()
        await transaction.start()
        for login in LOGINS:
            await connection.execute(f"alter role {login} reset all; alter role {login} connection limit -1")
        await connection.execute(SETTINGS_FILE.sql)
        yield connection
        await transaction.rollback()


async def settings_of(connection: Any) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {login: {} for login in LOGINS}
    for row in await connection.fetch(SETTINGS_SQL, [*LOGINS, *OWNERS]):
        assert row["database"] == 0, row
        found[row["role"]][row["name"].lower()] = row["value"].strip('"')
    return found


async def test_roles_are_what_is_listed_here(fresh: Any) -> None:
    found = {}
    for row in await fresh.fetch(ROLES_SQL, [*LOGINS, *OWNERS]):
        role = json.loads(row["role"])
        found[role.pop("rolname")] = role
    # Logins that tests make for themselves go again; others would be somebody's to know.
    assert found == {
        **{owner: {**FLAGS, "rolconnlimit": -1} for owner in OWNERS},
        **{login: {**FLAGS, "rolcanlogin": True, "rolconnlimit": CONNECTION_LIMITS[login]} for login in LOGINS},
    }


async def test_sessions_have_exactly_these_settings(fresh: Any) -> None:
    assert await settings_of(fresh) == {
        login: settings | (SQL_BY_A_SUPERUSER if login == "mcp_sql" else BY_A_SUPERUSER)
        for login, settings in SETTINGS.items()
    }


async def test_without_a_superuser_they_have_the_rest_of_them() -> None:
    """As on a managed service; the schema applies all the same."""
    directory = Path(tempfile.mkdtemp(prefix="retail-managed-"))
    try:
        with embedded_server(directory) as server:
            async with (
                managed_retailer(server.dsn("postgres", "managed"), server.dsn("mcp_user", "managed")) as retailer,
                connected(retailer.admin_url) as connection,
            ):
                assert await settings_of(connection) == SETTINGS
                limits = await connection.fetch(
                    "select rolname, rolconnlimit from pg_roles where rolname = any ($1)", LOGINS
                )
                assert dict(limits) == CONNECTION_LIMITS
                examined = await run_here(for_server(retailer, RETAIL_PORT="0"), "doctor")
                told = f"PostgreSQL's log may hold what callers write, in errors of {', '.join(sorted(LOGINS))}:"
                assert told in " ".join(examined.out.split())
    finally:
        shutil.rmtree(directory, ignore_errors=True)
