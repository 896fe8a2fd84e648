"""Amounts, counts and measures from numbers, or from texts that can be read in one way only.

Each function returns None for an empty value and raises a fault for one that it cannot read.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from server.imports.fields.texts import clean, fault, shown

MAX_INTEGER: Final = 1_000_000_000
MAX_AMOUNT: Final = Decimal("99999999.99")
CENT: Final = Decimal("0.01")

_GROUPED: Final = r"\d{1,3}(?:,\d{3})+|\d+"
_AMOUNT: Final = re.compile(rf"([$€£¥]?)\s*({_GROUPED})(?:\.(\d+))?", re.ASCII)
_WHOLE: Final = re.compile(rf"([+-]?)({_GROUPED})(?:\.0+)?", re.ASCII)
_MEASURE: Final = re.compile(r"\d{1,30}(?:\.\d{1,30})?", re.ASCII)
_COMMA_DECIMALS: Final = re.compile(r"[^\d,.]*\d[\d.]*,\d+[^\d,.]*", re.ASCII)

_SIGNS: Final = {
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS"),
    "€": ("EUR",),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
}


def amount(value: object, info: ValidationInfo) -> Decimal | None:
    """An amount of money with at most two decimals; the context's `currency` is the store's."""
    if isinstance(value, str):
        value = clean(value).strip()
        if not value:
            return None
        number = _amount_from_text(value, str((info.context or {}).get("currency", "USD")))
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
    elif value is None:
        return None
    else:
        raise _no_amount(value)
    if number < 0:
        raise _negative(value)
    if number > MAX_AMOUNT:
        raise fault(f"{shown(value)} is too much", f"Write an amount of at most {MAX_AMOUNT:,}.")
    if number != number.quantize(CENT):
        raise fault(f"{shown(value)} has more than two decimals", "Round it to two decimals, for example 28.50.")
    return number.quantize(CENT)


def plain_amount(value: object) -> Decimal:
    """A number as machines write it, an empty one being 0."""
    written = "" if value is None else str(value).strip()
    if not written:
        return Decimal("0.00")
    if not _MEASURE.fullmatch(written):
        raise _no_amount(value)
    return Decimal(written)


def _amount_from_text(text: str, currency: str) -> Decimal:
    if text.startswith(("-", "(")):
        raise _negative(text)
    found = _AMOUNT.fullmatch(text)
    if found is None:
        if _COMMA_DECIMALS.fullmatch(text):
            raise fault(
                f"{shown(text)} can be read in two ways, the comma being for thousands or for decimals",
                "Write decimals after a point and commas between thousands only: 1299.00 or 1,299.00.",
            )
        raise _no_amount(text)
    sign, whole, decimals = found.groups()
    if sign and currency not in _SIGNS[sign]:
        raise fault(
            f"{shown(text)} carries the sign {sign}, but the store's currency is {currency}",
            f"Convert it to {currency} and leave the sign out.",
        )
    if decimals is not None and len(decimals) > 2:
        raise fault(
            f"{shown(text)} has more than two decimals",
            "Round it to two decimals, for example 28.50; write one thousand and more as 1299.00 or 1,299.00.",
        )
    return Decimal(f"{whole.replace(',', '')}.{decimals or 0}")


def _negative(value: object) -> PydanticCustomError:
    return fault(f"{shown(value)} is negative", "Write an amount of 0 or more.")


def _no_amount(value: object) -> PydanticCustomError:
    return fault(f"{shown(value)} is not an amount", "Write a number like 28, 28.50 or 1,299.00.")


def whole(value: object) -> int | None:
    """A whole number from 0 up."""
    if isinstance(value, str):
        value = clean(value).strip()
        if not value:
            return None
        if (found := _WHOLE.fullmatch(value)) is None:
            raise _no_whole(value)
        number = Decimal(f"{found[1]}{found[2].replace(',', '')}")
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
    elif value is None:
        return None
    else:
        raise _no_whole(value)
    if number < 0:
        raise fault(f"{shown(value)} is negative", "Write 0 or more.")
    if number > MAX_INTEGER:
        raise fault(f"{shown(value)} is too much", f"Write a whole number of at most {MAX_INTEGER:,}.")
    if number != int(number):
        raise _no_whole(value)
    return int(number)


def units(value: object) -> int | None:
    """A number of units other than 0; negative for goods that came back."""
    is_back = isinstance(value, str) and clean(value).strip().startswith("-")
    if is_back:
        assert isinstance(value, str)
        found = whole(clean(value).strip()[1:])
        found = None if found is None else -found
    elif isinstance(value, int | Decimal) and not isinstance(value, bool) and value < 0:
        # A minus sign rounds a decimal, which one with a huge exponent does not survive.
        found = -(whole(Decimal(value).copy_negate()) or 0)
    else:
        found = whole(value)
    if found == 0:
        raise fault("is 0", "Write how many units; leave the line out where there are none.")
    return found


def _no_whole(value: object) -> PydanticCustomError:
    return fault(f"{shown(value)} is not a whole number", "Write a whole number like 25.")


def measure(value: object, largest: Decimal, step: Decimal) -> Decimal | None:
    """A number from 0 to `largest`, rounded to `step`."""
    if isinstance(value, str):
        value = clean(value).strip()
        if not value:
            return None
        if not _MEASURE.fullmatch(value):
            raise _no_measure(value, largest)
        number = Decimal(value)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
    elif value is None:
        return None
    else:
        raise _no_measure(value, largest)
    if not 0 <= number <= largest:
        raise _no_measure(value, largest)
    return number.quantize(step, ROUND_HALF_UP)


def _no_measure(value: object, largest: Decimal) -> PydanticCustomError:
    return fault(
        f"{shown(value)} is not a number from 0 to {largest:,}",
        "Write a number without a unit, decimals after a point.",
    )
