"""What a database holds, store by store, for whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.db.queries import QueryFile
from server.embeddings.models import ModelInUse

QUERIES = QueryFile("server.operations.admin", "status.sql")
_STATUS = QUERIES.statement("store_status")
_DATABASE = QUERIES.statement("database_status")


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """One store.

    Attributes:
        store_id: Its name.
        is_active: False for a closed one.
        customers: Number of them.
        products: Active products.
        missing: How many of these have no embedding of the model that the store is searched with.
        outdated: How many have one of an older text.
        model: That model.
        receipts: Number of them.
        last_receipt: When the last was written, with zone; None when there is none.
    """

    store_id: str
    is_active: bool
    customers: int
    products: int
    missing: int
    outdated: int
    model: str
    receipts: int
    last_receipt: datetime | None


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """The database as a whole.

    Attributes:
        bytes: Its size.
        newest_file: Name of the last schema file that was applied.
        sealed_at: When the audit log was last sealed, with zone; None when it never was.
        stores: Every store, by name.
    """

    bytes: int
    newest_file: str
    sealed_at: datetime | None
    stores: list[StoreStatus]


async def read_status(connection: Any, configured: ModelInUse) -> DatabaseStatus:
    """Look into every store.

    Args:
        connection: An admin connection that no policy holds.
        configured: The model that a store without one of its own is searched with.
    """
    stores = [
        StoreStatus(**record) for record in await connection.fetch(_STATUS, configured.model, configured.dimensions)
    ]
    return DatabaseStatus(**await connection.fetchrow(_DATABASE), stores=stores)
