"""What a store may be: its id, name, currency and time zone, each with what is right where it is wrong."""

from __future__ import annotations

import difflib
import re
from functools import cache
from importlib import resources
from typing import Final

from server.errors import InvalidInputError

LONGEST_NAME: Final = 100

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_OFFSET: Final = re.compile(r"(?i)(utc|gmt)?\s*[+-]\s*[0-9]")
_ABBREVIATION: Final = re.compile("[A-Z]{2,5}")
_FORM: Final = "Name a place, like Europe/Paris or America/Los_Angeles."
# Characters of a wrong value that an error repeats.
_SHOWN: Final = 60
# A name of the list for machines whose zone nobody has chosen.
_NO_PLACE: Final = "Factory"


def check_id(store_id: str) -> None:
    """Refuse what is no id of a store.

    Raises:
        InvalidInputError: It is none.
    """
    if not _ID.fullmatch(store_id):
        raise InvalidInputError(
            f"{store_id[:_SHOWN]!r} is no id of a store. That has 1 to 40 of a-z, 0-9, - and _, and begins with a "
            "letter or digit."
        )


def check_name(name: str) -> None:
    """Refuse what is no name of a store.

    Raises:
        InvalidInputError: It is none.
    """
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or not name.strip():
        raise InvalidInputError(f"The name of a store has 1 to {LONGEST_NAME} printable characters.")


def check_currency(code: str) -> None:
    """Refuse what nobody pays with.

    Raises:
        InvalidInputError: It is no code of ISO 4217, or one of a metal, a fund, a test or no currency.
    """
    if code not in currencies():
        hint = f" Did you mean {code.upper()}?" if code.upper() in currencies() else ""
        raise InvalidInputError(
            f"{code[:_SHOWN]!r} is no currency in use. Codes of ISO 4217 have three capital letters, like USD or EUR."
            f"{hint}"
        )


def check_time_zone(name: str) -> None:
    """Refuse what is no time zone of the IANA, spelt as there.

    PostgreSQL itself takes any spelling and POSIX strings, in which UTC+3 is west of Greenwich.

    Raises:
        InvalidInputError: It is none; the nearest is named.
    """
    if name in time_zones():
        return
    if _OFFSET.match(name):
        hint = f"An offset is no time zone: it has no summer time. {_FORM}"
    elif near := _nearest(name):
        hint = f"Did you mean {near}?"
    elif _ABBREVIATION.fullmatch(name):
        hint = f"An abbreviation is no time zone: it stands for several places, or for half of the year. {_FORM}"
    else:
        hint = _FORM
    raise InvalidInputError(f"{name[:_SHOWN]!r} is no name of an IANA time zone. {hint}")


@cache
def currencies() -> frozenset[str]:
    """Codes of ISO 4217 that prices are in: with a number of decimals, and of no fund."""
    # Imported here: it reads a file of 47 kB, and most commands need none of it.
    from iso4217 import raw_xml

    return frozenset(
        entry.findtext("Ccy", "")
        for entry in raw_xml.iterfind("CcyTbl/CcyNtry")
        if entry.findtext("CcyMnrUnts", "").isdigit()
        and (name := entry.find("CcyNm")) is not None
        and "IsFund" not in name.attrib
    )


@cache
def time_zones() -> frozenset[str]:
    """Names of the IANA's time zones, old ones included; the same on every machine, unlike the system's own."""
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - {_NO_PLACE}


def _nearest(name: str) -> str | None:
    wanted = name.strip().casefold().replace(" ", "_")
    by_spelling = {zone.casefold(): zone for zone in sorted(time_zones())}
    by_place = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(time_zones()) if "/" in zone}
    for names in (by_spelling, by_place):
        if wanted in names:
            return names[wanted]
    if _ABBREVIATION.fullmatch(name):
        return None
    for names in (by_spelling, by_place):
        if near := difflib.get_close_matches(wanted, names, n=1, cutoff=0.75):
            return names[near[0]]
    return None
