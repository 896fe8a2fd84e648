"""Commands about vector indexes of large stores."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.table import Table

from server.cli.operator import as_operator, as_watching_operator
from server.cli.tables import print_table
from server.console.numbers import whole
from server.console.progress import bar
from server.operations.admin.vector_indexes import Built, build_index, drop_indexes, list_indexes

app = App(name="index", help="Vector indexes of large stores (docs/large-stores.md).")

_MEGABYTE = 2**20


@app.command
def build(
    *,
    store: str,
    memory: Annotated[int, whole(gte=64, lte=1_000_000)] = 1024,
    at_any_size: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Build a store's vector index while it is searched, and let its searches use it; or anew for another model.

    Args:
        store: The store.
        memory: Megabytes that the database may take for it; too few make it slow.
        at_any_size: Also for a store so small that the exact search is the better way.
    """
    with bar("counting vectors", None) as show:

        async def work(connection: Any, watcher: Any) -> Built:
            return await build_index(
                connection, store, watcher=watcher, report=show, most_memory_mb=memory, at_any_size=at_any_size
            )

        built = as_watching_operator(work)
    what = "is built" if built.is_new else "was there already"
    print(f"The index of {store} over {built.vectors:,} vectors {what}: {built.index_name}.")  # noqa: T201
    if built.dropped:
        print(f"Dropped: {', '.join(built.dropped)}.")  # noqa: T201


@app.command
def drop(*, store: str) -> None:
    """Drop a store's vector indexes: from the next search on it is searched exactly.

    Args:
        store: The store.
    """
    names = as_operator(lambda connection: drop_indexes(connection, store))
    print(f"Dropped: {', '.join(names)}. {store} is searched exactly.")  # noqa: T201


@app.command(name="list")
def list_() -> None:
    """List vector indexes, and stores that are large enough for one."""
    table = Table("store", "model", "vectors", "when built", "state", "MB", "index", box=None)
    for index in as_operator(list_indexes):
        table.add_row(
            index.store_id,
            index.model or "",
            f"{index.vectors:,}",
            "" if index.indexed_products is None else f"{index.indexed_products:,}",
            index.state,
            "" if index.size_bytes is None else f"{index.size_bytes / _MEGABYTE:,.0f}",
            index.index_name or "",
        )
    print_table(table)
