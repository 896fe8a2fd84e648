"""Jobs with a progress bar on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seed.embed import EmbedOptions, EmbedReport, embed_products
from server.embeddings.base import Embedder
from server.embeddings.models import Embedders

# Lines are never broken: off a terminal, at a width that nobody chose, that would cut paths and commands in two.
console = Console(stderr=True, highlight=False, soft_wrap=True)


async def embed_with_progress(
    dsn: str, embedder: Embedder | Embedders, *, store_id: str | None = None, options: EmbedOptions | None = None
) -> EmbedReport:
    """`embed_products`, with a bar and the result at the end; raises like it."""
    with bar("Embeddings", None) as show:
        report = await embed_products(
            dsn,
            embedder,
            store_id=store_id,
            options=options,
            report=lambda sums, total: show("Embeddings", sums.embedded, total),
        )
    model = "" if isinstance(embedder, Embedders) else f" of {embedder.model}"
    console.print(
        f"Embeddings{model}: {report.embedded:,} made from {report.texts:,} texts (about {report.tokens:,} tokens), "
        f"{report.unchanged:,} current, {report.removed:,} removed."
    )
    if report.changed_over:
        console.print(f"Now searched with this model: {', '.join(report.changed_over)}.")
    if report.busy:
        console.print(f"Left to another process that is embedding them: {', '.join(report.busy)}.")
    if report.left:
        why = "A limit was reached" if report.limited else "They changed meanwhile"
        console.print(f"{report.left:,} products are left. {why}; the same command goes on with them.")
    return report


@contextmanager
def bar(name: str, total: int | None) -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar on a terminal, nothing elsewhere: a mail of cron or a log is not the place for it.

    Yields:
        A function that takes phase, done and total (None: not known beforehand).
    """
    if not console.is_interactive:
        yield _show_nothing
        return
    count = TextColumn("{task.completed:,.0f}") if total is None else MofNCompleteColumn()
    columns = (TextColumn("{task.description:<24}"), BarColumn(), count, TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total)

        def show(phase: str, done: int, total: int | None) -> None:
            progress.update(task, description=phase, completed=done, total=total)

        yield show


def _show_nothing(phase: str, done: int, total: int | None) -> None:
    """Stand in for a bar where nobody watches."""
