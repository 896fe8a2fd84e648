"""The spans of a ranking's period are its days, each once, in few sums."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from server.tools.sales.rollup_ranges import ranges_of

A_DAY = timedelta(days=1)


@given(
    first=st.dates(min_value=date(2023, 1, 1), max_value=date(2026, 12, 31)),
    days=st.integers(min_value=1, max_value=800),
)
def test_spans_are_the_days_of_the_period(first: date, days: int) -> None:
    counted: Counter[date] = Counter()
    spans = ranges_of(first, first + timedelta(days=days - 1))
    for span in spans:
        if span.by_month:
            assert span.first.day == 1
            assert (span.last + A_DAY).day == 1
        for number in range((span.last - span.first).days + 1):
            counted[span.first + number * A_DAY] += span.sign
    assert {day: times for day, times in counted.items() if times} == {first + n * A_DAY: 1 for n in range(days)}
    # A month's days beyond its half are read as the month less the others.
    assert sum(span.rows for span in spans) <= min(days, days // 28 + 2 + 30)


def test_a_year_until_nearly_the_end_of_a_month() -> None:
    spans = ranges_of(date(2025, 11, 27), date(2026, 11, 26))
    assert [(span.by_month, span.sign, span.rows) for span in spans] == [(True, 1, 12), (False, 1, 4), (False, -1, 4)]
