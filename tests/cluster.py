"""The PostgreSQL server that tests run on: one that is named, of another Debian, a container, or the embedded one."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest
from docker.errors import DockerException
from testcontainers.community.postgres import PostgresContainer

import docker
from server.db.embedded import embedded_server
from server.db.operator import admin_connection
from tests.debian import DebianPostgres, debian_postgres, open_workplace

# What chooses the server, beside RETAIL_TEST_POSTGRESQL_ROOT.
DATABASE_URL = "RETAIL_TEST_DATABASE_URL"
IMAGE = "RETAIL_TEST_IMAGE"
DEFAULT_IMAGE = "pgvector/pgvector:pg18"
PASSWORD = "only-for-tests"
_ROOM_BYTES = 6 << 30
LOGINS = ("mcp_user", "mcp_auth", "mcp_audit", "mcp_embed", "mcp_sql")


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server on which databases may be created and dropped.

    Attributes:
        url: Superuser URL of a database that is there to connect to.
        password: Password that the server's logins get, or None where the server needs none.
    """

    url: str
    password: str | None

    def admin_url(self, database: str) -> str:
        """Superuser URL of a database."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    def app_url(self, database: str) -> str:
        """URL of a database for mcp_user."""
        parts = urlsplit(self.admin_url(database))
        host = parts.netloc.rpartition("@")[2]
        login = "mcp_user" if self.password is None else f"mcp_user:{self.password}"
        return urlunsplit(parts._replace(netloc=f"{login}@{host}"))

    @property
    def _strategy(self) -> str:
        """How a template is copied: as files is quicker, but for the checkpoint that a disk would be waited for."""
        return "wal_log" if self.password else "file_copy"

    def login_statement(self) -> str:
        """SQL that lets the server log in here."""
        if self.password is None:
            return "select 1"
        return ";".join(f"alter role {login} password '{self.password}'" for login in LOGINS)

    async def waits_for_no_disk(self) -> None:
        """Let an embedded cluster, which is thrown away, make databases five times as fast.

        What a crash leaves is tested on a server of that test's own.
        """
        if self.password is not None:
            return
        async with admin_connection(self.url) as connection:
            for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '4GB'"):
                await connection.execute(f"alter system set {setting}")
            await connection.execute("select pg_reload_conf()")

    @asynccontextmanager
    async def temporary_database(self, template: str = "template1") -> AsyncIterator[str]:
        """Create a database, and drop it at the end whoever is still connected."""
        name = f"retail_test_{secrets.token_hex(6)}"
        async with admin_connection(self.url) as connection:
            await connection.execute(f'create database "{name}" template "{template}" strategy {self._strategy}')
        try:
            yield name
        finally:
            async with admin_connection(self.url) as connection:
                await connection.execute(f'drop database "{name}" with (force)')


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Find or start a server.

    The one of RETAIL_TEST_DATABASE_URL; else PostgreSQL of the Debian in RETAIL_TEST_POSTGRESQL_ROOT; else a container
    of RETAIL_TEST_IMAGE, where a Docker engine answers; else the embedded one.
    """
    if (url := os.environ.get(DATABASE_URL)) is not None:
        yield named_cluster(url)
    elif (debian := debian_postgres()) is not None:
        with _debian_cluster(debian) as cluster:
            yield cluster
    elif _docker_answers():
        with _container(os.environ.get(IMAGE, DEFAULT_IMAGE)) as container:
            yield Cluster(container.get_connection_url(), PASSWORD)
    else:
        with embedded_cluster() as cluster:
            yield cluster


def named_cluster(url: str) -> Cluster:
    """A cluster that somebody named; its database must be one that was made for tests."""
    database = urlsplit(url).path.lstrip("/")
    if "test" not in database.split("_"):
        pytest.exit(
            f"RETAIL_TEST_DATABASE_URL names the database {database!r}, which was not made for tests. "
            "Name one with the word test between underscores, for example retail_test.",
            returncode=2,
        )
    return Cluster(url, PASSWORD)


def _container(image: str) -> PostgresContainer:
    """A server that is thrown away: without waiting for a disk, and with as many connections as the embedded one."""
    container = PostgresContainer(image, username="postgres", password=PASSWORD, dbname="postgres", driver=None)
    settings = ("fsync=off", "full_page_writes=off", "max_wal_size=4GB", "max_connections=400")
    return container.with_command(["postgres", *(part for setting in settings for part in ("-c", setting))])


@contextmanager
def _debian_cluster(debian: DebianPostgres) -> Iterator[Cluster]:
    with open_workplace(_memory()) as workplace, pytest.MonkeyPatch.context() as patch:
        # Where this machine's administrator would have its client programs.
        patch.setenv("PATH", str(debian.client_programs(workplace)), prepend=os.pathsep)
        debian.make_cluster(workplace / "data", debian.programs)
        # The wheel has no pg_stat_statements; Debian has.
        settings = {"max_connections": "400", "shared_preload_libraries": "pg_stat_statements"}
        with debian.running(workplace / "data", debian.programs, **settings) as url:
            yield Cluster(url, None)


@contextmanager
def embedded_cluster() -> Iterator[Cluster]:
    """The embedded server on a directory of its own, thrown away at the end."""
    # Short, for the socket's path, and reachable for the server's own user when root runs the tests.
    directory = Path(tempfile.mkdtemp(prefix="retail-test-", dir=_memory()))
    try:
        # Started once to be made: a run has more servers open at a time than the default has connections for.
        with embedded_server(directory):
            pass
        with (directory / "postgres" / "postgresql.conf").open("a") as configuration:
            configuration.write("max_connections = 400\n")
        with embedded_server(directory) as server:
            yield Cluster(server.dsn("postgres", "postgres"), None)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _memory() -> str | None:
    """A file system in memory with room for the databases of a run; None where there is none.

    Most tests have a database of their own, and making one is writing a thousand files.
    """
    directory = Path("/dev/shm")
    if not os.access(directory, os.W_OK) or psutil.disk_usage(str(directory)).free < _ROOM_BYTES:
        return None
    return str(directory)


def _docker_answers() -> bool:
    try:
        client = docker.from_env(timeout=3)
    except DockerException:
        client = None
    if client is not None:
        with closing(client):
            return bool(client.ping())
    # It leaves its socket to the garbage collector, which would warn in the middle of some test.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return False
