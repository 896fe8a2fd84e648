"""The jobs of this package with a progress bar on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seed.demo import DemoOptions, DemoReport, load_demo
from seed.embed import EmbedReport, embed_products
from server.admin.connection import admin_connection
from server.db.queries import QueryFile
from server.embeddings.base import Embedder
from server.errors import NotFoundError

QUERIES = QueryFile("seed", "console.sql")
_STORE_EXISTS = QUERIES.statement("store_exists")

console = Console(stderr=True, highlight=False)


async def load_with_progress(admin_url: str, options: DemoOptions, *, reset: bool = False) -> DemoReport:
    """`load_demo`, with a bar and the rate at the end; raises like it."""
    with bar("Demo data", options.transactions) as show:
        report = await load_demo(admin_url, options, reset=reset, report=show)
    console.print(
        f"Loaded {', '.join(f'{rows:,} {table}' for table, rows in report.rows.items())} "
        f"in {report.seconds:.1f} s ({report.transactions_per_second:,.0f} transactions per second)."
    )
    return report


async def embed_with_progress(admin_url: str, embedder: Embedder, *, store_id: str | None = None) -> EmbedReport:
    """`embed_products`, with a bar and the result at the end; raises like it.

    Raises:
        NotFoundError: There is no such store.
    """
    if store_id is not None:
        async with admin_connection(admin_url) as connection:
            if not await connection.fetchval(_STORE_EXISTS, store_id):
                raise NotFoundError(f"There is no store {store_id}.")
    with bar("Embeddings", None) as show:
        report = await embed_products(
            admin_url,
            embedder,
            store_id=store_id,
            report=lambda sums: show("Embeddings", sums.embedded + sums.unchanged, None),
        )
    console.print(
        f"Embeddings of {embedder.model}: {report.embedded:,} made, {report.unchanged:,} current, "
        f"{report.removed:,} removed."
    )
    return report


@contextmanager
def bar(name: str, total: int | None) -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar; yields a function that takes phase, done and total (None: not known beforehand)."""
    count = TextColumn("{task.completed:,.0f}") if total is None else MofNCompleteColumn()
    columns = (TextColumn("{task.description:<24}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total)

        def show(phase: str, done: int, total: int | None) -> None:
            progress.update(task, description=phase, completed=done, total=total)

        yield show
