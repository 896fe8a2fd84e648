"""list_bought_together: support, confidence and lift over real baskets."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import answer, refusal
from tests.tools.asking import Callers, walk
from tests.tools.conftest import SEEDS, Seeded
from tests.tools.reference.returns import bought_together
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Goods, Shop
from tests.tools.test_customer_summary import FIRST, LAST
from tests.tools.test_properties import bounded, dates

SORTS = ("lift", "confidence", "baskets")


@bounded
@given(
    seed=st.sampled_from(SEEDS),
    days=st.tuples(st.dates(FIRST, LAST), st.dates(FIRST, LAST)).map(sorted),
    product=st.none() | st.integers(0, 39),
    min_baskets=st.integers(2, 4),
    sort=st.sampled_from(SORTS),
)
async def test_pairs_of_any_period_equal_the_reference(
    seeded: Seeded, seed: int, days: list[date], product: int | None, min_baskets: int, sort: str
) -> None:
    client, data = seeded[seed]
    chosen = {} if product is None else {"sku": data.products[product % len(data.products)]["sku"]}

    found = await walk(
        client,
        "list_bought_together",
        limit=100,
        **dates((days[0], days[1])),
        **chosen,
        min_baskets=min_baskets,
        sort=sort,
    )

    assert found == bought_together(data, days[0], days[1], **chosen, min_baskets=min_baskets, sort=sort)


@pytest.mark.parametrize("limit", [1, 9])
async def test_pages_together_are_the_whole_list(demo_as: Callers, demo_data: dict[str, StoreData], limit: int) -> None:
    period = (date(2026, 5, 1), date(2026, 11, 19))
    client = await demo_as("seattle")
    first = await answer(client, "list_bought_together", **dates(period), min_baskets=4)

    rows = await walk(client, "list_bought_together", limit=limit, **dates(period), min_baskets=4)

    expected = bought_together(demo_data["seattle"], *period, min_baskets=4)
    assert rows == expected
    assert rows
    assert first["total_matches"] == len(expected)
    assert first["all_baskets"] == sum(
        receipt.is_sale and period[0] <= receipt.day <= period[1] for receipt in demo_data["seattle"].receipts
    )


async def test_figures_of_four_baskets_are_these(shop: Shop) -> None:
    pen, ink, cup = [await shop.product(sku) for sku in ("PEN", "INK", "CUP")]
    # Two lines of one product are one basket with it, and what comes back is no basket.
    sale = await shop.receipt("2026-10-01 10:00", Goods(pen), Goods(ink), Goods(ink))
    await shop.receipt("2026-10-02 10:00", Goods(pen), Goods(ink))
    await shop.receipt("2026-10-03 10:00", Goods(pen), Goods(cup))
    await shop.receipt("2026-10-04 10:00", Goods(cup))
    await shop.receipt(
        "2026-10-05 10:00",
        Goods(ink, original=sale.items[1]),
        Goods(cup),
        transaction_type="exchange",
        original_transaction_id=sale.transaction_id,
    )
    asked = {"start_date": "2026-10-01", "end_date": "2026-10-31", "min_baskets": 2}

    async with shop.client() as client:
        found = await answer(client, "list_bought_together", **asked)
        of_pen = await answer(client, "list_bought_together", sku="pen", **asked)

    assert found["all_baskets"] == 4
    (row,) = found["rows"]
    figures = ("sku", "other_sku", "baskets_together", "baskets", "other_baskets", "lift", "is_few")
    assert [row[name] for name in figures] == ["INK", "PEN", 2, 2, 3, 1.33, True]
    shares = ("support_percent", "confidence_percent", "other_confidence_percent")
    assert [row[name] for name in shares] == [50.0, 100.0, 66.67]
    assert [(row["sku"], row["other_sku"], row["confidence_percent"]) for row in of_pen["rows"]] == [
        ("PEN", "INK", 66.67)
    ]


async def test_an_unknown_product_is_refused_with_the_way_to_find_one(demo_as: Callers) -> None:
    message = await refusal(await demo_as("seattle"), "list_bought_together", sku="NO-SUCH")

    assert message == "No product with this SKU in seattle. Find it with search_products."


async def test_without_a_period_a_year_counts(demo_as: Callers) -> None:
    used = (await answer(await demo_as("seattle"), "list_bought_together"))["period"]

    days = date.fromisoformat(used["end_date"]) - date.fromisoformat(used["start_date"])
    assert days.days == 364
