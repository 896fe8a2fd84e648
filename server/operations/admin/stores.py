"""Opening and closing stores."""

from __future__ import annotations

import json
from typing import Any

from server.db.driver import InvalidParameterValueError, UniqueViolationError
from server.db.queries import QueryFile
from server.errors import InvalidInputError, NotFoundError
from server.operations.admin.store_values import check_currency, check_id, check_name, check_time_zone

QUERIES = QueryFile("server.operations.admin", "stores.sql")
_ADD = QUERIES.statement("add_store")
_CLOSE = QUERIES.statement("close_store")
_LOCK = QUERIES.statement("lock_store")
_CHANGE = QUERIES.statement("change_store")
_RECORD = QUERIES.statement("record_store_change")

_NO_DETAILS = "{}"
_UNKNOWN_THERE = "The database's own list of time zones has no {}. Update PostgreSQL, or the system's time zones there."


async def add_store(connection: Any, store_id: str, store_name: str, currency: str, time_zone: str) -> None:
    """Open a new, empty store.

    Raises:
        InvalidInputError: The id is taken, or one of the values is not acceptable.
    """
    check_id(store_id)
    check_name(store_name)
    check_currency(currency)
    check_time_zone(time_zone)
    async with connection.transaction():
        try:
            await connection.execute(_ADD, store_id, store_name, currency, time_zone)
        except UniqueViolationError:
            raise InvalidInputError(f"There is a store {store_id} already. Choose another id.") from None
        except InvalidParameterValueError:
            raise InvalidInputError(_UNKNOWN_THERE.format(time_zone)) from None
        await connection.execute(_RECORD, "store_added", store_id, _NO_DETAILS)


async def change_store(
    connection: Any, store_id: str, *, store_name: str | None = None, time_zone: str | None = None
) -> list[str]:
    """Correct what a store was opened with; with another time zone the database sums all its days anew.

    Args:
        connection: The operator's connection.
        store_id: The store, open or closed.
        store_name: Another name; None leaves it.
        time_zone: Another time zone; None leaves it. Its receipts stay where they are in time, and their days change.

    Returns:
        What was changed; empty when all was so before.

    Raises:
        InvalidInputError: One of the values is not acceptable.
        NotFoundError: There is no such store.
    """
    if store_name is not None:
        check_name(store_name)
    if time_zone is not None:
        check_time_zone(time_zone)
    async with connection.transaction():
        before = await connection.fetchrow(_LOCK, store_id)
        if before is None:
            raise NotFoundError(f"There is no store {store_id}. To list the stores: retail-mcp status")
        wanted = {"store_name": store_name, "time_zone": time_zone}
        changed = {name: value for name, value in wanted.items() if value not in (None, before[name])}
        if changed:
            try:
                await connection.execute(_CHANGE, store_id, store_name, time_zone)
            except InvalidParameterValueError:
                raise InvalidInputError(_UNKNOWN_THERE.format(time_zone)) from None
            was = {f"{name}_was": before[name] for name in changed}
            await connection.execute(_RECORD, "store_changed", store_id, json.dumps(changed | was))
    return list(changed)


async def close_store(connection: Any, store_id: str) -> None:
    """Close a store: from the next call on nobody can enter it. Its data stays.

    Raises:
        NotFoundError: No open store has this id.
    """
    async with connection.transaction():
        if await connection.execute(_CLOSE, store_id) == "UPDATE 0":
            raise NotFoundError(f"There is no open store {store_id}. To list the stores: retail-mcp status")
        await connection.execute(_RECORD, "store_closed", store_id, _NO_DETAILS)
