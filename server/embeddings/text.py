"""The texts that embedding models see."""

from __future__ import annotations

import hashlib

DESCRIPTION_CHARACTERS = 300
"""How much of a description is embedded.

Source:
    Measured on two judged product searches: 300 characters rank as well as the whole description
    and embed three times faster.
"""


def product_text(name: str, category: str | None, brand: str | None, description: str | None) -> str:
    """Describe a product to an embedding model: "name. category. brand. start of the description"."""
    parts = (name, category, brand, (description or "")[:DESCRIPTION_CHARACTERS])
    words = (" ".join(part.split()) for part in parts if part)
    return ". ".join(part for part in words if part)


def content_hash(text: str) -> str:
    """SHA-256 of a text in hexadecimal; it changes when the text does, whatever the model."""
    return hashlib.sha256(text.encode()).hexdigest()


def fit(text: str, max_bytes: int) -> str:
    """Cut a text to a number of UTF-8 bytes and make it acceptable to every model.

    Providers refuse an empty text, so a blank takes its place; a lone surrogate, which no tokenizer
    accepts, becomes a question mark.
    """
    return text.encode(errors="replace")[:max_bytes].decode(errors="ignore") or " "
