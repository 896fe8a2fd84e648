"""The seam between product search and whatever turns text into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors of one model.

    Attributes:
        model: Name that stands beside each stored vector.
        dimensions: Numbers per vector.
        noise_floor: Cosine similarity (0 to 1) below which a product is unrelated to the query.
    """

    model: str
    dimensions: int
    noise_floor: float

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Turn texts into unit-length vectors, one per text, in order.

        Never blocks the event loop for longer than one query text takes; splits long lists itself.

        Raises:
            EmbeddingUnavailableError: The provider refused, timed out or sent something unusable.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
