"""A login that was changed while the server runs is noticed: SQL under a login may change that login for good."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial

import asyncpg
import pytest
from prometheus_client import generate_latest

from server.db.ad_hoc import AdHocDatabase
from server.db.login_watch import LoginWatch
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.db.pool import Database
from server.monitoring.activity import Activity
from server.monitoring.metrics import Metrics
from server.monitoring.observer import Observer
from server.operations.admin.keys import install_key
from server.operations.databases import opened_databases
from server.tenancy.context_token import ContextSigner
from tests.cluster import Cluster
from tests.monitoring.scraping import samples
from tests.operations.ordinary import PASSWORD, Ordinary, ordinary_server
from tests.sql.acting import connected, retailer_on
from tests.support import CONTEXT_KEY, Retailer, chosen
from tests.transport.shop import eventually

# What SQL that somebody gets to run as mcp_user can do to that login, and how each is told.
CHANGES = {
    "no limit of a statement": ("alter role mcp_user set statement_timeout = 0", "no statement_timeout"),
    "in this database": ("alter role mcp_user in database postgres set lock_timeout = 0", "no lock_timeout"),
    "no limit at all": (
        "alter role mcp_user set statement_timeout = 0; alter role mcp_user set transaction_timeout = 0;"
        " alter role mcp_user set lock_timeout = 0; alter role mcp_user set idle_in_transaction_session_timeout = 0",
        "no idle_in_transaction_session_timeout",
    ),
    "its transactions end too early": ("alter role mcp_user set transaction_timeout = '1s'", "after 1 s"),
    "another password": ("alter role mcp_user password 'of-somebody-else'", "RETAIL_DATABASE_URL no longer logs in"),
}
NOT_ITS_OWN = (
    "alter role mcp_user connection limit 1",
    "alter role mcp_user valid until '2000-01-01'",
    "alter role mcp_user nologin",
    "alter role mcp_user bypassrls",
    "alter role mcp_user set log_min_messages = 'debug1'",
    "alter role mcp_auth password 'of-somebody-else'",
    "alter role mcp_sql set statement_timeout = 0",
)


@pytest.fixture(scope="module")
def ordinary() -> Iterator[Ordinary]:
    """A server of its own, with passwords: its logins are changed."""
    with ordinary_server() as server:
        yield server


@pytest.fixture
async def retailer(ordinary: Ordinary) -> Retailer:
    cluster = Cluster(ordinary.url(), PASSWORD)
    retailer = retailer_on(cluster, "postgres")
    async with admin_connection(retailer.admin_url) as connection:
        await migrate(connection)
        await install_key(connection, CONTEXT_KEY)
        await connection.execute(cluster.login_statement())
    return retailer


class Told(Observer):
    def __init__(self) -> None:
        self.as_required: list[bool] = []

    def logins_checked(self, *, as_required: bool) -> None:
        self.as_required.append(as_required)


@pytest.mark.parametrize(("change", "told"), CHANGES.values(), ids=CHANGES)
async def test_a_login_that_changed_itself_is_told_once_and_when_it_is_mended(
    retailer: Retailer, caplog: pytest.LogCaptureFixture, change: str, told: str
) -> None:
    observer = Told()
    caplog.set_level(logging.INFO, "server.db.login_watch")
    watch = LoginWatch(partial(Database, retailer.app_url, pool_size=1, connected=False), observer=observer)
    async with connected(retailer.app_url) as mcp:
        await watch.look()
        assert watch.fault is None
        await mcp.execute(change)
        for _ in range(2):
            await watch.look()
            assert watch.fault is not None and told in watch.fault
        # Its own session, like those of a pool, goes on as it was.
        assert await mcp.fetchval("show statement_timeout") == "10s"
    await retailer.execute(
        f"alter role mcp_user password '{PASSWORD}'; alter role mcp_user in database postgres reset all;"
        " alter role mcp_user set statement_timeout = '10s'; alter role mcp_user set lock_timeout = '2s';"
        " alter role mcp_user set transaction_timeout = '30s';"
        " alter role mcp_user set idle_in_transaction_session_timeout = '10s'"
    )
    await watch.look()
    assert watch.fault is None
    assert observer.as_required == [True, False, False, True]
    error, mended = (record for record in caplog.records if record.name == "server.db.login_watch")
    assert error.levelno == logging.ERROR
    assert told in error.getMessage()
    assert "of-somebody-else" not in error.getMessage()
    assert "again" in mended.getMessage()


@pytest.mark.parametrize("change", NOT_ITS_OWN)
async def test_more_than_that_it_cannot_change(retailer: Retailer, change: str) -> None:
    async with connected(retailer.app_url) as mcp:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await mcp.execute(change)


async def test_the_login_of_callers_is_watched_too(retailer: Retailer) -> None:
    async with AdHocDatabase(retailer.login_url("mcp_sql")) as for_sql:
        watch = LoginWatch(partial(Database, retailer.app_url, pool_size=1, connected=False), for_sql=for_sql)
        await watch.look()
        assert watch.fault is None
        await retailer.execute("alter role mcp_sql in database postgres set statement_timeout = '0ms'")
        await watch.look()
        assert watch.fault is not None and "no statement_timeout for mcp_sql" in watch.fault
        await retailer.execute("alter role mcp_sql in database postgres reset all")
        await watch.look()
        assert watch.fault is None


async def test_a_database_that_is_away_says_nothing_of_its_logins(retailer: Retailer, ordinary: Ordinary) -> None:
    watch = LoginWatch(partial(Database, retailer.app_url, pool_size=1, connected=False))
    await retailer.execute("alter role mcp_user set lock_timeout = 0")
    await watch.look()
    fault = watch.fault
    assert fault is not None
    ordinary.stop()
    await watch.look()
    assert watch.fault == fault
    ordinary.start()
    await retailer.execute("alter role mcp_user set lock_timeout = '2s'")
    await watch.look()
    assert watch.fault is None


async def test_a_running_server_looks_and_exports_what_it_found(
    retailer: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.db.login_watch.LOOK_SECONDS", 0.05)
    metrics = Metrics(Activity())

    def exported() -> float:
        exposition = generate_latest(metrics.registry).decode()
        return next(value for name, _, value in samples(exposition) if name == "retail_logins_as_required")

    async def is_told() -> bool:
        return exported() == 0

    async def is_mended() -> bool:
        return exported() == 1

    kid = ContextSigner(CONTEXT_KEY).kid
    async with opened_databases(chosen(), retailer.connections, kid, metrics, audited=False) as databases:
        assert exported() == 1
        await retailer.execute("alter role mcp_user set lock_timeout = 0")
        await eventually(is_told)
        async with databases.tools.transaction():
            pass
        await retailer.execute("alter role mcp_user set lock_timeout = '2s'")
        await eventually(is_mended)
