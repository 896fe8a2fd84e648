"""Days and times of a file, and the zone that they are of."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, BeforeValidator, ValidationError

from server.imports.fields import timestamps


class Row(BaseModel):
    at: Annotated[datetime | None, BeforeValidator(timestamps.timestamp)] = None
    on: Annotated[date | None, BeforeValidator(timestamps.day)] = None


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
        # COPY of PostgreSQL.
        "2026-03-02 18:15:00+00",
        "2026-03-02 23:45:00+05:30",
        # .NET.
        "2026-03-02T18:15:00.0000000Z",
        "2026/03/02 10:15",
        "2026-3-2 10:15",
        "2026.03.02 10:15 AM",
        "'2026-03-02 10:15",
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
    [
        "02.03.2026",
        "3/2/2026",
        "2026-02-30 10:15",
        "2026-03-02 24:15",
        "10:15",
        20260302,
        True,
        "2026-03/02",
        "2026-03-02 13:15 PM",
        "2026-03-02 0:15 AM",
        "2026-03-02 10:15 PST",
    ],
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


def in_order(order: str, **values: object) -> Row:
    return Row.model_validate(values, context={"time_zone": "UTC", "date_order": order})


def test_the_order_of_day_and_month_is_the_operators_to_say() -> None:
    fourth_of_march = datetime(2026, 3, 4, 21, 5, tzinfo=UTC)
    for written in ("04.03.2026 21:05", "4/3/2026 9:05 PM", "2026-03-04 21:05"):
        assert in_order("dmy", at=written).at == fourth_of_march
    for written in ("03/04/2026 21:05", "3-4-2026 9:05pm", "2026-03-04 21:05"):
        assert in_order("mdy", at=written).at == fourth_of_march
    assert in_order("dmy", on="31.12.1980").on == in_order("mdy", on="12/31/1980").on == date(1980, 12, 31)
    with pytest.raises(ValidationError, match="is not a day"):
        in_order("mdy", on="31.12.1980")


def test_a_day_may_have_a_time_behind_it() -> None:
    for written in ("2021-05-01T00:00:00Z", "2021-05-01 00:00:00", "2021-05-01 23:59:59.999-11:00"):
        assert Row.model_validate({"on": written}).on == date(2021, 5, 1)


def test_an_unclear_day_is_told_how_to_be_read() -> None:
    with pytest.raises(ValidationError) as refused:
        at("03/04/2026")
    assert "--date-order dmy" in refused.value.errors()[0]["ctx"]["correction"]
