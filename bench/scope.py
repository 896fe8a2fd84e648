"""The store scope: what it adds to a bare read-only transaction, in time and round trips."""

from __future__ import annotations

import asyncio
import operator
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from pydantic import BaseModel, TypeAdapter

from bench.cases import STORE
from bench.database import Retailer
from server.db.pool import Database
from server.db.queries import Query
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_context import SET_STORE_CONTEXT
from server.tenancy.store_scope import StoreScopes

_BATCHES = 20
_CALLS_PER_BATCH = 100
_EXECUTIONS = 2_000

_SET_CONTEXTS = """
select count(entered) from (select retail.set_store_context($1) as entered from generate_series(1, $2::int) offset 0) s
"""
_GUARDS = "select count(guard.store()) from generate_series(1, $1::int)"
_NOTHINGS = "select count(pg_backend_pid()) from generate_series(1, $1::int)"


class _One(BaseModel):
    one: int


_SELECT_ONE = Query("select_one", "select 1 as one", _One, TypeAdapter(list[_One]))


@dataclass(frozen=True)
class ScopeFigure:
    """One figure.

    Attributes:
        name: What was measured.
        microseconds: Per call, the median of the batches.
        least_microseconds: In the batch that was least disturbed.
        round_trips: Between client and database; None for work inside the database.
        method: How it was measured.
    """

    name: str
    microseconds: float
    least_microseconds: float
    round_trips: int | None
    method: str


async def measure_scope(retailer: Retailer, token: str) -> list[ScopeFigure]:
    """Measure on two warm connections, one of them the server's pool; batches of the ways interleaved."""
    principal = await retailer.principal(token)
    signer = ContextSigner(retailer.context_key)
    connection = await asyncpg.connect(retailer.app_url, timeout=5)
    try:
        async with Database(retailer.app_url, pool_size=1) as database:
            scopes = StoreScopes(database, signer, principal)

            async def bare() -> None:
                async with connection.transaction(readonly=True):
                    await connection.fetch(_SELECT_ONE.sql)

            async def in_context() -> None:
                async with connection.transaction(readonly=True):
                    await connection.fetch(SET_STORE_CONTEXT.sql, signer.sign(principal.principal_id, STORE))
                    await connection.fetch(_SELECT_ONE.sql)

            async def pooled() -> None:
                async with database.transaction() as transaction:
                    await transaction.one(_SELECT_ONE)

            async def in_scope() -> None:
                async with scopes.enter(STORE) as store:
                    await store.db.one(_SELECT_ONE)

            ways = {"bare": bare, "in_context": in_context, "pooled": pooled, "in_scope": in_scope}
            seconds = await _interleaved(ways)
            async with database.transaction() as borrowed:
                # The pool's only connection: it is borrowed again below.
                pools_own = borrowed._connection._con
            trips = {
                name: await _round_trips(connection if way in (bare, in_context) else pools_own, way)
                for name, way in ways.items()
            }
            inside = await _inside_database(connection, signer.sign(principal.principal_id, STORE))
    finally:
        await connection.close(timeout=5)
    return [*_transactions(seconds, trips), *_functions(inside)]


def _transactions(seconds: dict[str, list[float]], trips: dict[str, int]) -> list[ScopeFigure]:
    method = (
        f"{_BATCHES} interleaved batches of {_CALLS_PER_BATCH} sequential calls on a warm connection; "
        "round trips counted by the driver's query log"
    )

    def way(name: str, label: str) -> ScopeFigure:
        return ScopeFigure(label, statistics.median(seconds[name]) * 1e6, min(seconds[name]) * 1e6, trips[name], method)

    def added(name: str, base: str, label: str) -> ScopeFigure:
        whole, part = way(name, label), way(base, label)
        return ScopeFigure(
            label,
            statistics.median(map(operator.sub, seconds[name], seconds[base])) * 1e6,
            whole.least_microseconds - part.least_microseconds,
            trips[name] - trips[base],
            "difference of the two rows above, batch by batch",
        )

    return [
        way("bare", "asyncpg: read-only transaction with select 1"),
        way("in_context", "asyncpg: the same in a store context"),
        added("in_context", "bare", "  added by the store context"),
        way("pooled", "server: read-only transaction with select 1"),
        way("in_scope", "server: the same in a store scope"),
        added("in_scope", "pooled", "  added by the store scope"),
    ]


def _functions(inside: dict[str, list[float]]) -> list[ScopeFigure]:
    method = f"{_EXECUTIONS:,} executions in one statement, less the same statement with pg_backend_pid() instead"
    return [
        ScopeFigure(f"{name}, inside the database", statistics.median(seconds) * 1e6, min(seconds) * 1e6, None, method)
        for name, seconds in inside.items()
    ]


async def _interleaved(ways: Mapping[str, Callable[[], Awaitable[None]]]) -> dict[str, list[float]]:
    """Seconds per call of each way, batch by batch; the first batch only warms up."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_BATCHES + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            for _ in range(_CALLS_PER_BATCH):
                await way()
            found[name].append((time.perf_counter() - began) / _CALLS_PER_BATCH)
    return {name: seconds[1:] for name, seconds in found.items()}


async def _round_trips(connection: Any, way: Callable[[], Awaitable[None]]) -> int:
    """Statements that a warm call sends: each is sent and answered before the next."""
    statements: list[Any] = []
    connection.add_query_logger(statements.append)
    await way()
    # The driver tells the logger in the next turn of the loop.
    await asyncio.sleep(0)
    connection.remove_query_logger(statements.append)
    return len(statements)


async def _inside_database(connection: Any, token: str) -> dict[str, list[float]]:
    """Seconds per execution, less those of a statement that calls next to nothing as often."""
    found: dict[str, list[float]] = {"retail.set_store_context()": [], "guard.store()": []}
    async with connection.transaction(readonly=True):
        await connection.fetch(SET_STORE_CONTEXT.sql, token)
        for _ in range(_BATCHES // 2):
            empty = await _seconds(connection, _NOTHINGS)
            found["retail.set_store_context()"].append(
                (await _seconds(connection, _SET_CONTEXTS, token) - empty) / _EXECUTIONS
            )
            found["guard.store()"].append((await _seconds(connection, _GUARDS) - empty) / _EXECUTIONS)
    return found


async def _seconds(connection: Any, sql: str, *arguments: Any) -> float:
    began = time.perf_counter()
    assert await connection.fetchval(sql, *arguments, _EXECUTIONS) == _EXECUTIONS
    return time.perf_counter() - began
