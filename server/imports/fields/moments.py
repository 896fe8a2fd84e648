"""Days and times. A time without a zone is one of the store's own clock.

Each function returns None for an empty value and raises a fault for one that it cannot read.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from server.imports.fields.texts import clean, fault, shown

EARLIEST: Final = date(1900, 1, 1)
# Of a receipt that names a day only: whoever looks at it from another time zone still finds that day.
NOON: Final = time(12)
# For clocks that go fast.
_TOLERANCE: Final = timedelta(hours=1)

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s?(Z|UTC|[+-]\d{2}:?\d{2}|)", re.ASCII
)


def day(value: object) -> date | None:
    """A day that is not to come, written as 2026-03-31."""
    written = _written(value)
    if written is None:
        return None
    found = _date(written) if _DAY.fullmatch(written) else None
    if found is None:
        raise _no_day(value)
    if not EARLIEST <= found <= datetime.now(UTC).date() + timedelta(days=1):
        raise fault(f"{shown(value)} is before {EARLIEST} or to come", "Write a day that was.")
    return found


def moment(value: object, info: ValidationInfo) -> datetime | None:
    """A time that is not to come; the context's `time_zone` is the store's, in which a naive time is taken."""
    written = _written(value)
    if written is None:
        return None
    zone = _zone(str((info.context or {}).get("time_zone", "UTC")))
    is_day = _DAY.fullmatch(written) is not None
    found = _noon(written, zone) if is_day else _moment(written, zone)
    if found is None:
        raise _no_moment(value)
    now = datetime.now(zone)
    # Today's noon may lie ahead.
    is_to_come = found.date() > now.date() if is_day else found > now + _TOLERANCE
    if found.date() < EARLIEST or is_to_come:
        raise _not_past(value)
    return found


def _noon(written: str, zone: ZoneInfo) -> datetime | None:
    found = _date(written)
    return None if found is None else datetime.combine(found, NOON, zone)


def _moment(written: str, zone: ZoneInfo) -> datetime | None:
    parts = _MOMENT.fullmatch(written)
    if parts is None:
        return None
    offset = {"Z": "+00:00", "UTC": "+00:00"}.get(parts[3], parts[3])
    try:
        found = datetime.fromisoformat(f"{parts[1]}T{parts[2]}{offset}")
    except ValueError:
        return None
    if not EARLIEST.year <= found.year < MAXYEAR:
        # At the ends of the calendar another zone's clock is out of range.
        raise _not_past(written)
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    local = found.replace(tzinfo=zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found:
        raise fault(
            f"{shown(written)} was left out when the clocks of {zone.key} went forward",
            "Write the time with its offset from UTC, like 2026-03-31T14:05:00-07:00.",
        )
    return local.astimezone(UTC)


def _written(value: object) -> str | None:
    """The text of a value; of one that is no text, what is none of a time either."""
    if value is None:
        return None
    return clean(value).strip() or None if isinstance(value, str) else shown(value)


def _date(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _no_day(value: object) -> PydanticCustomError:
    return fault(f"{shown(value)} is not a day", "Write year, month and day like 2026-03-31.")


def _not_past(value: object) -> PydanticCustomError:
    return fault(f"{shown(value)} is before {EARLIEST} or to come", "Write when it was, and check the zone.")


def _no_moment(value: object) -> PydanticCustomError:
    return fault(
        f"{shown(value)} is not a time",
        "Write it like 2026-03-31 14:05:00, with an offset like -07:00 where it is not the store's time.",
    )
