"""Embedding providers: text in, unit vectors out, chosen by one setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.config import Settings
    from server.embeddings.base import Embedder

LOCAL_MODEL = "wordllama-l2-supercat-256"


def build_embedder(settings: Settings, model: str | None = None, dimensions: int | None = None) -> Embedder:
    """Make an embedder; it loads or connects when it is first used.

    Each provider is imported only when it is needed: neither is small.

    Args:
        settings: The operator's choices.
        model: Another model than the settings': the local one by its full name or as wordllama, any other is
            asked of the OpenAI-compatible endpoint. MODEL@NUMBER asks for vectors of that many dimensions.
        dimensions: Numbers per vector of that model where its name does not tell.

    Raises:
        ConfigurationError: The provider lacks a setting, or the model's name says something impossible.
    """
    if model in (LOCAL_MODEL, "wordllama") or (model is None and settings.embeddings == "wordllama"):
        from server.embeddings.local import WordLlamaEmbedder

        return WordLlamaEmbedder()

    from server.embeddings.openai import OpenAIEmbedder

    return OpenAIEmbedder(settings, model, dimensions)
