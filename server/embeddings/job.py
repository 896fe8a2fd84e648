"""The job that gives every active product its vector, and keeps it in step with the product."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from cachetools import LRUCache

from server.embeddings.base import Embedder, Vector
from server.embeddings.database import Outdated, StoreState, VectorDatabase
from server.embeddings.models import ModelInUse
from server.embeddings.tokens import estimate_tokens

BATCH_TEXTS = 256
# An article of a chain is embedded once for all its stores while it is within these: 40,000 vectors of 1,536 numbers.
_REMEMBERED_BYTES = 256 * 1024 * 1024
# A product that changed while it was embedded gets another chance, and then waits for the next run.
_PASSES = 3


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What the job did.

    Attributes:
        embedded: Products that got a new vector.
        unchanged: Products that had the right vector already.
        removed: Vectors that went, of discontinued products or of models that are no longer in use.
        left: Products that still lack the right vector: they changed meanwhile, or a limit was reached.
        texts: Texts that the provider embedded; stores share the vector of an article.
        tokens: The same in tokens, estimated.
        changed_over: Stores that are searched with this model from now on.
        busy: Stores that another process is embedding with this model.
        limited: Whether a limit ended the job.
    """

    embedded: int = 0
    unchanged: int = 0
    removed: int = 0
    left: int = 0
    texts: int = 0
    tokens: int = 0
    changed_over: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    limited: bool = False


@dataclass(slots=True)
class Budget:
    """What may still be spent; None is no limit.

    Attributes:
        texts: Texts to send.
        tokens: Tokens to send, estimated.
        limited: Whether something was left undone for it.
    """

    texts: int | None = None
    tokens: int | None = None
    limited: bool = field(default=False, init=False)

    def take(self, texts: Sequence[str]) -> tuple[list[str], int]:
        """Take the first texts that the budget has room for, and their tokens, out of it."""
        admitted: list[str] = []
        spent = 0
        for text in texts:
            cost = estimate_tokens(text)
            if (self.texts is not None and len(admitted) >= self.texts) or (
                self.tokens is not None and spent + cost > self.tokens
            ):
                self.limited = True
                break
            admitted.append(text)
            spent += cost
        if self.texts is not None:
            self.texts -= len(admitted)
        if self.tokens is not None:
            self.tokens -= spent
        return admitted, spent


class EmbedJob:
    """Embeds stores one after the other with one model.

    It reads, embeds and writes one page of products after the other: memory stays flat, no transaction is open while
    the provider works, and a job that was stopped, or killed, goes on where it was, because what it wrote stays
    written. A product that changes meanwhile gets no vector of its old text.

    Args:
        database: Where the products are.
        embedder: Makes the vectors; stays open.
        budget: Limits of what is sent to the provider.
        batch_texts: Texts per call of the embedder.
        concurrency: Calls of the embedder at a time.
        report: Called after every page with the sums so far.

    Attributes:
        done: The sums so far.
    """

    def __init__(
        self,
        database: VectorDatabase,
        embedder: Embedder,
        *,
        budget: Budget | None = None,
        batch_texts: int = BATCH_TEXTS,
        concurrency: int = 1,
        report: Callable[[EmbedReport], None] | None = None,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._model = ModelInUse(embedder.model, embedder.dimensions)
        self._budget = budget or Budget()
        self._batch_texts = batch_texts
        self._concurrency = concurrency
        self._report = report
        # Stored vectors do not serve other stores: each store can write its own, and could mislead their search.
        self._vectors: LRUCache[str, Vector] = LRUCache(_REMEMBERED_BYTES, getsizeof=_size)
        self.done = EmbedReport()

    async def run(self, store_id: str) -> None:
        """Bring one store up to date, and let it be searched with this model once no vector is missing.

        Raises:
            NotFoundError: There is no such store.
            EmbeddingUnavailableError: The provider failed; finished pages stay.
            ConfigurationError, DatabaseUnavailableError: See `VectorDatabase.inside`.
        """
        async with self._database.lock_store(store_id, self._embedder.model) as is_locked:
            if not is_locked:
                self.done = replace(self.done, busy=(*self.done.busy, store_id))
                return
            before, removed = await self._state(store_id, drop_discontinued=True)
            unchanged = before.products - before.missing - before.outdated
            self.done = replace(
                self.done, removed=self.done.removed + removed, unchanged=self.done.unchanged + unchanged
            )
            after = before
            for _ in range(_PASSES):
                if self._budget.limited or not (after.missing or after.outdated):
                    break
                await self._pass(store_id)
                after, _ = await self._state(store_id)
            changed_over = False
            if after.in_use != self._model:
                async with self._database.inside(store_id) as store:
                    changed_over = await store.use(self._embedder)
            self.done = replace(
                self.done,
                left=self.done.left + after.missing + after.outdated,
                changed_over=(*self.done.changed_over, store_id) if changed_over else self.done.changed_over,
                limited=self._budget.limited,
            )

    async def _state(self, store_id: str, *, drop_discontinued: bool = False) -> tuple[StoreState, int]:
        async with self._database.inside(store_id) as store:
            removed = await store.drop_discontinued(self._embedder) if drop_discontinued else 0
            return await store.state(self._model), removed

    async def _pass(self, store_id: str) -> None:
        last = None
        while not self._budget.limited:
            async with self._database.inside(store_id) as store:
                page = await store.outdated(self._embedder, last, self._batch_texts * self._concurrency)
            if not page:
                break
            last = page[-1].product_id
            failure = await self._embed(page)
            ready = [product for product in page if product.content_hash in self._vectors]
            async with self._database.inside(store_id) as store:
                saved = await store.save(
                    self._embedder, ready, [self._vectors[product.content_hash] for product in ready]
                )
            self.done = replace(self.done, embedded=self.done.embedded + saved)
            if self._report is not None:
                self._report(self.done)
            if failure is not None:
                raise failure

    async def _embed(self, page: Sequence[Outdated]) -> BaseException | None:
        """Make the vectors of a page that are not known from before, as far as the budget goes.

        Returns:
            Why some of them could not be made; the others are paid for, and are kept.
        """
        missing = {p.content_hash: p.text for p in page if p.content_hash not in self._vectors}
        texts, tokens = self._budget.take(list(missing.values()))
        if not texts:
            return None
        starts = range(0, len(texts), self._batch_texts)
        hashes = list(missing)
        results = await asyncio.gather(
            *(self._embedder.embed(texts[start : start + self._batch_texts]) for start in starts),
            return_exceptions=True,
        )
        failure = None
        for start, result in zip(starts, results, strict=True):
            if isinstance(result, BaseException):
                failure = failure or result
            else:
                self._vectors.update(zip(hashes[start : start + len(result)], result, strict=True))
        self.done = replace(self.done, texts=self.done.texts + len(texts), tokens=self.done.tokens + tokens)
        return failure


def _size(vector: Vector) -> int:
    return int(np.asarray(vector).nbytes)
