"""Vector indexes of large stores: building, listing and dropping them while the servers go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from server.db.driver import InsufficientPrivilegeError, PostgresError
from server.db.queries import QueryFile
from server.errors import InvalidInputError, NotFoundError, UnavailableError

BREAK_EVEN: Final = 10_000
"""Vectors of a store up to which no index is built unless it is insisted on."""

QUERIES = QueryFile("server.operations.admin", "vector_indexes.sql")
_CLAIM = QUERIES.statement("claim_index")
_LET_GO = QUERIES.statement("let_go_of_index")
_STORE = QUERIES.statement("store_to_index")
_INDEXES = QUERIES.statement("indexes_of_store")
_SETTINGS = QUERIES.statement("build_settings")
_CREATE = QUERIES.statement("create_statement")
_DROP = QUERIES.statement("drop_statement")
_PROGRESS = QUERIES.statement("progress")
_NOTE = QUERIES.statement("note_index")
_FORGET = QUERIES.statement("forget_index")
_RECORD = QUERIES.statement("record_index")
_LIST = QUERIES.statement("list_indexes")

_SECONDS_BETWEEN_LOOKS: Final = 0.5
# Of a vector in the graph while it is built: its links in all layers and what holds them, rather too many.
_BYTES_OF_LINKS: Final = 1_200
_BYTES_PER_NUMBER: Final = 2
_LEAST_MEMORY_MB: Final = 64
_MEGABYTE: Final = 2**20

Report = Callable[[str, int, int], None]
"""Is told the phase in PostgreSQL's words, vectors done, and vectors in all."""


@dataclass(frozen=True, slots=True)
class Built:
    """What became of a build.

    Attributes:
        index_name: The index that the store's searches ask.
        vectors: Vectors of the store's model.
        is_new: False when the index was there already.
        dropped: Indexes that went: those of earlier models, and what a build left unfinished.
    """

    index_name: str
    vectors: int
    is_new: bool
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListedIndex:
    """A vector index, or a store that is large enough for one.

    Attributes:
        store_id: The store.
        model: The model it is searched with; None before the first.
        vectors: Vectors of that model at present.
        indexed_products: How many the index held when it was built; None without one that is noted.
        index_name: The index; None without one.
        is_valid: False for one that is being built or was left unfinished.
        size_bytes: Its size on disk.
        is_used: Whether searches ask it.
    """

    store_id: str
    model: str | None
    vectors: int
    indexed_products: int | None
    index_name: str | None
    is_valid: bool | None
    size_bytes: int | None
    is_used: bool

    @property
    def state(self) -> str:
        """For people: what the index is good for."""
        if self.index_name is None:
            return "worth an index"
        if not self.is_valid:
            return "not finished"
        return "in use" if self.is_used else "of another model"


@dataclass(frozen=True, slots=True)
class _Store:
    """Row of store_to_index, once there are vectors."""

    model: str
    dimensions: int
    vectors: int
    index_name: str
    is_noted: bool


async def build_index(
    connection: Any,
    store_id: str,
    *,
    watcher: Any = None,
    report: Report | None = None,
    most_memory_mb: int = 1024,
    at_any_size: bool = False,
) -> Built:
    """Build the vector index of a store's model, and let its searches ask it.

    Searches and writes go on meanwhile. What an earlier build left unfinished is cleared away first, indexes of earlier
    models afterwards; where the index is there already, nothing happens.

    Args:
        connection: The operator's, in no transaction; its settings change.
        store_id: The store.
        watcher: Another connection of the operator's, for the progress.
        report: Is told the progress.
        most_memory_mb: Memory that the build may take; with less than it needs it takes much longer.
        at_any_size: Also below the size from which on an index pays.

    Raises:
        NotFoundError: There is no such store.
        InvalidInputError: The store has no vectors of a model in use, or too few for an index to pay.
        UnavailableError: Somebody else is at this store's index, or the build failed.
    """
    async with _claimed(connection, store_id):
        store = await _large_store(connection, store_id, at_any_size)
        found = {row["index_name"]: row["is_valid"] for row in await connection.fetch(_INDEXES, store_id)}
        unusable = [name for name, is_valid in found.items() if name == store.index_name and not is_valid]
        outdated = [name for name in found if name != store.index_name]
        is_new = store.index_name not in found or bool(unusable)
        for name in unusable:
            await _drop(connection, name)
        if is_new:
            await connection.execute(_SETTINGS, _memory_mb(store, most_memory_mb))
            await _create(connection, store_id, store, watcher, report)
        if is_new or not store.is_noted:
            await _note(connection, store_id, store)
        for name in outdated:
            await _drop(connection, name)
    return Built(store.index_name, store.vectors, is_new, (*unusable, *outdated))


async def drop_indexes(connection: Any, store_id: str) -> list[str]:
    """Let the searches of a store be exact again, then drop its vector indexes; returns their names.

    Raises:
        NotFoundError: The store has none.
        UnavailableError: Somebody else is at this store's index.
    """
    async with _claimed(connection, store_id):
        names = [row["index_name"] for row in await connection.fetch(_INDEXES, store_id)]
        if not names:
            raise NotFoundError(f"There is no vector index of a store {store_id}.")
        async with connection.transaction():
            await connection.execute(_FORGET, store_id)
            await connection.execute(_RECORD, "vector_index_dropped", store_id, json.dumps({"indexes": names}))
        for name in names:
            await _drop(connection, name)
    return names


async def list_indexes(connection: Any, *, break_even: int = BREAK_EVEN) -> list[ListedIndex]:
    """Every vector index, and stores that are large enough for one, by store."""
    return [ListedIndex(**row) for row in await connection.fetch(_LIST, break_even)]


@asynccontextmanager
async def _claimed(connection: Any, store_id: str) -> AsyncIterator[None]:
    if not await connection.fetchval(_CLAIM, store_id):
        raise UnavailableError(f"The index of {store_id} is being built or dropped. Try again when that is done.")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(_LET_GO, store_id)


async def _large_store(connection: Any, store_id: str, at_any_size: bool) -> _Store:
    row = await connection.fetchrow(_STORE, store_id)
    if row is None:
        raise NotFoundError(f"There is no store {store_id}. To list the stores: retail-mcp status")
    if not row["vectors"]:
        raise InvalidInputError(
            f"{store_id} has no embeddings of a model in use. Make them first, with: retail-mcp-seed embed"
        )
    if row["vectors"] < BREAK_EVEN and not at_any_size:
        raise InvalidInputError(
            f"{store_id} has {row['vectors']:,} vectors. Up to {BREAK_EVEN:,} the exact search is quick and "
            "misses nothing, so no index was built. To build one all the same, add --at-any-size."
        )
    return _Store(**row)


def _memory_mb(store: _Store, most: int) -> int:
    needed = store.vectors * (store.dimensions * _BYTES_PER_NUMBER + _BYTES_OF_LINKS) // _MEGABYTE
    return max(_LEAST_MEMORY_MB, min(needed, most))


async def _create(connection: Any, store_id: str, store: _Store, watcher: Any, report: Report | None) -> None:
    statement = await connection.fetchval(_CREATE, store_id, store.model, store.dimensions)
    watching = (
        asyncio.create_task(_watch(watcher, connection.get_server_pid(), store.vectors, report))
        if watcher is not None and report is not None
        else None
    )
    try:
        await connection.execute(statement)
    except InsufficientPrivilegeError:
        raise
    except PostgresError as error:
        await _drop(connection, store.index_name)
        raise UnavailableError(
            f"The index of {store_id} was not built ({type(error).__name__}); its searches stay exact. The database's "
            "log says more. Then run the same command again."
        ) from None
    finally:
        if watching is not None:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


async def _watch(watcher: Any, pid: int, vectors: int, report: Report) -> None:
    while True:
        if row := await watcher.fetchrow(_PROGRESS, pid):
            report(row["phase"], min(row["tuples_done"], vectors), vectors)
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)


async def _note(connection: Any, store_id: str, store: _Store) -> None:
    details = {"model": store.model, "dimensions": store.dimensions, "vectors": store.vectors}
    async with connection.transaction():
        if await connection.execute(_NOTE, store_id, store.model, store.dimensions, store.vectors) == "UPDATE 0":
            raise UnavailableError(
                f"{store_id} changed over to another model while its index was built. Run the same command again."
            )
        await connection.execute(_RECORD, "vector_index_built", store_id, json.dumps(details))


async def _drop(connection: Any, index_name: str) -> None:
    await connection.execute(await connection.fetchval(_DROP, index_name))
