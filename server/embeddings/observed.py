"""An embedder whose every request to its provider is told to the monitoring."""

from __future__ import annotations

import time
from collections.abc import Sequence

from server.embeddings.base import Embedder, Vector
from server.errors import EmbeddingUnavailableError
from server.monitoring.observer import EmbeddingOutcome, Observer
from server.monitoring.spans import step


class ObservedEmbedder:
    """Passes everything on.

    Args:
        embedder: Makes the vectors.
        observer: Who is told.
    """

    def __init__(self, embedder: Embedder, observer: Observer) -> None:
        self.model = embedder.model
        self.dimensions = embedder.dimensions
        self.noise_floor = embedder.noise_floor
        self._embedder = embedder
        self._observer = observer

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder.embed`."""
        began = time.perf_counter()
        outcome: EmbeddingOutcome | None = "made"
        try:
            with step("embedding", {"retail.texts": len(texts)}):
                return await self._embedder.embed(texts)
        except EmbeddingUnavailableError:
            outcome = "failed"
            raise
        except BaseException:
            # Whoever waited has gone: that tells nothing of the provider.
            outcome = None
            raise
        finally:
            if outcome is not None:
                self._observer.embedded(outcome, time.perf_counter() - began)

    async def close(self) -> None:
        """See `Embedder.close`."""
        await self._embedder.close()
