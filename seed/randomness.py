"""Randomness that one number decides: independent named streams, weighted choices, identifiers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import numpy as np

_MASK: Final = (1 << 62) - 1
# The two bits that RFC 9562 puts in front of the last 62.
_VARIANT: Final = 1 << 63
# Odd, so that multiplying by it modulo 2^62 never maps two counters to one number.
_SCATTER: Final = 0x1D8E4E27C47D124F


def stream(random_seed: int, purpose: str) -> random.Random:
    """Return a source of its own for each purpose: more draws in one leave the others alone."""
    return random.Random(f"{random_seed}/{purpose}")  # noqa: S311 - repeatable is what it must be


def array_stream(random_seed: int, purpose: str) -> np.random.Generator:
    """Return such a source for whole arrays of numbers."""
    return np.random.Generator(np.random.PCG64(stream(random_seed, purpose).getrandbits(128)))


def cumulative(weights: Sequence[float]) -> list[float]:
    """Return running shares that end in 1.0; `bisect(shares, random())` then picks by weight."""
    running = list(accumulate(weights))
    return [step / running[-1] for step in running[:-1]] + [1.0]


def even_choices(weights: dict[str, int]) -> list[str]:
    """Spell small integer weights out, so that picking by weight is one index into a list."""
    return [choice for choice, weight in weights.items() for _ in range(weight)]


class Identifiers:
    """UUIDs laid out like version 7, from a timestamp and a counter: ordered by time, never repeated.

    Ordered by time keeps the inserts into each index in one place. The random part is the counter,
    scattered, so that the same seed gives the same identifiers.

    Source:
        RFC 9562, section 5.7.
    """

    def __init__(self, random_seed: int, purpose: str) -> None:
        self._offset = stream(random_seed, f"identifiers/{purpose}").getrandbits(62)
        self._counter = 0

    def next(self, epoch_seconds: int) -> str:
        """Return the next identifier as 32 hexadecimal digits.

        Args:
            epoch_seconds: When the record came to be.
        """
        self._counter += 1
        counter = self._counter
        scattered = (counter * _SCATTER + self._offset) & _MASK
        return f"{epoch_seconds * 1000:012x}7{counter & 0xFFF:03x}{scattered | _VARIANT:016x}"
