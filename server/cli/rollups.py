"""Commands about the daily rollups."""

from __future__ import annotations

import sys

from cyclopts import App

from server.cli.operator import as_operator
from server.operations.admin.rollups import sum_rollups, wrong_days

_FOUND = 1

app = App(name="rollups", help="Check the daily sums of sales, or sum them anew.")


@app.command
def rebuild(*, store: str | None = None) -> None:
    """Sum the daily rollups anew from the receipts; the store's tills wait meanwhile.

    Args:
        store: Only this store.
    """
    for store_id in as_operator(lambda connection: sum_rollups(connection, store)):
        print(f"Store {store_id} is summed.")  # noqa: T201


@app.command
def verify(*, store: str | None = None) -> None:
    """Compare the daily rollups with the receipts, change nothing; exit code 1 where they differ.

    Args:
        store: Only this store.
    """
    found = as_operator(lambda connection: wrong_days(connection, store))
    for store_id, days in found.items():
        text = "right" if not days else f"wrong on {len(days)} days, first {days[0]}; run: rollups rebuild"
        print(f"Store {store_id}: {text}.")  # noqa: T201
    if any(found.values()):
        sys.exit(_FOUND)
