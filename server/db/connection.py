"""A typed connection: runs named queries and turns driver errors into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import asyncpg
from opentelemetry.trace import Span, SpanKind
from pydantic import ValidationError

from server.db.queries import Query, Row
from server.errors import (
    ContentionError,
    DatabaseError,
    DatabaseUnavailableError,
    InvalidInputError,
    NotAllowedError,
    QueryTimeoutError,
    SchemaMismatchError,
)
from server.monitoring.spans import step

# SQLSTATE classes and codes after which the connection, not the query, is at fault: connection
# exceptions, insufficient resources, and a server that shuts down, crashed or is starting.
# Source: PostgreSQL 18 documentation, appendix A.
_CONNECTION_FAULTS = ("08", "53", "57P01", "57P02", "57P03", "57P05")
# What the driver raises when a connection cannot be made or broke; there is nothing to do but connect again.
CONNECTION_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_TIMEOUTS = ("57014", "25P03", "25P04")
# Lock not available in time, deadlock, serialization failure.
_CONTENTION = ("55P03", "40P01", "40001")
ROLE_MAY_NOT = "RT001"
ROLE_MAY_NOT_RUN_SQL = "RT002"
NO_CONTEXT = "42501"
# NUL as such, and as an escape in JSON.
_UNSTORABLE_TEXT = ("22021", "22P05")


@contextmanager
def translated_errors(query_name: str) -> Iterator[None]:
    """Raise our errors instead of the driver's, without the database's own text.

    The driver's exception is dropped on purpose: its message and detail can hold row values.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        sqlstate = str(error.sqlstate)
        constraint = getattr(error, "constraint_name", None)
        if sqlstate in _TIMEOUTS:
            raise QueryTimeoutError from None
        if sqlstate in _CONTENTION:
            raise ContentionError from None
        if sqlstate.startswith(_CONNECTION_FAULTS):
            raise DatabaseUnavailableError from None
        if sqlstate in _UNSTORABLE_TEXT:
            raise InvalidInputError(
                "A text argument holds a character that no stored text can have, such as NUL. Remove it and try again."
            ) from None
        if sqlstate == ROLE_MAY_NOT:
            raise NotAllowedError(
                "Your role sees this field masked, so it cannot search by it. "
                "Search by loyalty tier or id, or ask a store manager."
            ) from None
        raise DatabaseError(sqlstate, query_name, constraint) from None
    except TimeoutError:
        raise QueryTimeoutError from None
    except asyncpg.InternalClientError:
        # The driver's state machine after a backend was killed under it; the pool drops the connection.
        raise DatabaseUnavailableError from None
    except (OSError, asyncpg.InterfaceError) as error:
        if _is_misuse(error):
            raise DatabaseError("driver", query_name) from None
        raise DatabaseUnavailableError from None


def statement_step(name: str) -> AbstractContextManager[Span]:
    """The span of a statement that is told by its name, never by its text or arguments."""
    return step(f"SQL {name}", {"db.system.name": "postgresql", "db.query.summary": name}, SpanKind.CLIENT)


def _is_misuse(error: Exception) -> bool:
    """True for an argument that the driver cannot encode: our fault, not a lost connection."""
    return isinstance(error, asyncpg.DataError | ValueError | TypeError)


class StoreConnection:
    """Runs named queries on one connection.

    Args:
        connection: An asyncpg connection or a pool's proxy of one.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def all(self, query: Query[Row], *arguments: object) -> list[Row]:
        """Run a query and return every row as its model.

        Raises:
            QueryTimeoutError: The statement ran into its time limit.
            DatabaseUnavailableError: The connection was lost.
            InvalidInputError: A text cannot be stored in any database of this encoding.
            NotAllowedError: The database refused this to the caller's role.
            DatabaseError: Anything else.
        """
        with statement_step(query.name) as span, translated_errors(query.name):
            records = await self._connection.fetch(query.sql, *arguments)
            span.set_attribute("db.response.returned_rows", len(records))
        try:
            return query.rows.validate_python([dict(record) for record in records])
        except ValidationError as error:
            columns = {f"{fault['loc'][-1]} ({fault['type']})" for fault in error.errors(include_input=False)}
            raise SchemaMismatchError(query.name, ", ".join(sorted(columns))) from None

    async def first(self, query: Query[Row], *arguments: object) -> Row | None:
        """Run a query and return its first row, or None; raises like `all`."""
        rows = await self.all(query, *arguments)
        return rows[0] if rows else None

    async def one(self, query: Query[Row], *arguments: object) -> Row:
        """Run a query that always has one row; raises like `all`."""
        (row,) = await self.all(query, *arguments)
        return row
