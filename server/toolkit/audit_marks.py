"""Marks on a parameter that say what the audit log keeps of its texts; without one it keeps their length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identifier:
    """Marks a text parameter that takes identifiers of things: `Annotated[str, Identifier()]`.

    Args:
        pattern: What such an identifier looks like; other text is treated as text. A word without any digit may be
            a name.
    """

    pattern: str = r"(?=.*[0-9])[A-Za-z0-9][A-Za-z0-9._/-]{0,49}"


@dataclass(frozen=True, slots=True)
class KeptAs:
    """Marks a text parameter of which something is kept that no person wrote: `Annotated[str, KeptAs(outline)]`.

    Args:
        rewrite: What is kept of a text.
    """

    rewrite: Callable[[str], str]
