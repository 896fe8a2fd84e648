"""Date ranges as callers give them: named ones, free ones, and those to compare them with."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum

from server.errors import InvalidInputError
from server.toolkit.results import PeriodUsed

DEFAULT_DAYS = 30
MAX_DAYS = 1_096  # three years, one of them a leap year


class Preset(StrEnum):
    """Periods by name; those called last_..._days and this_... end today, weeks begin on Monday."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    LAST_7_DAYS = "last_7_days"
    LAST_30_DAYS = "last_30_days"
    LAST_90_DAYS = "last_90_days"
    LAST_365_DAYS = "last_365_days"
    THIS_WEEK = "this_week"
    LAST_WEEK = "last_week"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    THIS_QUARTER = "this_quarter"
    LAST_QUARTER = "last_quarter"
    YEAR_TO_DATE = "year_to_date"
    LAST_YEAR = "last_year"


_DAYS = {
    Preset.LAST_7_DAYS: 7,
    Preset.LAST_30_DAYS: 30,
    Preset.LAST_90_DAYS: 90,
    Preset.LAST_365_DAYS: 365,
}
_MONTHS = {
    Preset.THIS_MONTH: 1,
    Preset.LAST_MONTH: 1,
    Preset.THIS_QUARTER: 3,
    Preset.LAST_QUARTER: 3,
    Preset.YEAR_TO_DATE: 12,
    Preset.LAST_YEAR: 12,
}
_WHOLE = (Preset.LAST_MONTH, Preset.LAST_QUARTER, Preset.LAST_YEAR)


def resolve_period(
    start_date: date | None, end_date: date | None, today: date, time_zone: str, preset: Preset | None = None
) -> PeriodUsed:
    """Complete and check a period.

    Args:
        start_date: First day; by default the 30 days that end with `end_date`.
        end_date: Last day, inclusive; by default today, or `start_date` where that lies in the future.
        today: Today in the store's time zone.
        time_zone: That time zone.
        preset: The period by name, instead of dates.

    Raises:
        InvalidInputError: The dates are reversed, the range is longer than three years, or there are dates
            beside a name.
    """
    if preset is not None:
        if start_date is not None or end_date is not None:
            raise InvalidInputError("Give either period or start_date and end_date, not both.")
        start, end = preset_days(preset, today)
        return PeriodUsed(start_date=start, end_date=end, time_zone=time_zone)
    end = end_date or (today if start_date is None or start_date <= today else start_date)
    start = start_date or date.fromordinal(max(1, end.toordinal() - DEFAULT_DAYS + 1))
    if start > end:
        raise InvalidInputError(
            f"start_date ({start}) is after end_date ({end}). Swap them, or leave out end_date to mean today."
        )
    days = (end - start).days + 1
    if days > MAX_DAYS:
        raise InvalidInputError(
            f"The period from {start} to {end} has {days} days; at most {MAX_DAYS} (three years) can be asked "
            "at once. Ask for shorter periods, one call each."
        )
    return PeriodUsed(start_date=start, end_date=end, time_zone=time_zone)


def preset_days(preset: Preset, today: date) -> tuple[date, date]:
    """First and last day of a named period."""
    if preset is Preset.YESTERDAY:
        yesterday = today - timedelta(days=1)
        return yesterday, yesterday
    if preset in _DAYS:
        return today - timedelta(days=_DAYS[preset] - 1), today
    if preset in (Preset.THIS_WEEK, Preset.LAST_WEEK):
        monday = today - timedelta(days=today.weekday())
        return (
            (monday, today) if preset is Preset.THIS_WEEK else (monday - timedelta(days=7), monday - timedelta(days=1))
        )
    if preset in _MONTHS:
        months = _MONTHS[preset]
        first = today.replace(month=today.month - (today.month - 1) % months, day=1)
        return (months_later(first, -months), first - timedelta(days=1)) if preset in _WHOLE else (first, today)
    return today, today


def previous_days(start: date, end: date, preset: Preset | None = None) -> tuple[date, date]:
    """The period just before: of a named week, month, quarter or year the one before, else as many days.

    Of a month that still runs, it is the same days of the month before.
    """
    if preset in (Preset.THIS_WEEK, Preset.LAST_WEEK):
        return start - timedelta(days=7), end - timedelta(days=7)
    if preset in _WHOLE:
        return months_later(start, -_MONTHS[preset]), start - timedelta(days=1)
    if preset in _MONTHS:
        return months_later(start, -_MONTHS[preset]), months_later(end, -_MONTHS[preset])
    days = (end - start).days + 1
    return start - timedelta(days=days), start - timedelta(days=1)


def months_later(day: date, months: int) -> date:
    """The same day so many months later, or the last day of a month that is too short for it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
