"""Commands about stores."""

from __future__ import annotations

from cyclopts import App

from server.admin.stores import add_store, close_store
from server.cli.operator import as_operator

app = App(name="store", help="Open and close stores.")


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
def close(store_id: str) -> None:
    """Close a store: nobody can enter it from the next call on; its data stays.

    Args:
        store_id: The store to close.
    """
    as_operator(lambda connection: close_store(connection, store_id))
    print(f"Store {store_id} is closed.")  # noqa: T201
