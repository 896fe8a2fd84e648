"""summarize_customers: activity, segments, cohorts and value of a clientele."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastmcp import Client
from hypothesis import given
from hypothesis import strategies as st

from server.calls.principal import Role
from server.tools.customers.models import Segment
from tests.support import answer, refusal
from tests.tools.asking import Callers, walk
from tests.tools.conftest import SEEDS, Seeded
from tests.tools.reference import customer_figures as reference
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Goods, Shop
from tests.tools.test_properties import bounded, dates

FIRST, LAST = date(2024, 2, 20), date(2026, 11, 19)
# The leap day, both ends of daylight saving time, and the turn of a year.
SPECIAL = [date(2024, 2, 29), date(2025, 3, 9), date(2025, 11, 2), date(2025, 12, 31), date(2026, 3, 8)]


@st.composite
def some_period(draw: st.DrawFn) -> tuple[date, date]:
    """Up to three months, often over a special day."""
    first = draw(st.sampled_from(SPECIAL) | st.dates(FIRST, LAST)) - timedelta(days=draw(st.integers(0, 10)))
    return first, min(first + timedelta(days=draw(st.integers(0, 90))), LAST)


@bounded
@given(seed=st.sampled_from(SEEDS), period=some_period(), lapse_days=st.sampled_from([7, 30, 90, 180]))
async def test_activity_of_any_period_equals_the_reference(
    seeded: Seeded, seed: int, period: tuple[date, date], lapse_days: int
) -> None:
    client, data = seeded[seed]
    first, last = period
    before = (first - (last - first) - timedelta(days=1), first - timedelta(days=1))
    today = reference.today_in(data)

    found = await answer(client, "summarize_customers", **dates(period), lapse_days=lapse_days)

    now = reference.activity(data, first, last, today, lapse_days)
    earlier = reference.activity(data, *before, today, lapse_days)
    assert found["activity"] == now
    assert found["earlier_activity"] == earlier
    assert found["change"] == reference.activity_change(now, earlier)
    assert found["tiers"] == reference.tiers(data, first, last)
    assert (found["earlier_period"]["start_date"], found["earlier_period"]["end_date"]) == tuple(
        day.isoformat() for day in before
    )


@bounded
@given(seed=st.sampled_from(SEEDS), period=some_period())
async def test_cohorts_of_any_whole_months_equal_the_reference(
    seeded: Seeded, seed: int, period: tuple[date, date]
) -> None:
    client, data = seeded[seed]
    first, last = reference.month_start(period[0]), reference.month_start(period[1], -1)
    if reference.is_over(reference.month_start(period[1]), period[1]):
        last = reference.month_start(period[1])
    if first > last:
        assert "Cohorts take whole months" in await refusal(
            client, "summarize_customers", view="cohorts", **dates(period)
        )
        return

    found = await answer(client, "summarize_customers", view="cohorts", **dates(period))

    rows, whole, customers = reference.cohorts(data, first, last)
    assert found["cohorts"] == rows
    assert found["cohort_table"] == {
        "first_month": first.isoformat(),
        "last_month": last.isoformat(),
        "customers": customers,
        "retained_percent": whole,
    }


@pytest.mark.parametrize("seed", SEEDS)
async def test_segments_and_their_lists_equal_the_reference(seeded: Seeded, seed: int) -> None:
    client, data = seeded[seed]

    found = await answer(client, "summarize_customers", view="segments")

    expected = reference.segments(data, reference.today_in(data))
    assert [row["segment"] for row in found["segments"]] == list(Segment)
    for row in found["segments"]:
        definition = row.pop("definition")
        assert definition.startswith("R ")
        assert row == expected.get(row["segment"], empty_segment(row["segment"]))
        listed = await walk(client, "search_customers", limit=100, segment=row["segment"])
        assert listed == reference.found_customers(data, segment=row["segment"])
        assert len(listed) == row["customers"]
    assert found["note"] is None


def empty_segment(segment: str) -> dict[str, Any]:
    return {
        "segment": segment,
        "customers": 0,
        "share_of_customers_percent": 0.0,
        "lifetime_value": "0.00",
        "share_of_lifetime_value_percent": 0.0,
        "average_lifetime_value": None,
        "average_orders": None,
        "average_days_since_last_purchase": None,
        "is_few": True,
    }


@pytest.mark.parametrize("seed", SEEDS)
async def test_value_equals_the_reference(seeded: Seeded, seed: int) -> None:
    client, data = seeded[seed]

    found = await answer(client, "summarize_customers", view="value")

    assert (found["value"], found["value_bands"]) == reference.value(data)


async def test_without_a_period_cohorts_are_the_twelve_months_that_are_over(
    seeded: Seeded,
) -> None:
    client, data = seeded[SEEDS[0]]
    today = reference.today_in(data)

    found = (await answer(client, "summarize_customers", view="cohorts"))["cohort_table"]

    assert found["last_month"] == reference.month_start(today, -1).isoformat()
    assert found["first_month"] == reference.month_start(today, -12).isoformat()


async def test_a_segment_and_a_tier_together_must_both_match(demo_as: Callers, demo_data: dict[str, StoreData]) -> None:
    for asked in ({"segment": "champions", "loyalty_tier": "gold"}, {"segment": "at_risk", "name": "an"}):
        rows = await walk(await demo_as("seattle"), "search_customers", limit=50, **asked)

        assert rows == reference.found_customers(demo_data["seattle"], **asked)
        assert rows


@pytest.mark.parametrize("role", ["analyst", "auditor", "support"])
async def test_every_role_has_the_same_figures_and_its_own_view_of_the_people(
    demo_as: Callers, demo_data: dict[str, StoreData], role: Role
) -> None:
    client, manager = await demo_as("seattle", role=role), await demo_as("seattle")
    for view in ("activity", "segments", "cohorts", "value"):
        asked = {"view": view, "period": "last_30_days"} if view == "activity" else {"view": view}
        assert await answer(client, "summarize_customers", **asked) == await answer(
            manager, "summarize_customers", **asked
        )

    rows = await walk(client, "search_customers", limit=50, segment="at_risk")

    assert rows == reference.found_customers(demo_data["seattle"], segment="at_risk", role=role)
    assert all((row["name"] is None) is (role != "support") for row in rows)


def days_ago(shop: Shop, days: int) -> str:
    return f"{datetime.now(UTC).astimezone(shop.zone).date() - timedelta(days=days)} 12:00"


async def test_a_customer_lapses_once_and_is_won_back(shop: Shop) -> None:
    nail, ada = await shop.product("NAIL"), await shop.customer("Ada", "Lovelace")
    for day in ("2026-01-10", "2026-01-20", "2026-03-21"):
        await shop.receipt(f"{day} 12:00", Goods(nail), customer_id=ada)

    async def moved(first: str, last: str) -> tuple[int, int]:
        asked = {"start_date": first, "end_date": last, "lapse_days": 30}
        found = (await answer(client, "summarize_customers", **asked))["activity"]
        return found["lapsed_customers"], found["won_back_customers"]

    async with shop.client() as client:
        assert await moved("2026-02-18", "2026-02-18") == (0, 0)
        assert await moved("2026-02-19", "2026-02-19") == (1, 0)  # 30 days after 20 January
        assert await moved("2026-03-21", "2026-03-21") == (0, 1)
        assert await moved("2026-01-01", "2026-03-31") == (1, 1)
        # A purchase on the very day keeps the customer, who was never away for longer then.
        await shop.receipt("2026-02-19 23:59", Goods(nail), customer_id=ada)
        assert await moved("2026-02-19", "2026-02-19") == (0, 0)
        assert await moved("2026-03-21", "2026-03-21") == (0, 0)


async def test_nobody_lapses_in_the_future(shop: Shop) -> None:
    nail, ada = await shop.product("NAIL"), await shop.customer("Ada", "Lovelace")
    await shop.receipt(days_ago(shop, 10), Goods(nail), customer_id=ada)
    today = datetime.now(UTC).astimezone(shop.zone).date()
    asked = {"start_date": str(today), "end_date": str(today + timedelta(days=60)), "lapse_days": 30}

    async with shop.client() as client:
        found = await answer(client, "summarize_customers", **asked)

    assert found["activity"]["lapsed_customers"] == 0


async def test_four_buyers_have_no_segment_and_five_have(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    people = [await shop.customer("Ada", f"Number {number}") for number in range(5)]
    for number, person in enumerate(people[:4]):
        await shop.receipt(days_ago(shop, 1 + number), Goods(nail, 9 - number), customer_id=person)

    async with shop.client() as client:
        found = await answer(client, "summarize_customers", view="segments")
        listed = [await answer(client, "search_customers", segment=segment) for segment in Segment]
        profile = await answer(client, "get_customer", customer_id=str(people[0]))
        await shop.receipt(days_ago(shop, 9), Goods(nail), customer_id=people[4])
        after = await answer(client, "summarize_customers", view="segments")
        scored = (await answer(client, "get_customer", customer_id=str(people[0])))["rfm"]

    assert found["note"] == "Fewer than five customers ever bought here: too few to tell fifths apart."
    assert {row["customers"] for row in found["segments"]} == {0}
    assert sum(page["total_matches"] for page in listed) == 0
    assert profile["rfm"] is None
    assert after["note"] is None
    assert sum(row["customers"] for row in after["segments"]) == 5
    assert scored == {"segment": "potential_loyalists", "recency_score": 5, "frequency_score": 1, "monetary_score": 5}


async def test_equal_customers_have_equal_scores(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    people = [await shop.customer("Ada", f"Number {number}") for number in range(6)]
    for person in people:
        await shop.receipt(days_ago(shop, 1), Goods(nail), customer_id=person)

    async with shop.client() as client:
        found = [(await answer(client, "get_customer", customer_id=str(person)))["rfm"] for person in people]

    assert found == [{"segment": "new", "recency_score": 5, "frequency_score": 1, "monetary_score": 1}] * 6


async def test_an_erased_customer_stays_in_figures_and_is_in_no_segment(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    people = [await shop.customer("Ada", f"Number {number}") for number in range(6)]
    for person in people:
        await shop.receipt(days_ago(shop, 1), Goods(nail), customer_id=person)
    await shop.connection.execute(
        "update retail.customers set erased_at = now(), first_name = null, last_name = null, email = null,"
        " phone = null, date_of_birth = null, gender = null where customer_id = $1",
        people[0],
    )

    async with shop.client() as client:
        erased = await answer(client, "get_customer", customer_id=str(people[0]))
        page = await answer(client, "search_customers", segment="new")
        activity = (await answer(client, "summarize_customers"))["activity"]

    assert (erased["rfm"], erased["orders"]) == (None, 1)
    assert page["total_matches"] == 5
    assert activity["buyers"] == 6


@pytest.mark.parametrize(
    ("days_ago_bought", "expected"),
    [
        ([], (0, None, None, None, None)),
        ([9], (1, None, None, None, None)),
        ([40, 20, 9], (3, 15.5, None, None, None)),
        ([60, 40, 20, 9], (4, 20.0, 11, False, 0)),
        ([60, 60, 40, 20, 9], (4, 20.0, 11, False, 0)),
        ([62, 60, 55, 50], (4, 5.0, -45, True, 45)),
        ([70, 61, 50, 40, 20], (5, 10.5, -9, True, 9)),
    ],
)
async def test_a_rhythm_takes_four_days_of_purchase(
    shop: Shop, days_ago_bought: list[int], expected: tuple[Any, ...]
) -> None:
    nail, ada = await shop.product("NAIL"), await shop.customer("Ada", "Lovelace")
    for number, days in enumerate(days_ago_bought):
        await shop.receipt(f"{days_ago(shop, days)}:{number:02d}", Goods(nail), customer_id=ada)

    async with shop.client() as client:
        found = (await answer(client, "get_customer", customer_id=str(ada)))["rhythm"]

    today = datetime.now(UTC).astimezone(shop.zone).date()
    next_date = found["expected_next_purchase_date"]
    ahead = (date.fromisoformat(next_date) - today).days if next_date else None
    figures = (found["purchase_days"], found["median_days_between"], ahead, found["is_overdue"], found["days_overdue"])
    assert figures == expected


async def test_dates_and_a_named_period_together_are_refused(demo_as: Callers) -> None:
    client: Client[Any] = await demo_as("seattle")
    message = await refusal(client, "summarize_customers", period="today", end_date="2026-11-01")

    assert message.startswith("Give either period or start_date and end_date")
