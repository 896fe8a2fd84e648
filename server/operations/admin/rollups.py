"""The daily rollups: summing them anew, and telling whether they are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from server.db.queries import QueryFile
from server.errors import NotFoundError

QUERIES = QueryFile("server.operations.admin", "rollups.sql")
_STORES = QUERIES.statement("rollup_stores")
_SUM = QUERIES.statement("sum_rollups")
_RECORD = QUERIES.statement("record_rollups")
_DAYS = QUERIES.statement("days_of_rollups")


async def sum_rollups(connection: Any, store_id: str | None) -> Sequence[str]:
    """Sum the rollups of a store, or of all, anew; each store in a transaction of its own.

    Returns:
        The stores.

    Raises:
        NotFoundError: No store has this id.
    """
    stores = await _stores(connection, store_id)
    for each in stores:
        async with connection.transaction():
            await connection.execute(_SUM, each)
            await connection.execute(_RECORD, each)
    return stores


async def wrong_days(connection: Any, store_id: str | None) -> Mapping[str, Sequence[date]]:
    """Sum the rollups of a store, or of all, beside the present ones, and change nothing.

    Returns:
        By store the days on which they are not what the receipts say.

    Raises:
        NotFoundError: No store has this id.
    """
    found: dict[str, Sequence[date]] = {}
    for each in await _stores(connection, store_id):
        transaction = connection.transaction()
        await transaction.start()
        try:
            before = await _digests(connection, each)
            await connection.execute(_SUM, each)
            after = await _digests(connection, each)
        finally:
            await transaction.rollback()
        found[each] = sorted(day for day in before.keys() | after.keys() if before.get(day) != after.get(day))
    return found


async def _stores(connection: Any, store_id: str | None) -> Sequence[str]:
    stores = [row["store_id"] for row in await connection.fetch(_STORES, store_id)]
    if not stores and store_id is not None:
        raise NotFoundError(f"There is no store {store_id}. To list the stores: retail-mcp status")
    return stores


async def _digests(connection: Any, store_id: str) -> Mapping[date, str]:
    return {row["sold_on"]: row["digest"] for row in await connection.fetch(_DAYS, store_id)}
