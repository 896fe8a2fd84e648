"""A period in stretches has each of its days once, in the bucket that the day is in by itself."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.toolkit.results import PeriodUsed
from server.tools.sales.dimensions import SERIES, Dimension
from server.tools.sales.time_buckets import Comparison, Periods, resolve_periods

OF_DAYS = (*SERIES, Dimension.WEEKDAY)


@st.composite
def periods(draw: st.DrawFn) -> Periods:
    first = draw(st.dates(min_value=date(2023, 1, 1), max_value=date(2026, 12, 31)))
    if draw(st.booleans()):
        first = first.replace(day=1)
    last = first + timedelta(days=draw(st.integers(min_value=0, max_value=500)))
    now = PeriodUsed(start_date=first, end_date=last, time_zone="Europe/Vienna")
    if draw(st.booleans()):
        return resolve_periods(now, None, draw(st.none() | st.sampled_from(Comparison)))
    other = draw(st.dates(min_value=date(2023, 1, 1), max_value=date(2026, 12, 31)))
    return resolve_periods(
        now, None, None, other, other + timedelta(days=draw(st.integers(min_value=0, max_value=500)))
    )


@given(periods=periods(), dimensions=st.lists(st.sampled_from([*OF_DAYS, Dimension.BRAND]), max_size=2, unique=True))
def test_each_day_is_in_its_own_buckets(periods: Periods, dimensions: list[Dimension]) -> None:
    stretches = periods.stretches(dimensions)

    found = [(s.is_current, day, (s.key_1, s.key_2)) for s in stretches for day in s.days]

    by_days = [dimension if dimension.is_of_days else None for dimension in dimensions] + [None, None]
    expected = []
    for is_current, period in ((True, periods.now), (False, periods.before)):
        if period is None:
            continue
        key = periods.bucket if is_current else periods.bucket_beside
        for number in range((period.end_date - period.start_date).days + 1):
            day = period.start_date + timedelta(days=number)
            first, second = (None if dimension is None else key(day, dimension) for dimension in by_days[:2])
            expected.append((is_current, day, (first, second)))
    assert found == expected
    # In as few stretches as there are changes of buckets.
    assert all(
        (one.is_current, one.key_1, one.key_2) != (other.is_current, other.key_1, other.key_2)
        for one, other in pairwise(stretches)
    )


@given(periods=periods(), dimension=st.sampled_from(SERIES))
def test_a_series_has_every_bucket_once_in_order(periods: Periods, dimension: Dimension) -> None:
    days = [
        periods.now.start_date + timedelta(days=n)
        for n in range((periods.now.end_date - periods.now.start_date).days + 1)
    ]
    assert periods.buckets(dimension) == list(dict.fromkeys(periods.bucket(day, dimension) for day in days))
