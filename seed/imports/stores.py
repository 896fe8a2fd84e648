"""The store that a catalogue goes into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from seed.errors import OptionError
from server.admin.stores import add_store
from server.db.queries import QueryFile
from server.errors import NotFoundError

CURRENCY: Final = "USD"
TIME_ZONE: Final = "America/Los_Angeles"

QUERIES = QueryFile("seed.imports", "stores.sql")
_FIND = QUERIES.statement("find_store")
_OPEN_STORES = QUERIES.statement("open_store_ids")


@dataclass(frozen=True, slots=True)
class TargetStore:
    """The store as the command line names it; None stands for what was not said."""

    store_id: str
    create: bool = False
    name: str | None = None
    currency: str | None = None
    time_zone: str | None = None


async def currency_of(connection: Any, target: TargetStore) -> tuple[str, bool]:
    """Make sure that the store is open, opening it where that is wanted.

    Returns:
        Its currency, and whether it is new.

    Raises:
        NotFoundError: There is no such store, or it is closed.
        OptionError: The store is there and is not as the options say.
        InvalidInputError: It cannot be opened with these values.
    """
    store = await connection.fetchrow(_FIND, target.store_id)
    if store is None:
        if not target.create:
            raise NotFoundError(
                f"There is no store {target.store_id!r}. {await _open_stores(connection)} "
                "Name one of them, or add --create-store to open it."
            )
        currency = target.currency or CURRENCY
        name = target.name or name_from(target.store_id)
        await add_store(connection, target.store_id, name, currency, target.time_zone or TIME_ZONE)
        return currency, True
    if not store["is_active"]:
        raise NotFoundError(f"The store {target.store_id} is closed. {await _open_stores(connection)}")
    for option, wanted, has in (
        ("--name", target.name, store["store_name"]),
        ("--currency", target.currency, store["currency"]),
        ("--time-zone", target.time_zone, store["time_zone"]),
    ):
        if wanted not in (None, has):
            raise OptionError(
                f"The store {target.store_id} exists with {has!r}, not {wanted!r}; an import does not change it. "
                f"Leave {option} out."
            )
    return str(store["currency"]), False


def name_from(store_id: str) -> str:
    """A name for a store that got none: 'tacoma-mall' is 'Tacoma Mall'."""
    return store_id.replace("-", " ").replace("_", " ").strip().title()


async def _open_stores(connection: Any) -> str:
    ids = [row["store_id"] for row in await connection.fetch(_OPEN_STORES)]
    shown = ", ".join(ids[:20]) + (f" and {len(ids) - 20} more" if len(ids) > 20 else "")
    return f"Open stores: {shown or 'none yet'}."
