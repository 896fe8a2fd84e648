"""Embedding providers: text in, unit vectors out, chosen by one setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.config import Settings
    from server.embeddings.base import Embedder


def build_embedder(settings: Settings) -> Embedder:
    """Make the embedder that the settings choose; it loads or connects when it is first used.

    Each provider is imported only when it is chosen: neither is small.

    Raises:
        ConfigurationError: The chosen provider lacks a setting.
    """
    if settings.embeddings == "openai":
        from server.embeddings.openai import OpenAIEmbedder

        return OpenAIEmbedder(settings)

    from server.embeddings.local import WordLlamaEmbedder

    return WordLlamaEmbedder()
