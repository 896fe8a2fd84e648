"""The texts that embedding models see; what of a product is embedded says sql/repeatable/0082_embedding.sql."""

from __future__ import annotations


def fit(text: str, max_bytes: int) -> str:
    """Cut a text to a number of UTF-8 bytes and make it acceptable to every model.

    Providers refuse an empty text, so a blank takes its place; a lone surrogate, which no tokenizer
    accepts, becomes a question mark.
    """
    return text.encode(errors="replace")[:max_bytes].decode(errors="ignore") or " "
