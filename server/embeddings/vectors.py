"""The arithmetic that the providers share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from server.embeddings.base import Vector
from server.errors import EmbeddingUnavailableError


def unit_rows(matrix: npt.NDArray[np.float32]) -> list[Vector]:
    """Scale every row to length 1.

    Raises:
        EmbeddingUnavailableError: A row has no direction, being zero or not finite. Its cosine
            would be NaN, which PostgreSQL sorts above every real similarity.
    """
    # In double precision no sum of float32 squares overflows.
    lengths = np.linalg.norm(matrix.astype(np.float64), axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths) & (lengths > 0)):
        raise EmbeddingUnavailableError("The embedding model returned a vector without a direction.")
    return list((matrix / lengths).astype(np.float32))
