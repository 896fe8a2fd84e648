"""Embeddings for all stores or one, from the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from server.embeddings.base import Embedder
from server.embeddings.database import StoreState, VectorDatabase, vector_database
from server.embeddings.job import BATCH_TEXTS, Budget, EmbedJob, EmbedReport
from server.embeddings.models import MODEL_REMEMBERED_SECONDS, Embedders, ModelInUse
from server.errors import EmbeddingUnavailableError

__all__ = ["EmbedOptions", "EmbedReport", "embed_products", "store_states"]


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """How much to do at a time, and in all.

    Attributes:
        max_texts: Most texts to send to the provider; None for no limit.
        max_tokens: Most tokens to send, estimated; None for no limit.
        batch_texts: Texts per call of the embedder.
        concurrency: Calls of the embedder at a time.
        remove_old: Whether vectors of models that a store is not searched with go afterwards.
        grace_seconds: How long to wait before that where a store has just changed over, so that no running server
            still searches it with the old model.
    """

    max_texts: int | None = None
    max_tokens: int | None = None
    batch_texts: int = BATCH_TEXTS
    concurrency: int = 1
    remove_old: bool = False
    grace_seconds: float = MODEL_REMEMBERED_SECONDS


async def embed_products(
    dsn: str,
    embedder: Embedder | Embedders,
    *,
    store_id: str | None = None,
    options: EmbedOptions | None = None,
    report: Callable[[EmbedReport, int], None] | None = None,
) -> EmbedReport:
    """Embed every active product whose vector is missing or of an older text, store by store.

    Args:
        dsn: Database URL of mcp_embed, or of an operator.
        embedder: Makes the vectors, and stores change over to its model; stays open. Embedders keep each store's own.
        store_id: The store to embed; None for all that are open.
        options: Limits.
        report: Called after every page with the sums so far and the number of products that were to be embedded.

    Returns:
        The sums over all stores.

    Raises:
        NotFoundError: There is no such store.
        ConfigurationError: The database cannot be reached, or the login may not.
        EmbeddingUnavailableError: The provider failed; finished pages stay.
    """
    options = options or EmbedOptions()
    budget = Budget(options.max_texts, options.max_tokens)
    async with vector_database(dsn) as database:
        stores = await database.store_ids() if store_id is None else [store_id]
        chosen = {store: await _chosen(database, embedder, store) for store in stores}
        total = sum(state.missing + state.outdated for _, state in chosen.values())
        jobs: dict[tuple[str, int], EmbedJob] = {}

        def tell(_: EmbedReport) -> None:
            if report is not None:
                report(_sum([job.done for job in jobs.values()]), total)

        for store, (model, _) in chosen.items():
            job = jobs.setdefault(
                (model.model, model.dimensions),
                EmbedJob(
                    database,
                    model,
                    budget=budget,
                    batch_texts=options.batch_texts,
                    concurrency=options.concurrency,
                    report=tell,
                ),
            )
            try:
                await job.run(store)
            except EmbeddingUnavailableError as error:
                done = _sum([job.done for job in jobs.values()]).embedded
                raise EmbeddingUnavailableError(
                    f"{error} {done} products were embedded before that; the same command does the rest."
                ) from error
        sums = _sum([job.done for job in jobs.values()])
        if options.remove_old:
            sums = replace(sums, removed=sums.removed + await _remove_old(database, stores, sums, options))
    return sums


async def store_states(dsn: str, embedders: Embedders) -> list[StoreState]:
    """How far the vectors of every open store are, with the model that it is searched with; raises like above."""
    async with vector_database(dsn) as database:
        return [(await _chosen(database, embedders, store_id))[1] for store_id in await database.store_ids()]


async def _chosen(
    database: VectorDatabase, embedder: Embedder | Embedders, store_id: str
) -> tuple[Embedder, StoreState]:
    async with database.inside(store_id) as store:
        model = embedder.of(await store.in_use()) if isinstance(embedder, Embedders) else embedder
        return model, await store.state(ModelInUse(model.model, model.dimensions))


async def _remove_old(database: VectorDatabase, stores: list[str], sums: EmbedReport, options: EmbedOptions) -> int:
    if sums.changed_over:
        await asyncio.sleep(options.grace_seconds)
    removed = 0
    for store_id in stores:
        async with database.inside(store_id) as store:
            removed += await store.drop_others()
    return removed


def _sum(reports: list[EmbedReport]) -> EmbedReport:
    return EmbedReport(
        embedded=sum(report.embedded for report in reports),
        unchanged=sum(report.unchanged for report in reports),
        removed=sum(report.removed for report in reports),
        left=sum(report.left for report in reports),
        texts=sum(report.texts for report in reports),
        tokens=sum(report.tokens for report in reports),
        changed_over=tuple(store for report in reports for store in report.changed_over),
        busy=tuple(store for report in reports for store in report.busy),
        limited=any(report.limited for report in reports),
    )
