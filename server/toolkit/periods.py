"""Date ranges as callers give them: defaults, order and length."""

from __future__ import annotations

from datetime import date

from server.errors import InvalidInputError
from server.toolkit.results import PeriodUsed

DEFAULT_DAYS = 30
MAX_DAYS = 1_096  # three years, one of them a leap year


def resolve_period(start_date: date | None, end_date: date | None, today: date, time_zone: str) -> PeriodUsed:
    """Complete and check a period.

    Args:
        start_date: First day; by default the 30 days that end with `end_date`.
        end_date: Last day, inclusive; by default today, or `start_date` where that lies in the future.
        today: Today in the store's time zone.
        time_zone: That time zone.

    Raises:
        InvalidInputError: The dates are reversed, or the range is longer than three years.
    """
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
