"""The embedders of a running server: one for each model that some store is searched with."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cachetools import LRUCache, TTLCache

from server.config import Settings
from server.embeddings import build_embedder
from server.embeddings.base import Embedder, Vector
from server.embeddings.breaker import CircuitBreaker
from server.embeddings.observed import ObservedEmbedder
from server.embeddings.queries import VECTORS_REMEMBERED, Memory, QueryEmbedder
from server.errors import ConfigurationError, EmbeddingUnavailableError
from server.monitoring.observer import NULL_OBSERVER, Observer

logger = logging.getLogger(__name__)

MODEL_REMEMBERED_SECONDS = 10.0
"""How long a server goes on searching a store with the model that the store has just left."""
_STORES_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """The model that a store is searched with."""

    model: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class _Provider:
    embedder: Embedder
    breaker: CircuitBreaker


class UnservedModel:
    """Stands for a model that this server's settings lead to no provider of: it makes no vectors and says so."""

    noise_floor = 0.0

    def __init__(self, model: str, dimensions: int) -> None:
        self.model = model
        self.dimensions = dimensions

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse.

        Raises:
            EmbeddingUnavailableError: Always.
        """
        raise EmbeddingUnavailableError(
            f"This store is searched with the embedding model {self.model}, and this server's settings name no "
            "provider of it. Search by words only; an operator can give the provider's settings back or change the "
            "store over with: retail-mcp-seed embed"
        )

    async def close(self) -> None:
        """Nothing to release."""


class Embedders:
    """Makes an embedder for every model that is asked for, once.

    Args:
        settings: The operator's choices.
        clock: Seconds that never go backwards.
        observer: Who is told of what providers are asked.

    Attributes:
        configured: The model of the settings, with which stores begin.
        in_use: What stores are searched with, remembered for seconds; None for a store without a model so far.

    Raises:
        ConfigurationError: The chosen provider lacks a setting.
    """

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float] = time.monotonic, observer: Observer = NULL_OBSERVER
    ) -> None:
        self._settings = settings
        self._observer = observer
        self._clock = clock
        self._memory: Memory = LRUCache(VECTORS_REMEMBERED)
        self.configured: Embedder = ObservedEmbedder(build_embedder(settings), observer)
        self.in_use: TTLCache[str, ModelInUse | None] = TTLCache(
            _STORES_REMEMBERED, MODEL_REMEMBERED_SECONDS, timer=clock
        )
        first = ModelInUse(self.configured.model, self.configured.dimensions)
        self._providers = {first: self._provider(self.configured)}

    def of(self, model: ModelInUse | None) -> Embedder:
        """The embedder of a model for jobs; of the configured one when None."""
        return self._known(model).embedder

    def for_queries(self, store_id: str, model: ModelInUse | None) -> Embedder:
        """The same for the queries of a store: remembered, and refused at once while the provider is down."""
        provider = self._known(model)
        if isinstance(provider.embedder, UnservedModel):
            return provider.embedder
        return QueryEmbedder(provider.embedder, store_id, provider.breaker, self._memory, self._observer)

    async def close(self) -> None:
        """Release the connections of all."""
        for provider in self._providers.values():
            await provider.embedder.close()

    def _known(self, model: ModelInUse | None) -> _Provider:
        wanted = model or ModelInUse(self.configured.model, self.configured.dimensions)
        if wanted not in self._providers:
            self._providers[wanted] = self._provider(self._made(wanted))
        return self._providers[wanted]

    def _made(self, wanted: ModelInUse) -> Embedder:
        try:
            embedder = build_embedder(self._settings, wanted.model, wanted.dimensions)
        except ConfigurationError:
            return self._unserved(wanted)
        if (embedder.model, embedder.dimensions) != (wanted.model, wanted.dimensions):
            return self._unserved(wanted)
        return ObservedEmbedder(embedder, self._observer)

    def _unserved(self, wanted: ModelInUse) -> Embedder:
        # Once for each model: its callers are told every time.
        logger.warning(
            "Search by meaning is off in stores with the embedding model %s: the settings name no provider of it",
            wanted.model,
        )
        return UnservedModel(wanted.model, wanted.dimensions)

    def _provider(self, embedder: Embedder) -> _Provider:
        return _Provider(embedder, CircuitBreaker(clock=self._clock))
