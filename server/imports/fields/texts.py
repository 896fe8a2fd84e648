"""Texts of strangers: cleaned, measured, and repeated in messages without harm."""

from __future__ import annotations

import json
import re
from typing import Final

from pydantic_core import PydanticCustomError

# What spreadsheets protect with an apostrophe.
_PROTECTED: Final = re.compile(r"'[0-9=+@-]")
_ROUNDED: Final = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d{1,3}", re.ASCII)
# Control characters but tab and newline; what turns the direction of writing; halves of characters.
_UNWANTED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def fault(problem: str, correction: str) -> PydanticCustomError:
    """What is wrong with a value, and how to correct it."""
    return PydanticCustomError("fault", "{problem}", {"problem": problem, "correction": correction})


def quoted(value: object) -> str:
    """A value as a message repeats it: short, and without characters that act on a terminal."""
    if isinstance(value, list | dict | bool):
        value = json.dumps(value, default=str, ensure_ascii=False)
    written = str(value)
    return repr(written if len(written) <= 60 else f"{written[:60]}...")


def code(value: object, limit: int = 50) -> str | None:
    """An identifier, such as a SKU; a number that a spreadsheet has rounded is none.

    Raises:
        PydanticCustomError: Its last digits are lost, or it is no text of that length.
    """
    found = text(value, limit)
    if found is None:
        return None
    if _PROTECTED.match(found):
        found = found[1:]
    if _ROUNDED.fullmatch(found):
        raise fault(
            f"{quoted(found)} is a number that a spreadsheet has shortened, so that digits are lost",
            "Give the column the format of a text or of a number without decimals, and save the file again.",
        )
    return found


def bare_number(text: str) -> str:
    """A text that should be a number or a day, without blanks around it and a spreadsheet's apostrophe before it."""
    return clean(text).strip().removeprefix("'").strip()


def clean(text: str) -> str:
    """A text without control and direction characters, each end of a line being one newline."""
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def text(value: object, limit: int, *, trim: bool = True) -> str | None:
    """A text of at most `limit` characters; a whole number is taken as its digits."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise fault(f"{quoted(value)} is not a text", "Write it as a text, in JSON between quotation marks.")
    cleaned = clean(value)
    stripped = cleaned.strip()
    if not stripped:
        return None
    result = stripped if trim else cleaned
    if len(result) > limit:
        raise fault(f"has {len(result):,} characters", f"Shorten it to at most {limit:,} characters.")
    return result
