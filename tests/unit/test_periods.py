"""Periods: what a caller may leave out, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from server.errors import InvalidInputError
from server.toolkit.periods import MAX_DAYS, resolve_period

TODAY = date(2026, 11, 20)


def resolve(start: date | None, end: date | None) -> tuple[date, date]:
    period = resolve_period(start, end, TODAY, "America/Los_Angeles")
    assert period.time_zone == "America/Los_Angeles"
    return period.start_date, period.end_date


def test_the_default_is_thirty_days_until_today() -> None:
    assert resolve(None, None) == (date(2026, 10, 22), TODAY)


def test_a_start_alone_runs_until_today() -> None:
    assert resolve(date(2026, 1, 1), None) == (date(2026, 1, 1), TODAY)


def test_an_end_alone_reaches_back_thirty_days() -> None:
    assert resolve(None, date(2026, 1, 30)) == (date(2026, 1, 1), date(2026, 1, 30))


def test_one_day_is_a_period() -> None:
    assert resolve(TODAY, TODAY) == (TODAY, TODAY)
    assert resolve(TODAY, None) == (TODAY, TODAY)


def test_a_start_in_the_future_is_not_reversed() -> None:
    """Nothing was sold then, but the question is in order: the answer is zero, not an error."""
    tomorrow = TODAY + timedelta(days=1)
    start, end = resolve(tomorrow, None)
    assert start == tomorrow
    assert end >= start


def test_reversed_dates_are_refused_with_both_days() -> None:
    with pytest.raises(InvalidInputError, match=r"2026-11-02.*2026-11-01.*Swap"):
        resolve(date(2026, 11, 2), date(2026, 11, 1))


def test_the_longest_period_is_three_years() -> None:
    start = TODAY - timedelta(days=MAX_DAYS - 1)
    assert resolve(start, TODAY) == (start, TODAY)


def test_a_day_more_is_refused_with_the_limit() -> None:
    with pytest.raises(InvalidInputError, match=r"1097 days; at most 1096 .*shorter"):
        resolve(TODAY - timedelta(days=MAX_DAYS), TODAY)


def test_three_calendar_years_with_a_leap_day_fit() -> None:
    assert resolve(date(2024, 1, 1), date(2026, 12, 31)) == (date(2024, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize("end", [date.min, date.min + timedelta(days=28)])
def test_the_first_days_of_the_calendar_have_no_thirty_days_before(end: date) -> None:
    """Whatever is made of it, no arithmetic error may come out."""
    try:
        start, _ = resolve(None, end)
    except InvalidInputError:
        return
    assert start <= end


def test_the_last_day_of_the_calendar_is_a_period() -> None:
    assert resolve(date.max, date.max) == (date.max, date.max)
