"""What tests share: the retailer under test, and ways to act on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from fastmcp import Client, FastMCP

from server.app import build
from server.auth.authenticator import Authenticator
from server.calls.principal import Role
from server.config import Settings
from server.db.operator import admin_connection
from server.db.pool import Database
from server.monitoring.monitoring import Monitoring
from server.operations.admin.tokens import issue_token
from server.operations.databases import Connections
from server.operations.startup import Transport
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_scope import StoreScope, StoreScopes
from tests.pgbouncer import is_pooled

CONTEXT_KEY = "a-signing-key-that-only-tests-use-0123456789"
# Fixed, so that the demo data of every run is the same.
DEMO_AS_OF = date(2026, 11, 20)


# A test asks in a second what an assistant asks in an hour, and for more than one would read.
_ROOMY = {"rate_per_minute": 1_000_000, "rate_burst": 1_000_000, "max_result_bytes": 16_000_000}


def chosen(**settings: Any) -> Settings:
    """Settings of a test: these, and else the defaults but for room to ask quickly and much."""
    return Settings(_env_file=None, **_ROOMY | settings)


@dataclass(frozen=True)
class Retailer:
    """One database with the schema, and the ways into it."""

    admin_url: str
    app_url: str

    def login_url(self, login: str) -> str:
        """URL for another of the server's logins."""
        # A pooler, where there is one, is for mcp_user alone.
        admin = urlsplit(self.admin_url)
        own, host = urlsplit(self.app_url).netloc.rpartition("@")[0], admin.netloc.rpartition("@")[2]
        return urlunsplit(admin._replace(netloc=f"{own.replace('mcp_user', login, 1)}@{host}"))

    @property
    def is_pooled(self) -> bool:
        """Whether mcp_user comes through a pooler that knows no prepared statements."""
        return is_pooled(self.app_url)

    def database(self, **options: Any) -> Database:
        """A pool of mcp_user."""
        return Database(self.app_url, **({"statement_cache_size": 0} if self.is_pooled else {}), **options)

    @property
    def connections(self) -> Connections:
        """What the server needs to serve it."""
        return Connections(
            self.app_url,
            self.login_url("mcp_auth"),
            self.login_url("mcp_audit"),
            CONTEXT_KEY,
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
            "RETAIL_CONTEXT_KEY": CONTEXT_KEY,
            **({"RETAIL_STATEMENT_CACHE_SIZE": "0"} if self.is_pooled else {}),
        }

    async def fetch(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        """Run SQL as the superuser, past every policy: the reference for what tools answer."""
        async with admin_connection(self.admin_url) as connection:
            return [dict(row) for row in await connection.fetch(sql, *arguments)]

    async def value(self, sql: str, *arguments: Any) -> Any:
        """First column of the first row, as the superuser."""
        async with admin_connection(self.admin_url) as connection:
            return await connection.fetchval(sql, *arguments)

    async def execute(self, sql: str) -> None:
        """Run a script as the superuser."""
        async with admin_connection(self.admin_url) as connection:
            await connection.execute(sql)

    async def token(
        self, *stores: str, role: Role = "manager", subject: str | None = None, lifetime: timedelta = timedelta(days=1)
    ) -> str:
        """A token for some stores; the same stores and role share a subject unless one is named."""
        subject = subject or f"{role} of {' '.join(stores)}"
        async with admin_connection(self.admin_url) as connection:
            return (await issue_token(connection, subject, stores, role, lifetime=lifetime)).token

    @asynccontextmanager
    async def server(
        self, transport: Transport = "stdio", *, monitoring: Monitoring | None = None, **settings: Any
    ) -> AsyncIterator[FastMCP[Any]]:
        """The server on this database."""
        if self.is_pooled:
            settings = {"statement_cache_size": 0} | settings
        async with build(chosen(**settings), self.connections, transport, monitoring=monitoring) as server:
            yield server

    @asynccontextmanager
    async def client(
        self, stores: str | Sequence[str], *, role: Role = "manager", mode: str = "auto", **settings: Any
    ) -> AsyncIterator[Client[Any]]:
        """An in-memory client that acts as one role in some stores."""
        token = await self.token(*([stores] if isinstance(stores, str) else stores), role=role)
        async with self.server(token=token, **settings) as server, Client(server, mode=mode) as client:
            yield client

    @asynccontextmanager
    async def scope(self, store_id: str, *, role: Role = "manager", write: bool = False) -> AsyncIterator[StoreScope]:
        """One store, entered exactly as a tool does it."""
        token = await self.token(store_id, role=role)
        async with (
            self.database(pool_size=1) as database,
            Database(self.login_url("mcp_auth"), pool_size=1) as identities,
        ):
            found = await Authenticator(identities).authenticate(token)
            assert found is not None
            scopes = StoreScopes(database, ContextSigner(CONTEXT_KEY), found[0])
            async with scopes.enter(store_id, write=write) as store:
                yield store


async def answer(client: Client[Any], tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its structured result; fails the test on an error."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def refusal(client: Client[Any], tool: str, **arguments: Any) -> str:
    """Call a tool that must fail and return its message."""
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    assert result.is_error, result.structured_content
    return str(result.content[0].text)
