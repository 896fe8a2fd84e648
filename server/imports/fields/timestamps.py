"""Days and times. A time without a zone is one of the store's own clock.

Each function returns None for an empty value and raises a fault for one that it cannot read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from server.imports.fields.texts import bare_number, fault, quoted

EARLIEST: Final = date(1900, 1, 1)
# Of a receipt that names a day only: whoever looks at it from another time zone still finds that day.
NOON: Final = time(12)
_HALF_DAY: Final = 12
# For clocks that go fast.
_TOLERANCE: Final = timedelta(hours=1)

DateOrder = Literal["ymd", "dmy", "mdy"]
"""How a file writes days: year first, day first or month first. Never guessed: 03/04/2026 is two days."""

# The year first, or as the order says; spreadsheets leave zeros out.
_YEAR_FIRST: Final = r"(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})"
_DAY_FIRST: Final = r"(?P<day>\d{1,2})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)(?P<year>\d{4})"
_MONTH_FIRST: Final = r"(?P<month>\d{1,2})(?P<sign>[-/.])(?P<day>\d{1,2})(?P=sign)(?P<year>\d{4})"
# PostgreSQL writes offsets of hours alone, .NET seven decimals of a second.
_TIME: Final = (
    r"[T ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?|)"
)
_PATTERNS: Final = {
    order: re.compile(f"{written}(?:{_TIME})?", re.ASCII)
    for order, written in (("ymd", _YEAR_FIRST), ("dmy", _DAY_FIRST), ("mdy", _MONTH_FIRST))
}


@dataclass(frozen=True, slots=True)
class _Written:
    """A day, and a time of day with what was written of its zone; None where there is none."""

    day: date
    time: time | None
    zone: str


def day(value: object, info: ValidationInfo) -> date | None:
    """A day that is not to come, written as 2026-03-31; a time of day behind it says nothing."""
    written = _text(value)
    if written is None:
        return None
    found = _parse(written, info)
    if found is None:
        raise _no_day(value, written)
    if not EARLIEST <= found.day <= datetime.now(UTC).date() + timedelta(days=1):
        raise fault(f"{quoted(value)} is before {EARLIEST} or to come", "Write a day that was.")
    return found.day


def timestamp(value: object, info: ValidationInfo) -> datetime | None:
    """A time that is not to come; the context's `time_zone` is the store's, in which a naive time is taken."""
    written = _text(value)
    if written is None:
        return None
    parsed = _parse(written, info)
    if parsed is None:
        raise _no_moment(value, written)
    zone = _zone(str((info.context or {}).get("time_zone", "UTC")))
    if not EARLIEST.year <= parsed.day.year < MAXYEAR:
        # At the ends of the calendar another zone's clock is out of range.
        raise _not_past(value)
    if parsed.time is None:
        found = datetime.combine(parsed.day, NOON, zone)
        # Today's noon may lie ahead.
        is_to_come = parsed.day > datetime.now(zone).date()
    else:
        found = _absolute(parsed, parsed.time, zone, written)
        is_to_come = found > datetime.now(UTC) + _TOLERANCE
    if found.date() < EARLIEST or is_to_come:
        raise _not_past(value)
    return found


def _parse(written: str, info: ValidationInfo) -> _Written | None:
    order = str((info.context or {}).get("date_order", "ymd"))
    parts = _PATTERNS["ymd"].fullmatch(written) or _PATTERNS[order].fullmatch(written)
    if parts is None:
        return None
    try:
        found = date(int(parts["year"]), int(parts["month"]), int(parts["day"]))
        if parts["hour"] is None:
            return _Written(found, None, "")
        hour = int(parts["hour"])
        if parts["half"] is not None:
            if not 1 <= hour <= _HALF_DAY:
                return None
            hour = hour % _HALF_DAY + (_HALF_DAY if parts["half"] in "Pp" else 0)
        microsecond = int((parts["fraction"] or "0").ljust(6, "0")[:6])
        return _Written(found, time(hour, int(parts["minute"]), int(parts["second"] or 0), microsecond), parts["zone"])
    except ValueError:
        return None


def _absolute(parsed: _Written, clock: time, zone: ZoneInfo, written: str) -> datetime:
    local = datetime.combine(parsed.day, clock)
    if parsed.zone:
        offset = {"Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00"}.get(parsed.zone, parsed.zone)
        try:
            return datetime.fromisoformat(f"{local.isoformat()}{offset}").astimezone(UTC)
        except ValueError:
            raise _no_moment(written, written) from None
    found = local.replace(tzinfo=zone).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) != local:
        raise fault(
            f"{quoted(written)} was left out when the clocks of {zone.key} went forward",
            "Write the time with its offset from UTC, like 2026-03-31T14:05:00-07:00.",
        )
    return found


def _text(value: object) -> str | None:
    """The text of a value; of one that is no text, what is none of a time either."""
    if value is None:
        return None
    return bare_number(value) or None if isinstance(value, str) else quoted(value)


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _no_day(value: object, written: str) -> PydanticCustomError:
    return fault(
        f"{quoted(value)} is not a day",
        _order_needed(written) or "Write year, month and day like 2026-03-31.",
    )


def _not_past(value: object) -> PydanticCustomError:
    return fault(f"{quoted(value)} is before {EARLIEST} or to come", "Write when it was, and check the zone.")


def _no_moment(value: object, written: str) -> PydanticCustomError:
    return fault(
        f"{quoted(value)} is not a time",
        _order_needed(written)
        or "Write it like 2026-03-31 14:05:00, with an offset like -07:00 where it is not the store's time.",
    )


def _order_needed(written: str) -> str | None:
    """What to do about a day whose order nobody has said; None for one that has another fault."""
    if _PATTERNS["dmy"].fullmatch(written) is None:
        return None
    return "Say which comes first in this file: the day with --date-order dmy, the month with --date-order mdy."
