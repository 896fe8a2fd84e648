"""Connection poolers between the server and its database, such as PgBouncer: what may lead through one.

A pooler in transaction mode gives each transaction whichever session of the database is free. The store context is
made for that: it ends with its transaction. Prepared statements, LISTEN, locks that outlive a transaction and a
session that is reset between borrowers are not.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from pydantic import BaseModel

from server.db.connection import CONNECTION_ERRORS
from server.db.pool import Database
from server.db.queries import QueryFile
from server.db.urls import CONNECT_TIMEOUT_SECONDS, connect, opening
from server.errors import ConfigurationError

_PROBE = "retail.pooling_probe"
_PROBE_SECONDS = 2.0


class _PooledRoute(BaseModel):
    setting: str


QUERIES = QueryFile("server.db", "routes.sql")
POOLED_ROUTES = QUERIES.query("pooled_routes", _PooledRoute)


@dataclass(frozen=True, slots=True)
class DatabaseRoute:
    """A way to the database.

    Attributes:
        url: Where it leads.
        backend: Process of the session that a connection on it was told of. A pooler tells a number of its own.
        why: What needs a session for each connection; None where a transaction is enough.
    """

    url: str
    backend: int
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Pooling:
    """What a pooler does to the connections of a way.

    Attributes:
        shares_sessions: It gives the session of one to another between two transactions.
        keeps_statements: Prepared statements work nevertheless, as with PgBouncer 1.21 and max_prepared_statements.
    """

    shares_sessions: bool
    keeps_statements: bool


async def check_routes(database: Database, routes: Mapping[str, DatabaseRoute], *, prepares: bool = False) -> None:
    """Refuse poolers where they would break what the server relies on.

    Args:
        database: The server's own pool.
        routes: By the setting that names each.
        prepares: Whether the server keeps prepared statements where a transaction is enough.

    Raises:
        ConfigurationError: Something leads through a pooler that cannot; it says what to set instead.
    """
    for stranger in await database.fetch(POOLED_ROUTES, list(routes), [way.backend for way in routes.values()]):
        way = routes[stranger.setting]
        if way.why is not None:
            await refuse_shared_sessions(way.url, stranger.setting, way.why)
        elif prepares and not (await pooling_of(way.url, stranger.setting)).keeps_statements:
            raise ConfigurationError(
                f"{stranger.setting} leads through a connection pooler in transaction mode that knows no prepared "
                "statements. Set RETAIL_STATEMENT_CACHE_SIZE=0, or let PgBouncer 1.21 or newer keep them with "
                "max_prepared_statements (docs/scaling.md)."
            )


async def refuse_shared_sessions(url: str, setting: str, why: str) -> None:
    """Refuse a pooler that gives one connection's session to another; one that does not is fine.

    Args:
        url: A way to the database that leads through a pooler.
        setting: Variable that names it.
        why: What needs a session for each connection.

    Raises:
        ConfigurationError: The pooler does; it says what to set instead.
    """
    if (await pooling_of(url, setting)).shares_sessions:
        raise ConfigurationError(
            f"{setting} leads through a connection pooler in transaction mode, which cannot work: {why}. Name the "
            "database itself there; only RETAIL_DATABASE_URL and RETAIL_REPLICA_DATABASE_URL may lead through the "
            "pooler (docs/scaling.md)."
        )


async def pooling_of(url: str, setting: str) -> Pooling:
    """Find out whether two connections can come to share a session.

    Raises:
        ConfigurationError: It cannot be found out, because no connection can be opened or one is lost.
    """
    with opening(setting):
        return await _probed(url, setting)


async def _probed(url: str, setting: str) -> Pooling:
    async with _connected(url, setting) as one, _connected(url, setting) as two:
        await one.execute(f"set {_PROBE} = 'set'")
        prepared = await one.prepare("select 1", name=f"retail_{secrets.token_hex(8)}")
        await prepared.fetchval()
        # It gets the session that was let go last.
        transaction = two.transaction()
        await transaction.start()
        try:
            shares = await two.fetchval(f"show {_PROBE}") == "set"
            await two.execute(f"reset {_PROBE}")
        except asyncpg.UndefinedObjectError:
            shares = False
        try:
            return Pooling(shares, keeps_statements=not shares or await _works(prepared))
        finally:
            await transaction.rollback()


async def _works(prepared: Any) -> bool:
    try:
        await prepared.fetchval(timeout=_PROBE_SECONDS)
    except (*CONNECTION_ERRORS, TimeoutError):
        return False
    return True


@asynccontextmanager
async def _connected(url: str, setting: str) -> AsyncIterator[Any]:
    connection = await connect(
        url,
        setting,
        application_name="retail-mcp",
        command_timeout=CONNECT_TIMEOUT_SECONDS,
        statement_cache_size=0,
    )
    try:
        yield connection
    finally:
        connection.terminate()
