"""Connection pools: one per login role of the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import asyncpg
from anyio import CancelScope
from pgvector.asyncpg import register_vector

from server.db.connection import StoreConnection, translated_errors
from server.db.queries import Query, Row
from server.db.urls import opening, parsed
from server.errors import BusyError
from server.monitoring.observer import NULL_OBSERVER, Observer
from server.monitoring.spans import step

# As many as the driver keeps by itself.
STATEMENT_CACHE_SIZE = 100
# sql/0010 gives a transaction of mcp_user the time of three statements, 30 s for 10 s each.
_ROLE_STATEMENT_SECONDS = 10.0
_STATEMENTS_PER_TRANSACTION = 3
# For logins whose statements the database itself ends well before.
_SILENCE_SECONDS = 12.0


async def _register_types(connection: Any) -> None:
    """Teach a new connection the vector type."""
    # Unknown in a database without the schema, which the schema check tells in words that help.
    with suppress(ValueError):
        await register_vector(connection)


def _time_limits(query_seconds: float | None) -> dict[str, str]:
    """Session settings for a time limit of one statement that is not the login's own."""
    if query_seconds is None:
        return {}
    limits = {"statement_timeout": f"{max(round(query_seconds * 1000), 1)}ms"}
    if query_seconds > _ROLE_STATEMENT_SECONDS:
        limits["transaction_timeout"] = f"{round(query_seconds * 1000) * _STATEMENTS_PER_TRANSACTION}ms"
    return limits


async def _keep_session_state(connection: Any) -> None:
    """Take the place of RESET ALL between borrowers.

    asyncpg still rolls back an open transaction first. Anything else a borrower left behind is
    worthless to the next one, because a store context counts only in the transaction that made it.
    Saves one round trip per call.
    """


class Database:
    """A pool of one login role, opened for the life of the server.

    Args:
        dsn: URL of the database.
        setting: Variable that the URL came from, for the error that names it.
        pool_size: Largest number of connections.
        pool_timeout_seconds: How long a borrower waits for a free one.
        query_timeout_seconds: Time limit of one statement; left out, the login's own
            (sql/repeatable/0010_role_settings.sql).
        statement_cache_size: Prepared statements that a connection keeps; 0 for a pooler in transaction mode.
        connected: Whether it must be there when the server starts.
        name: What the monitoring calls the pool.
        observer: Who is told of it.

    Attributes:
        name: The same.
        waiting: Borrowers that have no connection yet.
    """

    connection_type = StoreConnection

    def __init__(
        self,
        dsn: str,
        *,
        setting: str = "RETAIL_DATABASE_URL",
        pool_size: int = 8,
        pool_timeout_seconds: float = 5.0,
        query_timeout_seconds: float | None = None,
        statement_cache_size: int = STATEMENT_CACHE_SIZE,
        connected: bool = True,
        name: str = "tools",
        observer: Observer = NULL_OBSERVER,
    ) -> None:
        self.name = name
        self.waiting = 0
        self._observer = observer
        self._dsn = dsn
        self._setting = setting
        self._pool_size = pool_size
        self._pool_timeout = pool_timeout_seconds
        self._query_timeout = query_timeout_seconds
        self._statement_cache_size = statement_cache_size
        self._min_size = 1 if connected else 0
        self._pool: Any = None

    async def __aenter__(self) -> Self:
        """Open it.

        Raises:
            ConfigurationError: See `server.db.urls.parsed` and `opening`.
        """
        with opening(self._setting):
            self._pool = await asyncpg.create_pool(**self._options())
        self._observer.pool_opened(self)
        return self

    @property
    def size(self) -> int:
        """Largest number of connections."""
        return self._pool_size

    @property
    def in_use(self) -> int:
        """Connections that are borrowed."""
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool else 0

    @property
    def idle(self) -> int:
        """Connections that are open and not borrowed."""
        return self._pool.get_idle_size() if self._pool else 0

    def _options(self) -> dict[str, Any]:
        """What the pool and its connections are made with."""
        # A session's settings are not a pooler's to pass on: there the login's own limits count.
        limits = _time_limits(self._query_timeout) if self._statement_cache_size else {}
        return {
            **parsed(self._dsn, self._setting).options("retail-mcp", limits),
            "min_size": self._min_size,
            "max_size": self._pool_size,
            # The server's limit ends the query; this one only covers a server that went silent.
            "command_timeout": _SILENCE_SECONDS if self._query_timeout is None else self._query_timeout + 2,
            "init": _register_types,
            "reset": _keep_session_state,
            "statement_cache_size": self._statement_cache_size,
        }

    async def __aexit__(self, *exception: object) -> None:
        pool, self._pool = self._pool, None
        try:
            await asyncio.wait_for(pool.close(), timeout=5)
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def transaction(self, *, write: bool = False) -> AsyncIterator[StoreConnection]:
        """Borrow a connection for one transaction, read-only unless `write`.

        Raises:
            BusyError: No connection became free in time.
            DatabaseUnavailableError: The database cannot be reached.
        """
        async with self._borrowed() as connection:
            with translated_errors("transaction"):
                transaction = connection.transaction(readonly=not write)
                await transaction.start()
                try:
                    yield self.connection_type(connection)
                except BaseException:
                    # What a caller that hung up has left is cancelled anew at each await; this must run to its end.
                    with CancelScope(shield=True):
                        if not connection.is_closed():
                            await transaction.rollback()
                    raise
                await transaction.commit()

    async def fetch(self, query: Query[Row], *arguments: object) -> list[Row]:
        """Run one query outside any store, for example to look a token up; raises like `transaction`."""
        async with self._borrowed() as connection:
            return await StoreConnection(connection).all(query, *arguments)

    async def backend(self) -> int:
        """Process of the session behind one of the connections, as that was told of it; raises like `transaction`."""
        async with self._borrowed() as connection:
            process: int = connection.get_server_pid()
            return process

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Any]:
        with step("connection", {"retail.pool": self.name}), translated_errors("connect"):
            try:
                connection = await self._acquired()
            except TimeoutError:
                raise BusyError from None
        try:
            yield connection
        finally:
            with translated_errors("release"):
                await self._pool.release(connection)

    async def _acquired(self) -> Any:
        began, got = time.perf_counter(), False
        self.waiting += 1
        try:
            connection = await self._pool.acquire(timeout=self._pool_timeout)
            got = True
        finally:
            self.waiting -= 1
            self._observer.connection_awaited(self.name, time.perf_counter() - began, got=got)
        return connection
