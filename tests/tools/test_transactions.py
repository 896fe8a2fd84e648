"""list_transactions and get_transaction."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.support import answer, refusal
from tests.tools.asking import Callers, walk
from tests.tools.reference.receipts import transaction, transactions
from tests.tools.reference.rows import StoreData
from tests.tools.shop import Goods, Shop

HISTORY = (date(2025, 11, 20), date(2026, 11, 19))
MONTH = (date(2026, 10, 20), date(2026, 11, 19))
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "sales": {"transaction_type": "sale"},
    "returns": {"transaction_type": "return"},
    "exchanges": {"transaction_type": "exchange"},
    "cash": {"payment_method": "cash"},
    "wallets": {"payment_method": "digital_wallet"},
    "large ones, refunds by their size": {"minimum_total": "150"},
    "at least an amount to the cent": {"minimum_total": "38.61"},
    "several at once": {"transaction_type": "return", "payment_method": "credit_card", "minimum_total": "20.5"},
}


def dates(first: date, last: date) -> dict[str, str]:
    return {"start_date": first.isoformat(), "end_date": last.isoformat()}


@pytest.mark.parametrize("chosen", FILTERS)
@pytest.mark.parametrize("store_id", ["seattle", "online"])
async def test_receipts_of_a_month_equal_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], store_id: str, chosen: str
) -> None:
    rows = await walk(await demo_as(store_id), "list_transactions", limit=100, **dates(*MONTH), **FILTERS[chosen])

    assert rows == transactions(demo_data[store_id], *MONTH, **FILTERS[chosen])


@pytest.mark.parametrize(
    "period", [(date(2026, 3, 8),) * 2, (date(2026, 11, 1),) * 2, (date(2024, 2, 29),) * 2, HISTORY]
)
async def test_receipts_of_a_period_equal_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], period: tuple[date, date]
) -> None:
    rows = await walk(await demo_as("redmond"), "list_transactions", limit=100, **dates(*period))

    assert rows == transactions(demo_data["redmond"], *period)


@pytest.mark.parametrize("limit", [1, 7])
async def test_pages_together_are_the_whole_list(demo_as: Callers, demo_data: dict[str, StoreData], limit: int) -> None:
    week = (date(2026, 11, 9), date(2026, 11, 15))

    rows = await walk(await demo_as("seattle"), "list_transactions", limit=limit, **dates(*week))

    assert rows == transactions(demo_data["seattle"], *week)


async def test_receipts_of_one_customer_equal_the_reference(demo_as: Callers, demo_data: dict[str, StoreData]) -> None:
    data = demo_data["seattle"]
    client = await demo_as("seattle")
    for customer in data.customers[:12]:
        customer_id = str(customer["customer_id"])

        rows = await walk(client, "list_transactions", limit=3, **dates(*HISTORY), customer_id=customer_id)

        assert rows == transactions(data, *HISTORY, customer_id=customer_id)


async def test_receipts_with_one_product_equal_the_reference(demo_as: Callers, demo_data: dict[str, StoreData]) -> None:
    data = demo_data["bellevue"]
    client = await demo_as("bellevue")
    for product in data.products[:12]:
        rows = await walk(client, "list_transactions", limit=5, **dates(*HISTORY), sku=product["sku"])

        assert rows == transactions(data, *HISTORY, sku=product["sku"])


async def test_receipts_of_the_same_instant_are_paged_without_loss(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    written = {str((await shop.receipt("2026-11-10 12:00", Goods(nail))).transaction_id) for _ in range(9)}

    async with shop.client() as client:
        rows = await walk(client, "list_transactions", limit=2, start_date="2026-11-10", end_date="2026-11-10")

    listed = [row["transaction_id"] for row in rows]
    assert listed == sorted(written, reverse=True)


@pytest.mark.parametrize("kind", ["sale", "return", "exchange"])
@pytest.mark.parametrize("store_id", ["seattle", "redmond", "online"])
async def test_a_receipt_is_answered_with_its_lines_by_number_and_by_id(
    demo_as: Callers, demo_data: dict[str, StoreData], store_id: str, kind: str
) -> None:
    data = demo_data[store_id]
    client = await demo_as(store_id)
    of_kind = [receipt for receipt in data.receipts if receipt.row["transaction_type"] == kind]
    for receipt in of_kind[:6]:
        expected = transaction(data, receipt)

        assert await answer(client, "get_transaction", transaction=expected["receipt_number"]) == expected
        assert await answer(client, "get_transaction", transaction=expected["transaction_id"]) == expected


async def test_a_sale_names_its_later_returns_and_they_name_the_sale(
    demo_as: Callers, demo_data: dict[str, StoreData]
) -> None:
    data = demo_data["seattle"]
    client = await demo_as("seattle")
    ids = {receipt.row["transaction_id"]: receipt.row["receipt_number"] for receipt in data.receipts}
    returned = [receipt.row for receipt in data.receipts if receipt.row["original_transaction_id"]]
    for row in returned[:6]:
        sale = await answer(client, "get_transaction", transaction=ids[row["original_transaction_id"]])
        back = await answer(client, "get_transaction", transaction=row["receipt_number"])

        assert row["receipt_number"] in sale["later_receipt_numbers"]
        assert back["original_receipt_number"] == sale["receipt_number"]
        assert back["return_reason"] == row["return_reason"]


async def test_a_receipt_number_may_be_typed_in_lower_case_with_blanks_around(demo_as: Callers) -> None:
    client = await demo_as("seattle")
    found = await answer(client, "list_transactions", **dates(*MONTH), limit=1)
    (expected,) = found["rows"]

    given = await answer(client, "get_transaction", transaction=f"  {expected['receipt_number'].lower()} ")

    assert given["transaction_id"] == expected["transaction_id"]


async def test_the_receipt_number_as_it_was_typed_wins_over_one_in_capitals(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    await shop.receipt("2026-11-10 10:00", Goods(nail, 1), receipt_number="R-A1")
    await shop.receipt("2026-11-10 11:00", Goods(nail, 2), receipt_number="r-a1")

    async with shop.client() as client:
        lower = await answer(client, "get_transaction", transaction="r-a1")
        upper = await answer(client, "get_transaction", transaction="R-A1")

    assert (lower["receipt_number"], upper["receipt_number"]) == ("r-a1", "R-A1")


async def test_a_leading_sign_blanks_and_case_of_a_number_do_not_matter(shop: Shop) -> None:
    """woocommerce/woocommerce-android#2621: "order 3001" was not found; Shopify numbers it #3001."""
    nail = await shop.product("NAIL")
    for number in ("#3001", "3002", "#A7"):
        await shop.receipt("2026-11-10 10:00", Goods(nail, 1), receipt_number=number)
    meant = {"3001": "#3001", "#3001": "#3001", "# 3001": "#3001", " 30 01 ": "#3001", "#3002": "3002", "a 7": "#A7"}
    async with shop.client() as client:
        for written, number in meant.items():
            assert (await answer(client, "get_transaction", transaction=written))["receipt_number"] == number
        for nothing in ("#", "# ", "300"):
            assert "No receipt with this number" in await refusal(client, "get_transaction", transaction=nothing)


async def test_a_number_that_fits_two_receipts_is_asked_about(shop: Shop) -> None:
    nail = await shop.product("NAIL")
    for number in ("#3001", "3001"):
        await shop.receipt("2026-11-10 10:00", Goods(nail, 1), receipt_number=number)
    async with shop.client() as client:
        for exact in ("3001", "#3001"):
            assert (await answer(client, "get_transaction", transaction=exact))["receipt_number"] == exact
        assert "#3001 or 3001" in await refusal(client, "get_transaction", transaction="# 3001")


async def test_an_exchange_shows_both_directions_and_the_difference(shop: Shop) -> None:
    old, new = await shop.product("OLD"), await shop.product("NEW")
    sale = await shop.receipt("2026-11-10 10:00", Goods(old, 2, "10.00", tax="1.00"), receipt_number="S-1")
    await shop.receipt(
        "2026-11-11 10:00",
        Goods(old, 1, "10.00", tax="0.50", original=sale.items[0]),
        Goods(new, 1, "25.00", discount="5.00", tax="1.00"),
        receipt_number="X-1",
        transaction_type="exchange",
        original_transaction_id=sale.transaction_id,
        return_reason="Too small",
    )

    async with shop.client() as client:
        found = await answer(client, "get_transaction", transaction="X-1")

    amounts = ("units", "subtotal", "tax_amount", "discount_amount", "total_amount")
    assert {name: found[name] for name in amounts} == {
        "units": 0,
        "subtotal": "10.00",
        "tax_amount": "0.50",
        "discount_amount": "5.00",
        "total_amount": "10.50",
    }
    assert [(line["sku"], line["returned"], line["quantity"], line["total_price"]) for line in found["lines"]] == [
        ("NEW", False, 1, "20.00"),
        ("OLD", True, 1, "10.00"),
    ]
    assert (found["original_receipt_number"], found["return_reason"]) == ("S-1", "Too small")


async def test_an_unknown_receipt_is_refused_with_the_way_to_find_one(demo_as: Callers) -> None:
    client = await demo_as("seattle")

    message = await refusal(client, "get_transaction", transaction="SEA-19990101-0001")

    assert message == (
        "No receipt with this number or id in seattle. Check it, or find the receipt with list_transactions."
    )
