"""Commands about stores."""

from __future__ import annotations

from cyclopts import App

from server.cli.operator import as_operator
from server.errors import InvalidInputError
from server.operations.admin.stores import add_store, change_store, close_store

app = App(name="store", help="Open, correct and close stores; status lists them.")


@app.command
def add(store_id: str, *, name: str, currency: str = "USD", time_zone: str = "America/Los_Angeles") -> None:
    """Open a new, empty store.

    Args:
        store_id: Short stable name: a-z, 0-9, - and _.
        name: Full name.
        currency: ISO 4217 code of all its amounts.
        time_zone: IANA time zone in which it counts its days.
    """
    as_operator(lambda connection: add_store(connection, store_id, name, currency, time_zone))
    print(f"Store {store_id} is open.")  # noqa: T201


@app.command
def change(store_id: str, *, name: str | None = None, time_zone: str | None = None) -> None:
    """Correct a store's name or time zone.

    For another time zone all its days are summed anew, about a minute per million receipts, while its tills wait;
    figures by day and hour of the past change with it (docs/sales.md).

    Args:
        store_id: The store.
        name: Its full name from now on.
        time_zone: IANA time zone in which it counts its days from now on, those of the past too.
    """
    if name is None and time_zone is None:
        raise InvalidInputError("Name what is to be changed: --name, --time-zone or both.")
    changed = as_operator(lambda connection: change_store(connection, store_id, store_name=name, time_zone=time_zone))
    what = " and ".join(part.removeprefix("store_").replace("_", " ") for part in changed)
    print(f"Store {store_id} has another {what}." if changed else f"Store {store_id} is so already.")  # noqa: T201


@app.command
def close(store_id: str) -> None:
    """Close a store: nobody can enter it from the next call on; its data stays.

    Args:
        store_id: The store to close.
    """
    as_operator(lambda connection: close_store(connection, store_id))
    print(f"Store {store_id} is closed.")  # noqa: T201
