"""Opening and closing stores."""

from __future__ import annotations

from typing import Any

import asyncpg

from server.db.queries import QueryFile
from server.errors import InvalidInputError, NotFoundError

QUERIES = QueryFile("server.admin", "stores.sql")
_ADD = QUERIES.statement("add_store")
_CLOSE = QUERIES.statement("close_store")
_RECORD = QUERIES.statement("record_store_change")


async def add_store(connection: Any, store_id: str, store_name: str, currency: str, time_zone: str) -> None:
    """Open a new, empty store.

    Raises:
        InvalidInputError: The name is taken, or one of the values is not acceptable.
    """
    async with connection.transaction():
        try:
            await connection.execute(_ADD, store_id, store_name, currency, time_zone)
        except asyncpg.UniqueViolationError:
            raise InvalidInputError(f"There is a store {store_id} already. Choose another id.") from None
        except (asyncpg.CheckViolationError, asyncpg.InvalidParameterValueError):
            raise InvalidInputError(
                "The store was not added. A store id has 1 to 40 of a-z, 0-9, - and _; a name at most 100 "
                "characters; the currency is an ISO 4217 code like USD, the time zone an IANA name like "
                "America/Los_Angeles."
            ) from None
        await connection.execute(_RECORD, "store_added", store_id)


async def close_store(connection: Any, store_id: str) -> None:
    """Close a store: from the next call on nobody can enter it. Its data stays.

    Raises:
        NotFoundError: No open store has this id.
    """
    async with connection.transaction():
        if await connection.execute(_CLOSE, store_id) == "UPDATE 0":
            raise NotFoundError(f"There is no open store {store_id}.")
        await connection.execute(_RECORD, "store_closed", store_id)
