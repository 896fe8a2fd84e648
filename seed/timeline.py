"""Time: which days sell how much, at which hours, and how a store's clock maps to the world's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from seed.options import DemoOptions
from seed.randomness import array_stream
from seed.stores import Store

_SECONDS_PER_DAY: Final = 86_400
_UNIX_EPOCH: Final = date(1970, 1, 1)

# Share of an average day, Monday first.
_WEEKDAYS: Final = (0.86, 0.84, 0.88, 0.94, 1.12, 1.32, 1.04)
# Share of an average month, January first: a lull after New Year, presents in December.
_MONTHS: Final = (0.86, 0.87, 0.94, 0.98, 1.02, 1.01, 0.98, 1.00, 0.96, 0.99, 1.13, 1.45)
_THANKSGIVING_WEEKEND: Final = 1.7
_CHRISTMAS_DAY: Final = 0.15
# Sales at the end of the period against its beginning.
_GROWTH: Final = 1.12
# Receipts are spread over the days in portions, so that any number of them fits in memory.
_DRAWN_AT_ONCE: Final = 1_000_000

# Share of the day per hour: shops open from 9 to 21, with a peak at midday and one after work.
_SHOP_HOURS: Final = dict(zip(range(9, 21), (3, 5, 7, 10, 9, 7, 7, 9, 12, 11, 7, 4), strict=True))
_ONLINE_HOURS: Final = dict(
    zip(range(24), (3, 2, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7, 6, 6, 6, 6, 7, 8, 10, 11, 11, 8, 5), strict=True)
)


def daily_counts(options: DemoOptions, stores: list[Store]) -> Iterator[tuple[int, date, list[int]]]:
    """Yield each day with the number of receipts per store; over all days they add up exactly."""
    days = [options.first_day + timedelta(days=index) for index in range(options.days)]
    per_day = np.array([_day_weight(day, index / len(days)) for index, day in enumerate(days)])
    per_store = np.array([store.share for store in stores])
    steps = np.cumsum(np.outer(per_day, per_store))
    rng = array_stream(options.random_seed, "receipts per day")
    counts = np.zeros(len(steps), dtype=np.int64)
    for start in range(0, options.transactions, _DRAWN_AT_ONCE):
        drawn = rng.random(min(_DRAWN_AT_ONCE, options.transactions - start)) * steps[-1]
        cells = np.minimum(np.searchsorted(steps, drawn, side="right"), len(steps) - 1)
        counts += np.bincount(cells, minlength=len(steps))
    by_day = counts.reshape(len(days), len(stores)).tolist()
    for index, (day, row) in enumerate(zip(days, by_day, strict=True)):
        yield index, day, row


def _day_weight(day: date, progress: float) -> float:
    """Return how much a day sells compared to others.

    Args:
        day: The date.
        progress: Where it lies in the period, 0 at the start and 1 at the end.
    """
    weight = _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1] * (1 + (_GROWTH - 1) * progress)
    if (day.month, day.day) == (12, 25):
        return weight * _CHRISTMAS_DAY
    if _is_thanksgiving_weekend(day):
        return weight * _THANKSGIVING_WEEKEND
    return weight


def _is_thanksgiving_weekend(day: date) -> bool:
    """Say whether a day lies between Black Friday and the Monday after it."""
    november = date(day.year, 11, 1)
    first_thursday = november + timedelta(days=(3 - november.weekday()) % 7)
    return 22 <= (day - first_thursday).days <= 25


def quarter_hours(*, around_the_clock: bool) -> list[int]:
    """Return seconds of the day on which quarter hours begin, each as often as customers come in it."""
    hours = _ONLINE_HOURS if around_the_clock else _SHOP_HOURS
    return [hour * 3600 + quarter * 900 for hour, share in hours.items() for quarter in range(4) for _ in range(share)]


@dataclass(frozen=True, slots=True)
class LocalDay:
    """One day on one store's clock, with the change to and from daylight saving time.

    Attributes:
        early: Epoch second of local midnight.
        late: Epoch second that midnight would be by the offset that holds at noon.
    """

    early: int
    late: int

    def instant(self, second: int) -> int:
        """Return the epoch second of a second of the day.

        Clocks change before three in the morning; until then time is counted from midnight.
        """
        return (self.early if second < 3 * 3600 else self.late) + second


@lru_cache(maxsize=65_536)
def local_day(time_zone: str, day: date) -> LocalDay:
    """Return a date in a time zone."""
    zone = ZoneInfo(time_zone)
    midnight = datetime.combine(day, time(0), zone)
    noon = datetime.combine(day, time(12), zone)
    return LocalDay(int(midnight.timestamp()), int(noon.timestamp()) - _SECONDS_PER_DAY // 2)


_CLOCK: Final = [
    f" {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}+00" for second in range(_SECONDS_PER_DAY)
]


@lru_cache(maxsize=65_536)
def _date_text(epoch_day: int) -> str:
    return (_UNIX_EPOCH + timedelta(days=epoch_day)).isoformat()


def timestamp_text(epoch_second: int) -> str:
    """Write a timestamp as PostgreSQL reads it; two lookups, because every row has at least one."""
    epoch_day, second = divmod(epoch_second, _SECONDS_PER_DAY)
    return _date_text(epoch_day) + _CLOCK[second]
