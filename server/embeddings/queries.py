"""Query vectors: remembered, and not asked for while the provider is down."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping, Sequence

from server.embeddings.base import Embedder, Vector
from server.embeddings.breaker import CircuitBreaker
from server.errors import EmbeddingUnavailableError
from server.monitoring.observer import NULL_OBSERVER, Observer

logger = logging.getLogger(__name__)

VECTORS_REMEMBERED = 2_048
"""Query vectors kept in memory, over all stores and models: 12 MB of 1,536 numbers each."""

Memory = MutableMapping[tuple[str, str, int, str], Vector]
"""Vectors by store, model, dimensions and text. The store is part of the key because an answer that comes sooner
would otherwise tell one store what another has searched for."""


class QueryEmbedder:
    """One model's embedder for the queries of one store, which somebody waits for.

    Args:
        embedder: Makes the vectors; stays open.
        store_id: Whose queries these are.
        breaker: Shared by all who use the same provider.
        memory: Shared by all.
        observer: Who is told of what is not asked of the provider.
    """

    def __init__(
        self,
        embedder: Embedder,
        store_id: str,
        breaker: CircuitBreaker,
        memory: Memory,
        observer: Observer = NULL_OBSERVER,
    ) -> None:
        self._observer = observer
        self.model = embedder.model
        self.dimensions = embedder.dimensions
        self.noise_floor = embedder.noise_floor
        self._embedder = embedder
        self._store_id = store_id
        self._breaker = breaker
        self._memory = memory

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder.embed`; at once where the vectors are known, or the provider is known to be down."""
        remembered = {text: self._memory.get(self._key(text)) for text in texts}
        vectors = {text: vector for text, vector in remembered.items() if vector is not None}
        if missing := [text for text in remembered if text not in vectors]:
            for text, vector in zip(missing, await self._ask(missing), strict=True):
                # Many callers get the same one.
                vector.flags.writeable = False
                vectors[text] = self._memory[self._key(text)] = vector
        else:
            self._observer.embedded("remembered")
        return [vectors[text] for text in texts]

    async def close(self) -> None:
        """Nothing to release: the embedder is its owner's."""

    async def _ask(self, texts: list[str]) -> list[Vector]:
        asked = False
        try:
            with self._breaker.attempt():
                asked = True
                return await self._embedder.embed(texts)
        except EmbeddingUnavailableError as error:
            if asked:
                # Search goes on by words and its caller hears little of it; the operator should.
                logger.warning("No query vector of %s: %s", self.model, error)
            else:
                self._observer.embedded("left_alone")
            raise

    def _key(self, text: str) -> tuple[str, str, int, str]:
        return self._store_id, self.model, self.dimensions, text
