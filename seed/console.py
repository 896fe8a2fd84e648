"""Jobs with a progress bar on standard error."""

from __future__ import annotations

from seed.embed import EmbedOptions, EmbedReport, embed_products
from server.embeddings.base import Embedder
from server.embeddings.models import Embedders
from server.progress import bar, stderr_console

console = stderr_console()


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
