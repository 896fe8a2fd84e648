"""Days and times of a file, and the zone that they are of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, BeforeValidator, ValidationError

from server.imports.fields import moments


class Row(BaseModel):
    at: Annotated[datetime | None, BeforeValidator(moments.moment)] = None
    on: Annotated[date | None, BeforeValidator(moments.day)] = None


def at(written: object, zone: str = "America/Los_Angeles") -> datetime | None:
    return Row.model_validate({"at": written}, context={"time_zone": zone}).at


def test_times_are_the_stores_unless_they_say_otherwise() -> None:
    ten = datetime(2026, 3, 2, 18, 15, tzinfo=UTC)
    for written in (
        "2026-03-02 10:15",
        "2026-03-02T10:15:00",
        " 2026-03-02 10:15:00.000 ",
        "2026-03-02 13:15:00-05:00",
        "2026-03-02 13:15:00 -0500",
        "2026-03-02T18:15Z",
        "2026-03-02 18:15:00 UTC",
    ):
        assert at(written) == ten
    assert at("2026-03-02 19:15", "Europe/Zurich") == ten
    assert at("") is None
    assert at(None) is None


def test_clocks_that_change() -> None:
    # Twice on this day in autumn, of which the first is meant; after the gap in spring all is well again.
    assert at("2025-11-02 01:30") == datetime(2025, 11, 2, 8, 30, tzinfo=UTC)
    assert at("2026-03-08 03:00") == datetime(2026, 3, 8, 10, 0, tzinfo=UTC)
    with pytest.raises(ValidationError, match="left out when the clocks of America/Los_Angeles went forward"):
        at("2026-03-08 02:59:59")
    assert at("2026-03-08 02:59:59", "UTC") == datetime(2026, 3, 8, 2, 59, 59, tzinfo=UTC)


def test_day_is_its_noon_in_the_store_and_today_is_not_to_come() -> None:
    assert at("2026-03-02") == datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
    today = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    assert at(today.isoformat(), "Pacific/Kiritimati") is not None
    with pytest.raises(ValidationError, match="to come"):
        at((today + timedelta(days=1)).isoformat(), "Pacific/Kiritimati")


@pytest.mark.parametrize(
    "written",
    ["02.03.2026", "3/2/2026", "2026-3-2 10:15", "2026-02-30 10:15", "2026-03-02 24:15", "10:15", 20260302, True],
)
def test_other_writings_are_refused(written: object) -> None:
    with pytest.raises(ValidationError, match="is not a time"):
        at(written)
    with pytest.raises(ValidationError, match="is not a day"):
        Row.model_validate({"on": written})


def test_time_to_come_is_refused_but_for_fast_clocks() -> None:
    now = datetime.now(UTC)
    assert at((now + timedelta(minutes=30)).isoformat()) is not None
    for wrong in (now + timedelta(hours=2), datetime(1899, 12, 31, tzinfo=UTC)):
        with pytest.raises(ValidationError, match="to come"):
            at(wrong.isoformat())
