"""What a store owes a customer who asks: a copy of what it holds about them, and its erasure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from server.db.queries import QueryFile
from server.errors import NotFoundError
from server.operations.admin.customer_export import CustomerExport

QUERIES = QueryFile("server.operations.admin", "customers.sql")
_FIND = QUERIES.statement("find_customer")
_EXPORT = QUERIES.statement("export_customer")
_ERASE_RECEIPTS = QUERIES.statement("erase_receipts")
_ERASE = QUERIES.statement("erase_customer")
_RECORD = QUERIES.statement("record_customer_operation")
_FORGET = QUERIES.statement("forget_old_rows")
_LIST_ERASED = QUERIES.statement("list_erased")


@dataclass(frozen=True, slots=True)
class FoundCustomer:
    """A customer as an operator names them before something is done.

    Attributes:
        receipts: Number of their receipts.
        erased_at: When they were erased; None for one who is known.
    """

    customer_id: UUID
    receipts: int
    erased_at: datetime | None


class ErasedCustomer(BaseModel):
    """One line of the list of erasures, which is kept to repeat them after a restore."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store_id: str
    customer_id: UUID
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class Repeated:
    """What repeating a list of erasures did: customers erased now, erased before, and not in this database."""

    erased: int
    erased_before: int
    absent: int


async def find_customer(connection: Any, store_id: str, customer: str) -> FoundCustomer:
    """Find a customer of a store by id or e-mail.

    Raises:
        NotFoundError: There is none; absent, of another store and of no store at all are the same.
    """
    customer = customer.strip()
    row = await connection.fetchrow(_FIND, store_id, _as_uuid(customer), customer)
    if row is None:
        raise NotFoundError(
            f"No customer with this id or e-mail in {store_id}. Check both, and the store; one who was erased is known "
            "by the id only."
        )
    return FoundCustomer(**row)


async def export_customer(connection: Any, store_id: str, customer: str) -> CustomerExport:
    """Everything that a store holds about a customer; the export is entered in the audit log.

    Raises:
        NotFoundError: See `find_customer`.
    """
    async with connection.transaction():
        found = await find_customer(connection, store_id, customer)
        held = json.loads(await connection.fetchval(_EXPORT, store_id, found.customer_id))
        await connection.execute(_RECORD, "customer_exported", store_id, found.customer_id)
    return CustomerExport(exported_at=datetime.now(UTC), **held)


async def erase_customer(connection: Any, store_id: str, customer: str) -> FoundCustomer:
    """Remove every personal value of a customer for good; the receipts stay, for the books.

    Done again, it only clears what was written on receipts since.

    Returns:
        The customer as found before: `erased_at` tells whether it had been done already.

    Raises:
        NotFoundError: See `find_customer`.
    """
    async with connection.transaction():
        found = await _erase(connection, store_id, customer)
    await connection.execute(_FORGET)
    return found


async def list_erased(connection: Any) -> list[ErasedCustomer]:
    """Every customer ever erased, oldest first: ids only."""
    return [ErasedCustomer(**row) for row in await connection.fetch(_LIST_ERASED)]


async def repeat_erasures(connection: Any, erased: Sequence[ErasedCustomer]) -> Repeated:
    """Erase again whom a restored backup brought back: all of the list, or none."""
    done = before = absent = 0
    async with connection.transaction():
        for customer in erased:
            try:
                found = await _erase(connection, customer.store_id, str(customer.customer_id))
            except NotFoundError:
                absent += 1
                continue
            if found.erased_at is None:
                done += 1
            else:
                before += 1
    await connection.execute(_FORGET)
    return Repeated(done, before, absent)


async def _erase(connection: Any, store_id: str, customer: str) -> FoundCustomer:
    found = await find_customer(connection, store_id, customer)
    await connection.execute(_ERASE_RECEIPTS, store_id, found.customer_id)
    if found.erased_at is None:
        await connection.execute(_ERASE, store_id, found.customer_id)
        await connection.execute(_RECORD, "customer_erased", store_id, found.customer_id)
    return found


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
