"""Databases to measure on: temporary ones, on an embedded PostgreSQL or on a named server."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from server.auth.authenticator import Authenticator
from server.calls.principal import Principal
from server.config import ENV_PREFIX
from server.db.embedded import embedded_server
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.db.pool import Database
from server.errors import ConfigurationError
from server.operations.admin.keys import generate_key, install_key
from server.operations.admin.tokens import issue_token
from server.operations.databases import Connections

DATABASE_VARIABLE = "RETAIL_BENCH_DATABASE_URL"
_LIFETIME = timedelta(days=1)
_LOGINS = ("mcp_user", "mcp_auth", "mcp_audit", "mcp_sql")


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server on which databases may be created and dropped.

    Attributes:
        url: Superuser URL of a database that is there to connect to.
        password: Password that the server's logins get, or None where it needs none.
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


@dataclass(frozen=True)
class Retailer:
    """One database with the schema and a signing key.

    Attributes:
        admin_url: For the generator and for tokens.
        app_url: For the server.
        context_key: Signs store contexts.
    """

    admin_url: str
    app_url: str
    context_key: str

    @property
    def connections(self) -> Connections:
        """What the server needs to serve it in this process."""
        return Connections(
            self.app_url,
            self.login_url("mcp_auth"),
            self.login_url("mcp_audit"),
            self.context_key,
            sql_database_url=self.login_url("mcp_sql"),
        )

    @property
    def server_environment(self) -> dict[str, str]:
        """What a server process needs to serve it."""
        return {
            "RETAIL_DATABASE_URL": self.app_url,
            "RETAIL_AUTH_DATABASE_URL": self.login_url("mcp_auth"),
            "RETAIL_AUDIT_DATABASE_URL": self.login_url("mcp_audit"),
            "RETAIL_SQL_DATABASE_URL": self.login_url("mcp_sql"),
            "RETAIL_CONTEXT_KEY": self.context_key,
            "RETAIL_LOG_LEVEL": "WARNING",
        }

    async def token(self, store_id: str, subject: str | None = None) -> str:
        """A token of a manager of one store, by default always the same person."""
        subject = subject or f"bench {store_id}"
        async with admin_connection(self.admin_url) as connection:
            issued = await issue_token(connection, subject, [store_id], "manager", lifetime=_LIFETIME)
        return issued.token

    async def principal(self, token: str) -> Principal:
        """Who is behind a token."""
        async with Database(self.login_url("mcp_auth"), pool_size=1) as database:
            found = await Authenticator(database).authenticate(token)
        assert found is not None
        return found[0]

    def login_url(self, login: str) -> str:
        """URL of the database for one of the server's logins."""
        parts = urlsplit(self.app_url)
        return urlunsplit(parts._replace(netloc=parts.netloc.replace("mcp_user", login, 1)))


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """The server that RETAIL_BENCH_DATABASE_URL names, else an embedded one that lives as long as the block.

    Raises:
        ConfigurationError: The named database was not made for measuring, or nothing starts.
    """
    if url := os.environ.get(DATABASE_VARIABLE):
        database = urlsplit(url).path.lstrip("/")
        # A run gives the server's logins another password, for the whole server.
        if not {"bench", "test"} & set(database.split("_")):
            raise ConfigurationError(
                f"{DATABASE_VARIABLE} names a database that was not made for measuring. Name one on a server of its "
                "own, with bench or test between underscores, for example retail_bench."
            )
        yield Cluster(url, secrets.token_hex(16))
        return
    with temporary_directory() as directory, embedded_server(directory) as server:
        yield Cluster(server.dsn("postgres", "postgres"), None)


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """A directory for the embedded PostgreSQL: short, for its socket, and reachable for its own user."""
    directory = Path(tempfile.mkdtemp(prefix="retail-bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@asynccontextmanager
async def temporary_retailer(cluster: Cluster) -> AsyncIterator[Retailer]:
    """A new database with the schema and a key, dropped at the end."""
    name = f"retail_bench_{secrets.token_hex(6)}"
    async with admin_connection(cluster.url) as connection:
        await connection.execute(f'create database "{name}"')
    try:
        yield await _prepared(cluster, name)
    finally:
        async with admin_connection(cluster.url) as connection:
            await connection.execute(f'drop database if exists "{name}" with (force)')


async def kept_retailer(cluster: Cluster, name: str) -> Retailer:
    """A database that stays, made where it is not there yet; each run gets a key of its own."""
    async with admin_connection(cluster.url) as connection:
        if not await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
            await connection.execute(f'create database "{name}"')
    return await _prepared(cluster, name)


async def _prepared(cluster: Cluster, name: str) -> Retailer:
    retailer = Retailer(cluster.admin_url(name), cluster.app_url(name), generate_key())
    async with admin_connection(retailer.admin_url) as connection:
        await migrate(connection)
        await install_key(connection, retailer.context_key)
        if cluster.password is not None:
            for login in _LOGINS:
                await connection.execute(f"alter role {login} password '{cluster.password}'")
    return retailer


def child_environment(additions: dict[str, str]) -> dict[str, str]:
    """This process's environment for a child, without settings that somebody made for a server of theirs."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return {**inherited, **additions}
