"""Identifiers as callers give them."""

from __future__ import annotations

from uuid import UUID


def as_uuid(text: str) -> UUID | None:
    """The id that a text spells, or None where it must be another kind of name."""
    try:
        return UUID(text)
    except ValueError:
        return None
