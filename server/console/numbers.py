"""Numbers on the command line: what is no whole number is refused, not rounded, and what is no number at all too."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from cyclopts import Parameter, Token
from cyclopts.validators import Number

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")


def whole(*, gte: int | None = None, lte: int | None = None) -> Parameter:
    """Annotation of an option that takes whole numbers only; cyclopts itself takes 2.5 for 2.

    Args:
        gte: Smallest that is taken.
        lte: Largest that is taken.
    """
    return Parameter(converter=_whole, validator=Number(gte=gte, lte=lte))


def seconds(*, gte: float, lte: float) -> Parameter:
    """Annotation of an option that takes a number within bounds, which "nan" is not."""
    return Parameter(converter=_finite, validator=Number(gte=gte, lte=lte))


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    (token,) = tokens
    if not _WHOLE.fullmatch(token.value):
        raise ValueError(f"{token.value!r} is no whole number.")
    return int(token.value)


def _finite(_: Any, tokens: Sequence[Token]) -> float:
    (token,) = tokens
    try:
        number = float(token.value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{token.value!r} is no number of seconds.")
    return number
