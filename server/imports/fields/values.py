"""Lists, switches and objects, in JSON or in the writing that CSV has for them.

Each function returns None for an empty value and raises a fault for one that it cannot read.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Final

from pydantic_core import PydanticCustomError

from server.imports.fields.texts import clean, fault, quoted, text
from server.imports.reading.json_text import DECODER, RepeatedKeys

MAX_LEVELS: Final = 6
MAX_TAGS: Final = 50
MAX_TAG: Final = 50
MAX_METADATA: Final = 10_000

_LEVELS: Final = re.compile(r"\s+>\s+")
_TAGS: Final = re.compile(r"[,;]")
_BOOLEANS: Final = dict.fromkeys(("true", "yes", "y", "t", "1"), True) | dict.fromkeys(
    ("false", "no", "n", "f", "0"), False
)


def boolean(value: object) -> bool | None:
    """True or false in one of several spellings."""
    if isinstance(value, bool) or value is None:
        return value
    word = clean(value).strip().lower() if isinstance(value, str) else str(value)
    if not word:
        return None
    if word not in _BOOLEANS:
        raise fault(f"{quoted(value)} is neither true nor false", "Write true or false.")
    return _BOOLEANS[word]


def levels(value: object) -> tuple[str, ...] | None:
    """A category as the names from general to special, given as a list or with ' > ' between them."""
    if isinstance(value, str):
        value = _LEVELS.split(clean(value).strip())
        if value == [""]:
            return None
    if not value and (value is None or isinstance(value, list)):
        return None
    if not isinstance(value, list):
        raise fault(f"{quoted(value)} is not a category", "Write a name, or a list of names from general to special.")
    names = [text(name, 100) for name in value]
    if len(names) > MAX_LEVELS:
        raise fault(f"has {len(names)} levels", f"Name at most {MAX_LEVELS} levels.")
    if None in names:
        raise fault(f"{quoted(value)} has a level without a name", "Name every level, or leave the empty one out.")
    return tuple(name for name in names if name is not None)


def tags(value: object) -> tuple[str, ...] | None:
    """Tags in their order, each once, given as a list or with commas or semicolons between them."""
    if isinstance(value, str):
        value = _TAGS.split(value)
    if value is None:
        return None
    if not isinstance(value, list):
        raise fault(f"{quoted(value)} is not a list of tags", "Write a list of texts, or texts with commas between.")
    found = dict.fromkeys(tag for tag in (text(tag, MAX_TAG) for tag in value) if tag is not None)
    if len(found) > MAX_TAGS:
        raise fault(f"has {len(found)} tags", f"Give at most {MAX_TAGS} tags.")
    return tuple(found)


def metadata(value: object) -> str | None:
    """A JSON object as text, given as an object or as its text."""
    example = 'Write a JSON object like {"material": "steel"}.'
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = DECODER.decode(value)
        except (ValueError, ArithmeticError, RecursionError):
            raise fault(f"{quoted(value)} is not JSON", example) from None
    if value is None:
        return None
    if not isinstance(value, dict):
        raise fault(f"{quoted(value)} is not an object", example)
    try:
        result = json.dumps(_cleaned(value), ensure_ascii=False, allow_nan=False)
    except PydanticCustomError:
        raise
    except (ValueError, OverflowError, RecursionError):
        raise fault("holds a number that is too large, or is nested too deeply", example) from None
    if len(result) > MAX_METADATA:
        raise fault(f"has {len(result):,} characters", f"Shorten it to at most {MAX_METADATA:,} characters as JSON.")
    return result


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, RepeatedKeys):
        raise fault("names a key twice", "Name each key of an object once.")
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return value
