"""Days and the time buckets that they are in, of a period and of the one that it is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby

from server.errors import InvalidInputError
from server.toolkit.periods import Preset, months_later, previous_days, resolve_period
from server.toolkit.results import PeriodUsed
from server.tools.sales.dimensions import Dimension


class Comparison(StrEnum):
    """Which other period to compare with."""

    PREVIOUS_PERIOD = "previous_period"
    SAME_PERIOD_LAST_YEAR = "same_period_last_year"


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days that follow one another and are in the same buckets.

    Attributes:
        is_current: Whether they are of the period itself.
        first: The first of them.
        last: The last of them.
        key_1: Key of their bucket in the first dimension; None where that is not of days, or they stand beside none.
        key_2: The same in the second dimension.
    """

    is_current: bool
    first: date
    last: date
    key_1: str | None = None
    key_2: str | None = None

    @property
    def days(self) -> list[date]:
        """Each of them."""
        return _days(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Periods:
    """The period that was asked about, and the one beside it.

    Attributes:
        now: The days that were asked about.
        before: Those to compare with, if any.
        compare_to: How they were chosen; None for days that the caller named.
    """

    now: PeriodUsed
    before: PeriodUsed | None
    compare_to: Comparison | None

    @property
    def first_day(self) -> date:
        """Of both."""
        return min(self.now.start_date, self.before.start_date) if self.before else self.now.start_date

    @property
    def last_day(self) -> date:
        """Of both."""
        return max(self.now.end_date, self.before.end_date) if self.before else self.now.end_date

    def bucket(self, day: date, dimension: Dimension) -> str:
        """Key of the bucket that a day of the period is in; the first one begins with the period."""
        if dimension is Dimension.WEEKDAY:
            return str(day.isoweekday())
        start = day
        if dimension is Dimension.WEEK:
            start = day - timedelta(days=day.weekday())
        elif dimension is Dimension.MONTH:
            start = day.replace(day=1)
        elif dimension is Dimension.QUARTER:
            start = day.replace(month=day.month - (day.month - 1) % 3, day=1)
        return max(start, self.now.start_date).isoformat()

    def buckets(self, dimension: Dimension) -> list[str]:
        """Keys of every bucket of a series over the period, in order."""
        return [self.bucket(first, dimension) for first, _ in _split(self.now, [dimension])]

    def bucket_beside(self, day: date, dimension: Dimension) -> str | None:
        """Key of the bucket that a day of the other period stands beside; None when that period goes on longer.

        A weekday stands beside itself, and a date beside that of a year later. Else the n-th day stands beside the
        n-th, and of periods that both begin with a month, the n-th month beside the n-th month.
        """
        assert self.before is not None
        if dimension is Dimension.WEEKDAY:
            return str(day.isoweekday())
        start, other_start = self.now.start_date, self.before.start_date
        if self.compare_to is Comparison.SAME_PERIOD_LAST_YEAR:
            # 28 February has two days of the leap year beside it, and 29 February none of its own.
            beside = max(months_later(day, 12), start)
        elif start.day == other_start.day == 1 and dimension in (Dimension.MONTH, Dimension.QUARTER):
            months = 12 * (start.year - other_start.year) + start.month - other_start.month
            beside = months_later(day.replace(day=1), months)
        else:
            beside = start + (day - other_start)
        return self.bucket(beside, dimension) if beside <= self.now.end_date else None

    def stretches(self, dimensions: Sequence[Dimension]) -> list[DateRange]:
        """Both periods, divided wherever another bucket of one of these dimensions begins."""
        of_days = [dimension for dimension in dimensions if dimension.is_of_days]
        first, second = [*(dimension if dimension.is_of_days else None for dimension in dimensions), None, None][:2]
        now = [
            DateRange(True, start, end, first and self.bucket(start, first), second and self.bucket(start, second))
            for start, end in _split(self.now, of_days)
        ]
        if self.before is None:
            return now
        if not of_days:
            return [*now, DateRange(False, self.before.start_date, self.before.end_date)]
        beside = groupby(
            _days(self.before.start_date, self.before.end_date),
            lambda day: (first and self.bucket_beside(day, first), second and self.bucket_beside(day, second)),
        )
        return [*now, *(DateRange(False, *_ends(days), *keys) for keys, days in beside)]


def _split(period: PeriodUsed, of_days: Sequence[Dimension]) -> Iterator[tuple[date, date]]:
    """First and last day of each part of a period that is within one bucket of every dimension."""
    start = period.start_date
    while start <= period.end_date:
        end = min([period.end_date, *(_last_of_bucket(start, dimension) for dimension in of_days)])
        yield start, end
        start = end + timedelta(days=1)


def _last_of_bucket(day: date, dimension: Dimension) -> date:
    if dimension is Dimension.WEEK:
        return day + timedelta(days=6 - day.weekday())
    if dimension in (Dimension.MONTH, Dimension.QUARTER):
        months = 1 if dimension is Dimension.MONTH else 3 - (day.month - 1) % 3
        return months_later(day.replace(day=1), months) - timedelta(days=1)
    return day


def _ends(days: Iterable[date]) -> tuple[date, date]:
    first, *others = days
    return first, others[-1] if others else first


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def resolve_periods(
    now: PeriodUsed,
    preset: Preset | None,
    compare_to: Comparison | None,
    other_start: date | None = None,
    other_end: date | None = None,
) -> Periods:
    """Find the period to compare with.

    Args:
        now: The period that was asked about.
        preset: Its name, where it was given by name.
        compare_to: Which other period.
        other_start: First day of that period, instead.
        other_end: Its last day.

    Raises:
        InvalidInputError: One of its days is missing, both ways are mixed, or the days are no period.
    """
    if other_start is None and other_end is None:
        if compare_to is None:
            return Periods(now, None, None)
        if compare_to is Comparison.PREVIOUS_PERIOD:
            start, end = previous_days(now.start_date, now.end_date, preset)
        else:
            start, end = months_later(now.start_date, -12), months_later(now.end_date, -12)
        return Periods(now, PeriodUsed(start_date=start, end_date=end, time_zone=now.time_zone), compare_to)
    if other_start is None or other_end is None or compare_to is not None:
        raise InvalidInputError(
            "To compare with days of your choice, give both compare_start_date and compare_end_date, and no compare_to."
        )
    return Periods(now, resolve_period(other_start, other_end, other_end, now.time_zone), None)
