"""The default provider: wordllama's word vectors, shipped inside its package, so no network is needed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from server.embeddings import LOCAL_MODEL
from server.embeddings.base import Vector
from server.embeddings.text import fit
from server.embeddings.vectors import unit_rows
from server.errors import EmbeddingUnavailableError

if TYPE_CHECKING:
    from wordllama import WordLlamaInference

# The library pads every text of a batch to the longest: the limits bound a batch to about 130 MB,
# where no product text needs more than a few.
MAX_TEXT_BYTES = 2_048
TEXTS_PER_BATCH = 32
# What one thread call embeds, in about 50 ms; between two of them a cancelled caller stops.
TEXTS_PER_CALL = 512


class WordLlamaEmbedder:
    """Embeds with the 256-dimensional l2_supercat model, about 0.04 ms per query text.

    The model is loaded on first use, once, in a thread: a server that never searches stays small.

    Source:
        noise_floor: over two judged product searches .15 is the 95th percentile of random pairs.
    """

    model = LOCAL_MODEL
    dimensions = 256
    noise_floor = 0.15

    def __init__(self) -> None:
        self._inference: WordLlamaInference | None = None
        self._loading = threading.Lock()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder.embed`; a text counts up to its first 2,048 bytes."""
        if not texts:
            return []
        inference = self._inference or await asyncio.to_thread(self._load)
        if len(texts) == 1:
            # A thread would take longer than the text.
            return _embed(inference, texts)
        vectors: list[Vector] = []
        for start in range(0, len(texts), TEXTS_PER_CALL):
            vectors += await asyncio.to_thread(_embed, inference, texts[start : start + TEXTS_PER_CALL])
        return vectors

    async def close(self) -> None:
        """Nothing to release."""

    def _load(self) -> WordLlamaInference:
        with self._loading:
            if self._inference is None:
                self._inference = _load_wordllama()
            return self._inference


def _embed(inference: WordLlamaInference, texts: Sequence[str]) -> list[Vector]:
    fitted = [fit(text, MAX_TEXT_BYTES) for text in texts]
    return unit_rows(inference.embed(fitted, batch_size=TEXTS_PER_BATCH))


def _load_wordllama() -> WordLlamaInference:
    # Importing wordllama calls logging.basicConfig, which does nothing while there is a handler.
    root, null_handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(null_handler)
    try:
        import wordllama

        # wordllama 0.4 looks for its own tokenizer in a directory "tokenizer" that it does not
        # have, then in "tokenizers" of the cache directory: the package itself serves as that one.
        inference = wordllama.WordLlama.load(
            config="l2_supercat", dim=256, cache_dir=Path(wordllama.__file__).parent, disable_download=True
        )
    except (ImportError, OSError, ValueError) as error:
        raise EmbeddingUnavailableError(
            f"The local embedding model cannot be loaded ({type(error).__name__}). "
            "Install the wordllama package again, or set RETAIL_EMBEDDINGS=openai."
        ) from error
    finally:
        root.removeHandler(null_handler)
    # The weights ship in half precision and the library widens them; as shipped they give the same
    # vectors in 16 MB less.
    inference.embedding = inference.embedding.astype(np.float16)
    return inference
