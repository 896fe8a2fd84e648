"""summarize_returns: rate, reasons, products and customers of what came back."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.calls.principal import Role
from tests.support import answer
from tests.tools.asking import Callers, walk
from tests.tools.conftest import SEEDS, Seeded
from tests.tools.reference.returns import returns
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Goods, Shop
from tests.tools.test_customer_summary import some_period
from tests.tools.test_properties import bounded, dates

GROUPS = ("reason", "product", "category", "customer", "day", "week", "month")


def just_before(first: date, last: date) -> tuple[date, date]:
    return first - (last - first) - timedelta(days=1), first - timedelta(days=1)


@bounded
@given(seed=st.sampled_from(SEEDS), period=some_period(), group_by=st.sampled_from(GROUPS))
async def test_returns_of_any_period_equal_the_reference(
    seeded: Seeded, seed: int, period: tuple[date, date], group_by: str
) -> None:
    client, data = seeded[seed]
    asked = {**dates(period), "group_by": group_by}

    found = await answer(client, "summarize_returns", limit=100, **asked)

    expected = returns(data, *period, just_before(*period), group_by)
    rows = expected.pop("rows")
    assert {name: found[name] for name in expected} == expected
    assert await walk(client, "summarize_returns", limit=7, **asked) == rows
    assert found["rows"] == rows[:100]


@pytest.mark.parametrize("role", ["support", "analyst", "auditor"])
async def test_customers_appear_as_the_role_may_see_them(
    demo_as: Callers, demo_data: dict[str, StoreData], role: Role
) -> None:
    first, last = date(2026, 9, 1), date(2026, 10, 31)

    rows = await walk(
        await demo_as("seattle", role=role),
        "summarize_returns",
        limit=20,
        group_by="customer",
        start_date=str(first),
        end_date=str(last),
    )

    data = demo_data["seattle"]
    assert rows == returns(data, first, last, just_before(first, last), "customer", role)["rows"]
    assert any(row["label"].startswith("Customer ") for row in rows) is (role != "support")


async def test_a_named_month_is_compared_with_the_whole_month_before(demo_as: Callers) -> None:
    found = await answer(await demo_as("seattle"), "summarize_returns", period="last_month")

    last_day = date.fromisoformat(found["earlier_period"]["end_date"])
    assert last_day == date.fromisoformat(found["period"]["start_date"]) - timedelta(days=1)
    assert found["earlier_period"]["start_date"] == last_day.replace(day=1).isoformat()


async def test_rates_of_one_sale_and_its_exchange_are_these(shop: Shop) -> None:
    pen, ink = await shop.product("PEN"), await shop.product("INK")
    sale = await shop.receipt("2026-09-30 20:00", Goods(pen, 4, "10.00"), Goods(ink, 1, "7.00"))
    await shop.receipt(
        "2026-10-05 10:00",
        Goods(pen, 1, "10.00", original=sale.items[0]),
        Goods(ink, 2, "7.00"),
        transaction_type="exchange",
        original_transaction_id=sale.transaction_id,
        return_reason="Too blue",
    )

    async with shop.client() as client:
        october = await answer(client, "summarize_returns", start_date="2026-10-01", end_date="2026-10-31")
        september = await answer(client, "summarize_returns", start_date="2026-09-01", end_date="2026-09-30")

    assert (october["totals"]["units_returned"], october["totals"]["units_sold"]) == (1, 2)
    assert october["totals"]["return_rate_percent"] == 50.0
    assert october["totals"]["is_few"] is True
    assert (october["units_sold_and_returned"], october["sold_and_returned_percent"]) == (0, 0.0)
    assert october["median_days_to_return"] == 5.0
    assert [(row["label"], row["units_returned"], row["units_sold"]) for row in october["rows"]] == [
        ("Too blue", 1, None)
    ]
    assert september["totals"]["return_rate_percent"] == 0.0
    assert (september["units_sold_and_returned"], september["sold_and_returned_percent"]) == (1, 20.0)


async def test_returns_without_any_sale_have_no_rate(shop: Shop) -> None:
    pen = await shop.product("PEN")
    sale = await shop.receipt("2026-09-30 20:00", Goods(pen, 2, "10.00"))
    await shop.receipt(
        "2026-10-05 10:00",
        Goods(pen, 2, "10.00", original=sale.items[0]),
        transaction_type="return",
        original_transaction_id=sale.transaction_id,
    )

    async with shop.client() as client:
        found = await answer(
            client, "summarize_returns", start_date="2026-10-01", end_date="2026-10-31", group_by="product"
        )

    assert found["totals"]["return_rate_percent"] is None
    assert found["change"] == {"units_returned": 2, "units_returned_percent": None, "return_rate_points": None}
    assert [(row["key"], row["return_rate_percent"], row["returns_value"]) for row in found["rows"]] == [
        ("PEN", None, "20.00")
    ]
