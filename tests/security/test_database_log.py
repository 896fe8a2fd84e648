"""Nothing that a caller wrote and nothing of a row is in PostgreSQL's own log, however talkative that is."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from server.db.ad_hoc import AdHocConnection, AdHocDatabase
from server.db.embedded import embedded_server
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.errors import ConfigurationError, InvalidInputError
from server.operations.admin.keys import install_key
from tests.cluster import Cluster
from tests.security.ad_hoc import AdHocWorld, open_world
from tests.sql.acting import connected, retailer_on
from tests.support import CONTEXT_KEY
from tests.transport.shop import eventually

MARK = "zebra4711"
TALKATIVE = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_duration": "on",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_min_messages": "debug1",
    "log_min_error_statement": "debug1",
    "log_error_verbosity": "verbose",
    "log_temp_files": "0",
    "log_lock_waits": "on",
    "log_executor_stats": "on",
}
SERIES = "generate_series(1, 10000) a, generate_series(1, 10000) b"
ENDLESS = f"select '{MARK}', sum(sqrt((a + b)::numeric)) from {SERIES}"
SORT = f"""
select length(min(t)), '{MARK}' from (
  select '{MARK}' || a || ' ' || b as t from generate_series(1, 500) a, generate_series(1, 500) b order by 1 offset 1
) sorted
"""
# All of them reach the database.
REFUSED = {
    "division by zero": f"select 1 / (length('{MARK}') - {len(MARK)})",
    "cast": f"select '{MARK}'::int",
    "date": f"select '{MARK}'::date",
    "cast of a column": f"select (store_id || '{MARK}')::numeric from stores",
    "field": f"select {MARK} from stores",
    "quoted field": f'select "{MARK}" from stores',
    "types": f"select store_id + 1 from stores where store_id = '{MARK}'",
    "more than one row": f"select (select '{MARK}' from generate_series(1, 2))",
    "too long": f"select string_agg('{MARK}', '') from generate_series(1, 10000)",
}


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[AdHocWorld]:
    """A cluster of its own, whose log tells as much as one can."""
    directory = Path(tempfile.mkdtemp(prefix="retail-log-"))
    try:
        with embedded_server(directory) as server:
            cluster = Cluster(server.dsn("postgres", "postgres"), None)
            async with cluster.temporary_database() as name:
                retailer = retailer_on(cluster, name)
                async with admin_connection(retailer.admin_url) as connection:
                    await migrate(connection)
                    await install_key(connection, CONTEXT_KEY)
                    for setting, value in TALKATIVE.items():
                        await connection.execute(f"alter system set {setting} = '{value}'")
                    await connection.execute("select pg_reload_conf()")
                async with open_world(retailer) as world:
                    yield world
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def log(world: AdHocWorld) -> AsyncIterator[Callable[[], str]]:
    """What was written since the test began."""
    path = Path(await world.retailer.value("show data_directory")) / "log"
    began = path.stat().st_size

    def written() -> str:
        return path.read_bytes()[began:].decode()

    yield written


async def test_the_log_is_what_is_looked_at(world: AdHocWorld, log: Callable[[], str]) -> None:
    """A control: of a login without these settings everything is there."""
    async with admin_connection(world.retailer.admin_url) as connection:
        for sql in (f"select '{MARK}'::int", f"select '{MARK}'"):
            with suppress(asyncpg.PostgresError):
                await connection.execute(sql)
        with suppress(asyncpg.PostgresError):
            await connection.fetchval("select $1::text::int", MARK)
    said = log()
    assert f'invalid input syntax for type integer: "{MARK}"' in said
    assert f"STATEMENT:  select '{MARK}'::int" in said
    assert f"statement: select '{MARK}'\n" in said
    assert f"$1 = '{MARK}'" in said


@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED)
async def test_a_query_that_fails_leaves_nothing(world: AdHocWorld, log: Callable[[], str], sql: str) -> None:
    assert (await world.ask(sql)).refused
    assert MARK not in log()


async def test_a_query_that_takes_too_long_leaves_nothing(world: AdHocWorld, log: Callable[[], str]) -> None:
    outcome = await world.ask(ENDLESS)
    assert "time limit" in outcome.text
    assert MARK not in log()


async def test_a_query_that_succeeds_leaves_nothing(world: AdHocWorld, log: Callable[[], str]) -> None:
    for sql in (f"select '{MARK}'", SORT):
        outcome = await world.ask(sql)
        assert not outcome.refused
        assert MARK in outcome.text
    assert MARK not in log()


async def cancelled(connection: Any, _: psutil.Process) -> None:
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await asyncio.sleep(0.5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def cut_off(connection: Any, backend: psutil.Process) -> None:
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await asyncio.sleep(0.5)
    backend.send_signal(signal.SIGTERM)
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await running


async def killed(connection: Any, backend: psutil.Process) -> None:
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await asyncio.sleep(0.5)
    backend.send_signal(signal.SIGKILL)
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await running


async def longer_than_a_transaction_may_take(connection: Any, _: psutil.Process) -> None:
    await connection.execute("set transaction_timeout = '500ms'")
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await connection.fetch(ENDLESS)


async def wrong_syntax(connection: Any, _: psutil.Process) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await connection.execute(f"select '{MARK}' from from")


async def what_is_not_open(connection: Any, _: psutil.Process) -> None:
    for sql in (f"select email from retail.customers where email = '{MARK}'", f"select pg_sleep(length('{MARK}'))"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)


async def messages(connection: Any, _: psutil.Process) -> None:
    for level in ("debug", "log", "info", "notice", "warning", "exception"):
        with suppress(asyncpg.RaiseError):
            await connection.execute(f"do $$ begin raise {level} '{MARK}'; end $$")


FAILURES = (
    cancelled,
    cut_off,
    longer_than_a_transaction_may_take,
    wrong_syntax,
    what_is_not_open,
    messages,
    killed,
)


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
async def test_a_session_of_callers_that_ends_badly_leaves_nothing(
    world: AdHocWorld, log: Callable[[], str], fail: Callable[[Any, psutil.Process], Awaitable[None]]
) -> None:
    """Run as the login itself: what the gate would not let through, too."""
    connection = await asyncpg.connect(world.retailer.login_url("mcp_sql"), statement_cache_size=0)
    try:
        await fail(connection, psutil.Process(connection.get_server_pid()))
    finally:
        connection.terminate()
    await eventually(lambda: answers(world))
    assert MARK not in log()


async def answers(world: AdHocWorld) -> bool:
    """Whether the database has recovered from what was done to it."""
    try:
        return bool(await world.retailer.value("select true"))
    except (ConfigurationError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return False


async def test_a_query_for_which_there_is_no_memory_leaves_nothing(world: AdHocWorld, log: Callable[[], str]) -> None:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("nothing here takes memory from a process that runs")
    sql = f"select '{MARK}' || a || b as t from {SERIES} order by 1"
    async with AdHocDatabase(world.retailer.login_url("mcp_sql")) as database:
        backend = psutil.Process(await database.backend())
        limit = backend.memory_info().vms + (1 << 20)
        await asyncio.to_thread(
            subprocess.run,
            [prlimit, f"--pid={backend.pid}", f"--as={limit}"],
            # Not even root may do this to somebody else's process everywhere.
            user=backend.uids().real,
            group=backend.gids().real,
            check=True,
        )
        with pytest.raises(InvalidInputError, match="too much memory"):
            async with database.transaction() as connection:
                assert isinstance(connection, AdHocConnection)
                await connection.table(sql, max_rows=1, max_columns=1)
    assert "TopMemoryContext" in log()
    assert MARK not in log()


async def test_a_query_that_spills_too_much_leaves_nothing(world: AdHocWorld, log: Callable[[], str]) -> None:
    await world.retailer.execute("alter role mcp_sql set temp_file_limit = '64kB'")
    try:
        async with connected(world.retailer.login_url("mcp_sql"), statement_cache_size=0) as connection:
            with pytest.raises(asyncpg.ConfigurationLimitExceededError):
                await connection.fetch(SORT)
    finally:
        await world.retailer.execute("alter role mcp_sql set temp_file_limit = '256MB'")
    assert MARK not in log()


STATEMENTS = {
    "mcp_user": (
        "select to_tsquery('english', $1::text || ' & (')",
        "select $1::text ~ ($1::text || '(')",
        "insert into retail.customers (store_id, first_name, last_name, email) values ('seattle', $1, $1, $1)",
        "insert into retail.product_words (store_id, word) values ($1::text, $1::text)",
        "select * from retail.set_store_context($1::text)",
    ),
    "mcp_auth": (
        "select guard.authenticate(($1::text || '\\')::bytea)",
        "select * from retail.stores where store_id = $1::text",
    ),
    "mcp_audit": ("insert into audit.tool_call (outcome) values ($1::text)",),
    "mcp_embed": ("select guard.enter_to_embed($1::text)",),
}


@pytest.mark.parametrize("login", STATEMENTS)
async def test_parameters_of_the_servers_own_statements_are_not_there(
    world: AdHocWorld, log: Callable[[], str], login: str
) -> None:
    async with connected(world.retailer.login_url(login)) as connection:
        for sql in (*STATEMENTS[login], "select $1::text::int"):
            with pytest.raises(asyncpg.PostgresError):
                await connection.fetch(sql, MARK)
        await connection.fetchval("select length($1::text)", MARK)
        if login == "mcp_audit":
            with pytest.raises(asyncpg.PostgresError):
                await connection.copy_records_to_table(
                    "tool_call", schema_name="audit", records=[(MARK,)], columns=["tool_name"]
                )
    said = log()
    assert MARK not in said
    # How long a statement took is for the operator to see.
    assert "duration:" in said and "select length($1::text)" in said
