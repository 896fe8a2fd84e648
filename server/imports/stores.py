"""The store that a file goes into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.db.queries import QueryFile
from server.errors import NotFoundError, OptionError
from server.operations.admin.stores import add_store

CURRENCY: Final = "USD"
TIME_ZONE: Final = "America/Los_Angeles"

QUERIES = QueryFile("server.imports", "stores.sql")
_FIND = QUERIES.statement("find_store")
_OPEN_STORES = QUERIES.statement("open_store_ids")
_LOCK = QUERIES.statement("lock_imports")


@dataclass(frozen=True, slots=True)
class TargetStore:
    """The store as the command line names it; None stands for what was not said."""

    store_id: str
    create: bool = False
    name: str | None = None
    currency: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """The store as it is.

    Attributes:
        store_id: Its id.
        currency: ISO 4217 code of its amounts.
        time_zone: IANA time zone in which it counts its days.
    """

    store_id: str
    currency: str
    time_zone: str

    def check_time_zone(self) -> None:
        """Make sure that times of the store's own clock can be read.

        Raises:
            OptionError: Its time zone is one that PostgreSQL takes and Python does not know.
        """
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise OptionError(
                f"The store {self.store_id} counts its days in {self.time_zone!r}, which is no name of an IANA time "
                "zone, so times of receipts cannot be read. First correct it, for example: retail-mcp store change "
                f"{self.store_id} --time-zone Europe/Paris"
            ) from None


async def wait_for_turn(connection: Any) -> None:
    """Wait until no other import runs; lasts for the transaction."""
    await connection.execute(_LOCK)


async def find_or_open(connection: Any, target: TargetStore) -> tuple[Store, bool]:
    """Make sure that the store is open, opening it where that is wanted.

    Returns:
        The store, and whether it is new.

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
        opened = Store(target.store_id, target.currency or CURRENCY, target.time_zone or TIME_ZONE)
        name = target.name or name_from(target.store_id)
        await add_store(connection, opened.store_id, name, opened.currency, opened.time_zone)
        return opened, True
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
    return Store(target.store_id, store["currency"], store["time_zone"]), False


def name_from(store_id: str) -> str:
    """A name for a store that got none: 'tacoma-mall' is 'Tacoma Mall'."""
    return store_id.replace("-", " ").replace("_", " ").strip().title()


async def _open_stores(connection: Any) -> str:
    ids = [row["store_id"] for row in await connection.fetch(_OPEN_STORES)]
    shown = ", ".join(ids[:20]) + (f" and {len(ids) - 20} more" if len(ids) > 20 else "")
    return f"Open stores: {shown or 'none yet'}."
