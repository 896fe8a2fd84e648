"""Fixtures: a real PostgreSQL, databases made from a migrated template, and the server on them."""

from __future__ import annotations

import gc
import json
import os
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpcore2
import pytest
from jsonschema import Draft202012Validator

# Nobody's settings may decide what a test sees, but for those that choose the test cluster.
for name in [name for name in os.environ if name.startswith("RETAIL_") and not name.startswith("RETAIL_TEST_")]:
    del os.environ[name]

from seed.demo import DemoOptions, load_demo
from server.config import Settings
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.embeddings import build_embedder
from server.embeddings.all_stores import embed_products
from server.operations.admin.keys import install_key
from tests import pgbouncer
from tests.cluster import DATABASE_URL, Cluster, running_cluster
from tests.support import CONTEXT_KEY, DEMO_AS_OF, Retailer


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests that know mcp_user's URL alone can be run once more through a pooler."""
    parser.addoption("--pgbouncer", action="store_true", help="let mcp_user's connections lead through PgBouncer")


def pytest_xdist_auto_num_workers() -> int:
    """Each worker has a PostgreSQL of its own. One that somebody named is there once, and its roles are shared."""
    return 0 if DATABASE_URL in os.environ else max(2, os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def no_signal_is_ignored() -> None:
    """Let the processes of tests end on signals also where this run was started to ignore them, by `nohup` or `&`."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            # What is ignored is inherited; a handler is not.
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """Spare what takes a fifth of a run and finds nothing."""
    # Of the many objects there are, next to all stay.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    check, checked = Draft202012Validator.check_schema, set[str]()

    def check_once(schema: Any) -> None:
        """Every new client checks the schema of every tool that it calls."""
        text = json.dumps(schema)
        if text not in checked:
            check(schema)
            checked.add(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Draft202012Validator, "check_schema", check_once)
        # Every new client would read the system's certificates, 30 ms each time; none of them is met on the loopback.
        patch.setattr(httpcore2, "default_ssl_context", lambda **_: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        yield


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The PostgreSQL server of this run."""
    with running_cluster() as cluster:
        if not request.config.getoption("--pgbouncer"):
            yield cluster
        elif pgbouncer.PROGRAM is None:
            pytest.skip("PgBouncer is not installed")
        else:
            with pgbouncer.pooled(cluster) as pooled:
                yield pooled


@pytest.fixture(scope="session")
async def template(cluster: Cluster) -> AsyncIterator[str]:
    """Name of a migrated, empty database from which the others are made."""
    await cluster.waits_for_no_disk()
    async with cluster.temporary_database() as name:
        async with admin_connection(cluster.admin_url(name)) as connection:
            await migrate(connection)
            await install_key(connection, CONTEXT_KEY)
            await connection.execute(cluster.login_statement())
            # A run has more servers open at a time than anybody else.
            await connection.execute("alter role mcp_sql connection limit -1")
        yield name


@pytest.fixture
async def retailer(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """A migrated database of the test's own, without any data."""
    async with cluster.temporary_database(template) as name:
        yield Retailer(cluster.admin_url(name), cluster.app_url(name))


@pytest.fixture
def admin_dsn(retailer: Retailer) -> str:
    """Superuser URL of that database."""
    return retailer.admin_url


@pytest.fixture(scope="session")
async def demo(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """The demo retailer with its default volumes, embedded offline; shared, so tests only read it."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        await load_demo(retailer.admin_url, DemoOptions(as_of=DEMO_AS_OF))
        embedder = build_embedder(Settings(_env_file=None))
        await embed_products(retailer.admin_url, embedder)
        yield retailer
