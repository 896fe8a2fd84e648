"""Periods: what a caller may leave out, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from server.errors import InvalidInputError
from server.toolkit.periods import MAX_DAYS, Preset, months_later, previous_days, resolve_period

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


# Friday, and a leap day that is a Thursday.
NAMED = {
    TODAY: {
        "today": ("2026-11-20", "2026-11-20"),
        "yesterday": ("2026-11-19", "2026-11-19"),
        "last_7_days": ("2026-11-14", "2026-11-20"),
        "last_30_days": ("2026-10-22", "2026-11-20"),
        "last_90_days": ("2026-08-23", "2026-11-20"),
        "last_365_days": ("2025-11-21", "2026-11-20"),
        "this_week": ("2026-11-16", "2026-11-20"),
        "last_week": ("2026-11-09", "2026-11-15"),
        "this_month": ("2026-11-01", "2026-11-20"),
        "last_month": ("2026-10-01", "2026-10-31"),
        "this_quarter": ("2026-10-01", "2026-11-20"),
        "last_quarter": ("2026-07-01", "2026-09-30"),
        "year_to_date": ("2026-01-01", "2026-11-20"),
        "last_year": ("2025-01-01", "2025-12-31"),
    },
    date(2024, 2, 29): {
        "last_7_days": ("2024-02-23", "2024-02-29"),
        "last_week": ("2024-02-19", "2024-02-25"),
        "this_month": ("2024-02-01", "2024-02-29"),
        "last_month": ("2024-01-01", "2024-01-31"),
        "this_quarter": ("2024-01-01", "2024-02-29"),
        "last_quarter": ("2023-10-01", "2023-12-31"),
        "last_year": ("2023-01-01", "2023-12-31"),
    },
}


def days(start: str, end: str) -> tuple[date, date]:
    return date.fromisoformat(start), date.fromisoformat(end)


def test_every_period_has_its_days() -> None:
    assert set(NAMED[TODAY]) == set(Preset)
    for today, named in NAMED.items():
        for name, expected in named.items():
            period = resolve_period(None, None, today, "Europe/Vienna", Preset(name))

            assert (period.start_date, period.end_date) == days(*expected), name
            assert period.time_zone == "Europe/Vienna"


def test_a_name_and_dates_are_not_mixed() -> None:
    for start, end in ((TODAY, None), (None, TODAY), (TODAY, TODAY)):
        with pytest.raises(InvalidInputError, match="either period or start_date and end_date"):
            resolve_period(start, end, TODAY, "Europe/Vienna", Preset.TODAY)


def test_named_calendar_periods_follow_the_one_before_and_others_as_many_days() -> None:
    before = {
        "last_7_days": ("2026-11-07", "2026-11-13"),
        "this_week": ("2026-11-09", "2026-11-13"),
        "last_week": ("2026-11-02", "2026-11-08"),
        "this_month": ("2026-10-01", "2026-10-20"),
        "last_month": ("2026-09-01", "2026-09-30"),
        "this_quarter": ("2026-07-01", "2026-08-20"),
        "last_quarter": ("2026-04-01", "2026-06-30"),
        "year_to_date": ("2025-01-01", "2025-11-20"),
        "last_year": ("2024-01-01", "2024-12-31"),
    }
    for name, expected in before.items():
        assert previous_days(*days(*NAMED[TODAY][name]), Preset(name)) == days(*expected), name
    assert previous_days(date(2026, 3, 1), date(2026, 3, 31)) == days("2026-01-29", "2026-02-28")


def test_a_month_that_is_too_short_ends_on_its_last_day() -> None:
    assert months_later(date(2026, 3, 31), -1) == date(2026, 2, 28)
    assert months_later(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert months_later(date(2024, 2, 29), -12) == date(2023, 2, 28)
    assert months_later(date(2026, 12, 1), 1) == date(2027, 1, 1)
