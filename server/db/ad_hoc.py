"""The connections that run SQL of callers: everything is typed by the database, bounded, and reset afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Self

import asyncpg

from server.db.ad_hoc_errors import caller_error
from server.db.connection import StoreConnection, statement_step, translated_errors
from server.db.pool import Database
from server.db.urls import opening
from server.errors import InvalidInputError, QueryTimeoutError
from server.monitoring.observer import NULL_OBSERVER, Observer

SETTING = "RETAIL_SQL_DATABASE_URL"
# Heavy queries are few at a time; the role's own limit (sql/0010) counts those of all servers.
_POOL_SIZE = 4
# The database ends a query after three seconds. One that it cannot end is left to it: its connection is dropped.
_PATIENCE_SECONDS = 3.5
# Of one row as JSON; the database sends no more of it.
_MAX_ROW_CHARACTERS = 50_000
# Integers beyond are not exact in clients that read JSON numbers as floating point.
_EXACT_INTEGER = 2**53
# Arrays of PostgreSQL's own types; their numbers are the same in every version.
_ARRAYS = {
    199: "json[]",
    1000: "bool[]",
    1003: "name[]",
    1005: "int2[]",
    1007: "int4[]",
    1014: "bpchar[]",
    1015: "varchar[]",
    1016: "int8[]",
    1021: "float4[]",
    1022: "float8[]",
    1115: "timestamp[]",
    1182: "date[]",
    1183: "time[]",
    1185: "timestamptz[]",
    1187: "interval[]",
    1231: "numeric[]",
    2951: "uuid[]",
    3807: "jsonb[]",
}
_OTHER_TYPE = "other"

# When memory runs out, PostgreSQL lists in its log what holds it, with the first 100 bytes of each prepared statement,
# whatever the settings of the login are.
_NOTHING_OF_A_CALLER = "-- " + "What follows is a caller's. ".ljust(100, ".") + "\n"
_COLUMNS_PREFIX = f"{_NOTHING_OF_A_CALLER}select * from (\n"  # noqa: S608
_ROWS_PREFIX = f"{_NOTHING_OF_A_CALLER}select left(to_json(answer)::text, {_MAX_ROW_CHARACTERS + 1}) from (\n"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Table:
    """What a query gave.

    Attributes:
        columns: Name and type of each.
        rows: Values in the same order, as JSON has them: decimals as text, times as ISO 8601 with zone.
        has_more: True when there are more rows than were asked for.
    """

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    has_more: bool


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """Asks the catalogue for no type: it is closed to this login, and every value comes as text anyway.

    Overrides a private method of asyncpg, seen in 0.32; `tests/tools/test_ad_hoc_sql.py` fails when it is not called.
    """

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> tuple[list[Any], Any]:  # noqa: ASYNC109
        unknown = dict.fromkeys(("elemtype", "range_subtype", "attrtypoids", "basetype"))
        types = [
            # As if they were enumerations, which are read as text whatever else the driver knows of them.
            {"oid": oid, "name": _ARRAYS.get(oid, _OTHER_TYPE), "ns": "pg_catalog", "kind": b"e", **unknown}
            for oid in typeoids
        ]
        return types, SimpleNamespace(name="no query was made")


class AdHocConnection(StoreConnection):
    """Runs SQL of a caller that has passed the gate."""

    async def table(self, sql: str, *, max_rows: int, max_columns: int) -> Table:
        """Run a query.

        Args:
            sql: One SELECT.
            max_rows: Rows to return at most.
            max_columns: Columns that it may have.

        Raises:
            InvalidInputError: The query is wrong, or gives too much.
            QueryTimeoutError: It took too long.
            DatabaseUnavailableError, DatabaseError: As of a named query.
        """
        with statement_step("query_of_a_caller"):
            return await self._table(sql, max_rows, max_columns)

    async def _table(self, sql: str, max_rows: int, max_columns: int) -> Table:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                with _told_to_the_caller(sql, _COLUMNS_PREFIX):
                    prepared = await self._connection.prepare(f"{_COLUMNS_PREFIX}{sql}\n) as answer")
                columns = [(column.name, column.type.name) for column in prepared.get_attributes()]
                if len(columns) > max_columns:
                    raise InvalidInputError(
                        f"The query gives {len(columns)} fields per row; at most {max_columns} are returned. Name "
                        "those that you need."
                    )
                with _told_to_the_caller(sql, _ROWS_PREFIX):
                    limited = f"{_ROWS_PREFIX}{sql}\n) as answer limit {max_rows + 1}"
                    # As a cursor, so that no text, whatever it did to the limit, gives more.
                    cursor = await self._connection.cursor(limited)
                    records = await cursor.fetch(max_rows + 1)
        except TimeoutError:
            self._connection.terminate()
            raise QueryTimeoutError from None
        rows = [_values(record[0], columns) for record in records[:max_rows]]
        return Table(columns, rows, has_more=len(records) > max_rows)


class AdHocDatabase(Database):
    """The pool of the login mcp_sql.

    Args:
        dsn: URL of the database.
        pool_timeout_seconds: How long a borrower waits for a free connection.
        observer: Who is told of it.
    """

    connection_type = AdHocConnection

    def __init__(self, dsn: str, *, pool_timeout_seconds: float = 5.0, observer: Observer = NULL_OBSERVER) -> None:
        super().__init__(
            dsn,
            setting=SETTING,
            pool_size=_POOL_SIZE,
            pool_timeout_seconds=pool_timeout_seconds,
            name="ad_hoc",
            observer=observer,
        )

    async def __aenter__(self) -> Self:
        """See `Database`; it has no connection at first, so one is tried."""
        await super().__aenter__()
        try:
            with opening(SETTING):
                await self._pool.release(await self._pool.acquire())
        except BaseException:
            await self.__aexit__()
            raise
        return self

    def _options(self) -> dict[str, Any]:
        return {
            **super()._options(),
            # The login has few connections for all servers together, and most of the time nobody asks.
            "min_size": 0,
            "max_inactive_connection_lifetime": 20.0,
            "connection_class": _Connection,
            "init": None,
            "reset": _forget_everything,
            # Texts differ, and prepared ones would only stay.
            "statement_cache_size": 0,
        }


async def _forget_everything(connection: Any) -> None:
    """Leave nothing of a caller's SQL to the next borrower, whatever it did to the session."""
    await connection.execute("discard all")


@contextmanager
def _told_to_the_caller(sql: str, prefix: str) -> Iterator[None]:
    """Raise what the caller can mend in our words; the rest like errors of our own queries."""
    with translated_errors("query of a caller"):
        try:
            yield
        except asyncpg.PostgresError as error:
            position = int(error.position) - len(prefix) if getattr(error, "position", None) else 0
            told = caller_error(str(error.sqlstate), position, sql)
            if told is None:
                raise
            raise told from None


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose names may repeat."""


def _values(row: str | None, columns: list[tuple[str, str]]) -> list[Any]:
    """The values of a row that the database wrote as JSON."""
    if row is None:
        return [None] * len(columns)
    if len(row) > _MAX_ROW_CHARACTERS:
        raise InvalidInputError(
            f"A row of the answer is longer than {_MAX_ROW_CHARACTERS:,} characters. Ask for fewer fields, or shorten "
            "texts with left(...)."
        )
    pairs = json.loads(row, object_pairs_hook=_Pairs, parse_float=_Number, parse_int=_Number)
    return [_value(value, kind) for (_, value), (_, kind) in zip(pairs, columns, strict=True)]


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def _value(value: Any, kind: str = "") -> Any:
    if isinstance(value, _Number):
        if kind.removesuffix("[]") in ("float4", "float8"):
            return float(value)
        exact = (
            kind.removesuffix("[]") != "numeric" and value.lstrip("-").isdigit() and abs(int(value)) <= _EXACT_INTEGER
        )
        return int(value) if exact else str(value)
    if isinstance(value, _Pairs):
        return {name: _value(inner) for name, inner in value}
    if isinstance(value, list):
        return [_value(inner, kind) for inner in value]
    return value
