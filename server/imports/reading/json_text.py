"""JSON as strangers write it: numbers kept exact, repeated keys noticed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

# Python turns no longer digits than this into an integer.
_MAX_DIGITS: Final = 4_000


class RepeatedKeys(dict[str, Any]):
    """An object that names a key twice, so that one of the values is lost."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else RepeatedKeys(found)


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _MAX_DIGITS else Decimal(digits)


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_int=_integer, parse_constant=_constant
)
