"""Amounts, counts and measures from numbers, or from texts that can be read in one way only.

Each function returns None for an empty value and raises a fault for one that it cannot read.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from server.imports.fields.texts import bare_number, fault, quoted

MAX_INTEGER: Final = 1_000_000_000
MAX_AMOUNT: Final = Decimal("99999999.99")
CENT: Final = Decimal("0.01")

# Thousands, and as India writes them: 12,34,567.
_GROUPED: Final = r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d+"
_EXPONENT: Final = r"[eE][+-]?\d{1,2}"
_NUMBER: Final = re.compile(rf"(-?)(?:({_GROUPED})(?:\.(\d+))?|(\d+(?:\.\d+)?{_EXPONENT}))", re.ASCII)
_WITH_CURRENCY: Final = re.compile(r"([^\d\s,.()+-]*)\s*([^\s]*?)\s*([^\d\s,.()+-]*)")
_SCIENTIFIC: Final = re.compile(rf"\d+(?:\.\d+)?{_EXPONENT}", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z]{3}")
_WHOLE: Final = re.compile(rf"([+-]?)({_GROUPED})(?:\.0+)?", re.ASCII)
_MEASURE: Final = re.compile(rf"\d{{1,30}}(?:\.\d{{1,30}})?(?:{_EXPONENT})?", re.ASCII)
_COMMA_DECIMALS: Final = re.compile(r"[^\d,.]*\d[\d.]*,\d+[^\d,.]*", re.ASCII)

_SIGNS: Final = {
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS"),
    "US$": ("USD",),
    "C$": ("CAD",),
    "A$": ("AUD",),
    "NZ$": ("NZD",),
    "R$": ("BRL",),
    "€": ("EUR",),
    "£": ("GBP",),
    "¥": ("JPY", "CNY"),
    "₩": ("KRW",),
    "₹": ("INR",),
    "Rs": ("INR", "PKR", "LKR", "NPR"),
    "₺": ("TRY",),
    "₽": ("RUB",),
    "₴": ("UAH",),
    "₪": ("ILS",),
    "₫": ("VND",),
    "₱": ("PHP",),
    "฿": ("THB",),
    "zł": ("PLN",),
    "Kč": ("CZK",),
    "Ft": ("HUF",),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "RM": ("MYR",),
    "Rp": ("IDR",),
}


def amount(value: object, info: ValidationInfo) -> Decimal | None:
    """An amount of money with at most two decimals; the context's `currency` is the store's."""
    if isinstance(value, str):
        value = bare_number(value)
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
        raise fault(f"{quoted(value)} is too much", f"Write an amount of at most {MAX_AMOUNT:,}.")
    if number != number.quantize(CENT):
        raise fault(f"{quoted(value)} has more than two decimals", "Round it to two decimals, for example 28.50.")
    # Of zero, some systems write a sign.
    return abs(number.quantize(CENT))


def plain_amount(value: object) -> Decimal:
    """A number as machines write it, an empty one being 0."""
    written = "" if value is None else str(value).strip()
    if not written:
        return Decimal("0.00")
    if not _MEASURE.fullmatch(written):
        raise _no_amount(value)
    return Decimal(written)


def _amount_from_text(text: str, currency: str) -> Decimal:
    parts = _WITH_CURRENCY.fullmatch(text)
    before, number, after = parts.groups() if parts is not None else ("", text, "")
    found = _NUMBER.fullmatch(number)
    if found is None:
        if text.startswith(("-", "(")):
            raise _negative(text)
        if _COMMA_DECIMALS.fullmatch(text):
            raise fault(
                f"{quoted(text)} can be read in two ways, the comma being for thousands or for decimals",
                "Write decimals after a point and commas between thousands only: 1299.00 or 1,299.00.",
            )
        raise _no_amount(text)
    for mark in filter(None, (before, after)):
        _check_currency(text, mark, currency)
    minus, whole, decimals, scientific = found.groups()
    if scientific is not None:
        return Decimal(f"{minus}{scientific}")
    if decimals is not None and _has_unclear_decimals(whole, decimals):
        raise fault(
            f"{quoted(text)} has more than two decimals",
            "Round it to two decimals, for example 28.50; write one thousand and more as 1299.00 or 1,299.00.",
        )
    return Decimal(f"{minus}{whole.replace(',', '')}.{decimals or 0}")


def _has_unclear_decimals(whole: str, decimals: str) -> bool:
    """Whether there are more than two that count, or the point may stand between thousands, as in 34.000."""
    may_be_thousands = len(decimals) == len("000") and whole != "0" and "," not in whole
    return len(decimals) > len("00") and (may_be_thousands or decimals[2:].strip("0") != "")


def _check_currency(text: str, mark: str, currency: str) -> None:
    """Refuse an amount whose sign or code is not of the store's currency."""
    kind = "code" if _CODE.fullmatch(mark) else "sign"
    currencies = (mark.upper(),) if kind == "code" else _SIGNS.get(mark)
    if currencies is None:
        raise _no_amount(text)
    if currency not in currencies:
        raise fault(
            f"{quoted(text)} carries the {kind} {mark}, but the store's currency is {currency}",
            f"Convert it to {currency} and leave the {kind} out.",
        )


def _negative(value: object) -> PydanticCustomError:
    return fault(f"{quoted(value)} is negative", "Write an amount of 0 or more.")


def _no_amount(value: object) -> PydanticCustomError:
    return fault(f"{quoted(value)} is not an amount", "Write a number like 28, 28.50 or 1,299.00.")


def whole(value: object) -> int | None:
    """A whole number from 0 up."""
    if isinstance(value, str):
        value = bare_number(value)
        if not value:
            return None
        if found := _WHOLE.fullmatch(value):
            number = Decimal(f"{found[1]}{found[2].replace(',', '')}")
        elif _SCIENTIFIC.fullmatch(value):
            number = Decimal(value)
        else:
            raise _no_whole(value)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
    elif value is None:
        return None
    else:
        raise _no_whole(value)
    if number < 0:
        raise fault(f"{quoted(value)} is negative", "Write 0 or more.")
    if number > MAX_INTEGER:
        raise fault(f"{quoted(value)} is too much", f"Write a whole number of at most {MAX_INTEGER:,}.")
    if number != int(number):
        raise _no_whole(value)
    return int(number)


def units(value: object) -> int | None:
    """A number of units other than 0; negative for goods that came back."""
    is_back = isinstance(value, str) and bare_number(value).startswith("-")
    if is_back:
        assert isinstance(value, str)
        found = whole(bare_number(value)[1:])
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
    return fault(f"{quoted(value)} is not a whole number", "Write a whole number like 25.")


def measure(value: object, largest: Decimal, step: Decimal) -> Decimal | None:
    """A number from 0 to `largest`, rounded to `step`."""
    if isinstance(value, str):
        value = bare_number(value)
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
        f"{quoted(value)} is not a number from 0 to {largest:,}",
        "Write a number without a unit, decimals after a point.",
    )
