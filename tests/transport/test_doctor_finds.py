"""Whatever refuses a start, the doctor finds: both open the same, and say the same."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest

from server.app import build
from server.config import load_settings
from server.db.urls import of_database
from server.embeddings import LOCAL_MODEL
from server.errors import ConfigurationError
from server.monitoring.monitoring import monitored
from server.operations.deployment import open_deployment
from server.operations.startup import connections_of
from server.process.sockets import listening_socket
from tests import pgbouncer
from tests.cluster import Cluster
from tests.support import Retailer, answer
from tests.transport.processes import environment, for_server, run_here

LOGINS = {
    "RETAIL_DATABASE_URL": "mcp_user",
    "RETAIL_AUTH_DATABASE_URL": "mcp_auth",
    "RETAIL_AUDIT_DATABASE_URL": "mcp_audit",
    "RETAIL_EMBED_DATABASE_URL": "mcp_embed",
    "RETAIL_SQL_DATABASE_URL": "mcp_sql",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory without anybody's .env file."""
    monkeypatch.chdir(tmp_path)
    yield


def complete(retailer: Retailer, **variables: str) -> dict[str, str]:
    """Every setting of an installation that has all parts, but for the standby."""
    urls = {setting: retailer.login_url(login) for setting, login in LOGINS.items() if login != "mcp_user"}
    own = {"RETAIL_ADMIN_DATABASE_URL": retailer.admin_url, "RETAIL_PORT": "0", "RETAIL_METRICS_PORT": "0"}
    return for_server(retailer, **(urls | own | variables))


async def refusal_of_a_start(env: dict[str, str], transport: str) -> str | None:
    """What a server with these variables would end with."""
    with mock.patch.dict(os.environ, env, clear=True):
        settings = load_settings(env_file=None)
    try:
        with listening_socket(settings.host, settings.port), open_deployment(settings) as deployment:
            async with (
                monitored(settings) as monitoring,
                build(settings, connections_of(deployment), transport, monitoring=monitoring),
            ):
                return None
    except ConfigurationError as error:
        return str(error)


async def assert_found(env: dict[str, str], *words: str, transport: str = "http") -> None:
    refusal = await refusal_of_a_start(env, transport)
    assert refusal is not None, "the server starts"
    for word in words:
        assert word in refusal

    end = await run_here(env, "doctor")

    assert (end.code, end.err) == (1, "")
    assert end.out.count(refusal) == 1, end.out


@dataclass(frozen=True)
class Case:
    """What makes a start impossible.

    Attributes:
        words: Part of the error.
        variables: Settings that are other than in a sound installation; {admin} is the superuser's URL, and so on.
        sql: What is done to the database.
        transport: What is started.
    """

    words: str
    variables: dict[str, str] = field(default_factory=dict)
    sql: str = "select"
    transport: str = "http"


NOWHERE = "postgresql://mcp_user:hunter2@127.0.0.1:9/none"
CASES = {
    **{f"{setting} unreachable": Case(f"Check {setting}", {setting: NOWHERE}) for setting in LOGINS},
    **{
        f"{setting} asks too much": Case(f"The URL in {setting} has", {setting: f"{NOWHERE}?channel_binding=require"})
        for setting in LOGINS
    },
    **{f"{setting} no URL": Case(f"{setting}", {setting: "nonsense"}) for setting in LOGINS},
    **{
        f"{setting} of a superuser": Case("", {setting: "{admin}"})
        for setting in LOGINS
        if setting != "RETAIL_AUTH_DATABASE_URL"
    },
    **{
        f"{setting} missing": Case(f"{setting} is not set", {setting: ""})
        for setting in ("RETAIL_DATABASE_URL", "RETAIL_AUTH_DATABASE_URL", "RETAIL_AUDIT_DATABASE_URL")
    },
    "replica no URL": Case("RETAIL_REPLICA_DATABASE_URL", {"RETAIL_REPLICA_DATABASE_URL": "nonsense"}),
    "replica of another database": Case("another database", {"RETAIL_REPLICA_DATABASE_URL": "{other}"}),
    "replica under another login": Case("must be the login of", {"RETAIL_REPLICA_DATABASE_URL": "{audit}"}),
    "no key": Case("RETAIL_CONTEXT_KEY is not set", {"RETAIL_CONTEXT_KEY": ""}),
    "another key": Case("does not accept the signing key", {"RETAIL_CONTEXT_KEY": "another-key-" * 4}),
    "time limit that does not hold": Case(
        "but 10 s hold", {"RETAIL_STATEMENT_CACHE_SIZE": "0", "RETAIL_QUERY_TIMEOUT_SECONDS": "7"}
    ),
    "provider in part": Case("RETAIL_JWT_AUDIENCE", {"RETAIL_JWT_ISSUER": "https://id.example.com"}),
    "embeddings without a key": Case("RETAIL_OPENAI", {"RETAIL_EMBEDDINGS": "openai"}),
    "address of nobody": Case("192.0.2.1", {"RETAIL_HOST": "192.0.2.1"}),
    "metrics address of nobody": Case("192.0.2.1", {"RETAIL_METRICS_HOST": "192.0.2.1"}),
    "token of nobody": Case("RETAIL_TOKEN is not valid", {"RETAIL_TOKEN": "rmcp_nobodys"}, transport="stdio"),
    "schema behind": Case(
        "not current",
        sql="delete from migrations.applied where file_name = (select max(file_name) from migrations.applied)",
    ),
    "schema ahead": Case(
        "newer than", sql="insert into migrations.applied values ('versioned/9999_x.sql', repeat('0', 64))"
    ),
    "schema gone": Case("not current", sql="drop schema migrations cascade"),
    "row level security off": Case("not complete", sql="alter table retail.customers no force row level security"),
    "tools own a table": Case("owns what", sql="alter table retail.product_words owner to mcp_user"),
    "SQL of callers may read a table": Case("it may read", sql="grant select on retail.products to mcp_sql"),
    "log may be read": Case("do more than append", sql="grant select on audit.tool_call to mcp_audit"),
    "log may not be written": Case("not append", sql="revoke insert on audit.tool_call from mcp_audit"),
    "another login for embeddings": Case("Use mcp_embed", {"RETAIL_EMBED_DATABASE_URL": "{audit}"}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_what_refuses_a_start_is_found_in_the_same_words(
    case: Case, retailer: Retailer, cluster: Cluster
) -> None:
    places = {
        "{admin}": retailer.admin_url,
        "{other}": of_database(retailer.app_url, "postgres", "X"),
        "{audit}": retailer.login_url("mcp_audit"),
    }
    await retailer.execute(case.sql)
    variables = {name: places.get(value, value) for name, value in case.variables.items()}

    await assert_found(complete(retailer, **variables), case.words, transport=case.transport)


@pytest.mark.parametrize("setting", ["RETAIL_PORT", "RETAIL_METRICS_PORT"])
async def test_a_taken_port_is_found(setting: str, retailer: Retailer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        await assert_found(complete(retailer, **{setting: str(taken.getsockname()[1])}), "in use by another program")


async def test_a_sound_installation_starts_and_has_no_fault(retailer: Retailer) -> None:
    env = complete(retailer)

    assert await refusal_of_a_start(env, "http") is None
    end = await run_here(env, "doctor")
    assert (end.code, end.err) == (0, ""), end.out
    assert "a server with these settings starts" in end.out


@pytest.fixture(scope="module")
def bouncer(cluster: Cluster) -> Iterator[pgbouncer.PooledCluster]:
    """PgBouncer as it comes, but for the transaction mode: it takes no session's settings."""
    if pgbouncer.PROGRAM is None:
        pytest.skip("PgBouncer is not installed")
    with pgbouncer.pooled(cluster) as pooled:
        yield pooled


@pytest.fixture
async def through(bouncer: pgbouncer.PooledCluster, retailer: Retailer) -> AsyncIterator[dict[str, str]]:
    """The URLs of a database through the pooler, by login."""
    name = await retailer.value("select current_database()")
    url = bouncer.app_url(name)
    yield {login: url.replace("mcp_user", login, 1) for login in LOGINS.values()}


@pytest.mark.parametrize("setting", LOGINS)
async def test_a_pooler_in_the_way_is_found(setting: str, retailer: Retailer, through: dict[str, str]) -> None:
    await assert_found(complete(retailer, **{setting: through[LOGINS[setting]]}), "connection pooler")


async def test_a_pooler_that_fits_is_no_fault(retailer: Retailer, through: dict[str, str]) -> None:
    env = complete(retailer, RETAIL_DATABASE_URL=through["mcp_user"], RETAIL_STATEMENT_CACHE_SIZE="0")

    assert await refusal_of_a_start(env, "http") is None
    assert (await run_here(env, "doctor")).code == 0


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (NOWHERE, "Check RETAIL_ADMIN_DATABASE_URL"),
        ("nonsense", "RETAIL_ADMIN_DATABASE_URL is no URL"),
        ("{app}", "does not own this database"),
        ("{other}", "names another database than RETAIL_DATABASE_URL"),
    ],
)
async def test_an_admin_url_that_no_command_can_use_is_found(url: str, told: str, retailer: Retailer) -> None:
    other = of_database(retailer.admin_url, "postgres", "X")
    env = complete(retailer, RETAIL_ADMIN_DATABASE_URL=url.format(app=retailer.app_url, other=other))

    end = await run_here(env, "doctor")

    assert end.code == 1
    assert told in end.out
    assert "hunter2" not in end.out


async def test_programs_that_backups_need_are_looked_for(retailer: Retailer, tmp_path: Path) -> None:
    env = complete(retailer, RETAIL_PG_BIN=str(tmp_path))

    end = await run_here(env, "doctor")
    backup = await run_here(env, "backup", str(tmp_path / "backups"))

    assert (end.code, backup.code) == (1, 2)
    assert backup.err.removeprefix("Error: ").strip() in end.out


async def test_a_store_with_the_vectors_of_another_model_is_found(retailer: Retailer) -> None:
    """Its search by meaning is off, although every vector of that model is there."""
    await retailer.execute(
        "insert into retail.stores (store_id, store_name, embedding_model, embedding_dimensions)"
        " values ('seattle', 'Seattle', 'text-embedding-3-small', 1536), ('tacoma', 'Tacoma', null, null)"
    )
    await retailer.execute(
        f"update retail.stores set embedding_model = '{LOCAL_MODEL}', embedding_dimensions = 256"
        " where store_id = 'tacoma'"
    )

    end = await run_here(complete(retailer), "doctor")

    assert end.code == 1
    assert "Search by meaning is off in seattle (text-embedding-3-small, 1536 dimensions)" in end.out
    assert "tacoma" not in end.out
    async with retailer.client("seattle") as client:
        note = (await answer(client, "search_products", query="a lamp"))["note"]
    assert "no provider of the embedding model" in note
    assert "may find them later" not in note


async def test_an_operator_without_the_servers_urls_is_told_what_is_missing(retailer: Retailer) -> None:
    end = await run_here(environment(RETAIL_ADMIN_DATABASE_URL=retailer.admin_url, RETAIL_PORT="0"), "doctor")

    assert end.code == 1
    assert "RETAIL_DATABASE_URL is not set" in end.out
    assert "may do what commands do" in end.out
