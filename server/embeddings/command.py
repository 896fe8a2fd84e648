"""The command that makes embeddings, and what it prints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol

from cyclopts import Parameter

from server.config import Settings
from server.console.numbers import whole
from server.console.progress import bar, stderr_console
from server.embeddings import build_embedder
from server.embeddings.all_stores import EmbedOptions, EmbedReport, embed_products
from server.embeddings.base import Embedder
from server.embeddings.models import Embedders

Work = Callable[[str, Settings], Awaitable[None]]


class WithDatabase(Protocol):
    """Runs work on the configured database, once it is ready."""

    def __call__(self, work: Work) -> None:
        """Run work, which takes the URL of a login that may embed, and the settings."""


def embed_command(with_database: WithDatabase) -> Callable[..., None]:
    """The command, for the command lines that have it.

    Args:
        with_database: Opens the database.
    """

    def embed(
        *,
        model: str | None = None,
        store: str | None = None,
        concurrency: Annotated[int, whole(gte=1, lte=32)] = 1,
        max_texts: Annotated[int | None, whole(gte=0)] = None,
        max_tokens: Annotated[int | None, whole(gte=0)] = None,
        remove_old: Annotated[bool, Parameter(negative=())] = False,
    ) -> None:
        """Make missing and stale embeddings; what is current stays, so a run that was stopped goes on where it was.

        A store stays searchable with the model that it has until every product has a vector of the new one.

        Args:
            model: MODEL or MODEL@DIMENSIONS; wordllama is the local one. The settings' model when not given.
            store: Only this store.
            concurrency: Requests to the provider at a time.
            max_texts: Stop after so many texts were sent to the provider.
            max_tokens: Stop after so many tokens, by estimate.
            remove_old: Afterwards remove the embeddings of models that stores are no longer searched with.
        """
        options = EmbedOptions(max_texts, max_tokens, concurrency=concurrency, remove_old=remove_old)

        async def work(url: str, settings: Settings) -> None:
            embedder = build_embedder(settings, model)
            try:
                await embed_with_progress(url, embedder, store_id=store, options=options)
            finally:
                await embedder.close()

        with_database(work)

    return embed


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
    console = stderr_console()
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
