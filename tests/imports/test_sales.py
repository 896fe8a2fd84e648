"""Receipts: their lines, signs, customers and originals, and that known ones are never changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from server.imports.errors import RejectedRowsError
from server.imports.sales.line import SALES
from server.imports.sales.merge import SalesOptions
from tests.imports.catalogues import rejects_of, write_text
from tests.imports.receipts import EXCHANGED, RECEIPTS, RETURNED, SOLD, lines, load_receipts, load_sales, open_shop
from tests.support import Retailer, answer

DOCUMENTATION = Path(__file__).parents[2] / "docs/importing.md"

FLAT = """\
Receipt,Date,Type,Customer,Payment,Cashier,Register,Note,SKU,Qty,Price,Discount,Tax,Cost,Original receipt,Reason
R-1,2026-03-02 10:15,sale,ann@example.com,credit-card,c7,till-1,gift,H-1,2,28,6,4.50,12.5,,
R-1,,,,,,,,S-1,1,13.50,,,,,
R-2,2026-03-06 02:00:00+00:00,return,,,,,,H-1,-1,28.00,3.00,2.25,,R-1,too heavy
R-3,2026-03-06 09:00,exchange,ann@example.com,,,,,S-1,-1,13.50,,,,R-1,
R-3,2026-03-06 09:00,exchange,ann@example.com,,,,,P-1,1,40.00,,,,R-1,
"""


async def faults_of(retailer: Retailer, directory: Path, *receipts: Any) -> list[tuple[str, str, str]]:
    """Row, field and problem of what is rejected of these receipts."""
    with pytest.raises(RejectedRowsError):
        await load_receipts(retailer, directory, *receipts)
    rejects = rejects_of(directory / "sales.json.rejected.csv")
    return [(reject["row"], reject["field"], reject["problem"]) for reject in rejects]


def test_every_field_is_documented() -> None:
    documentation = DOCUMENTATION.read_text(encoding="utf-8")
    for field in SALES.fields:
        for name in SALES.names_of(field):
            assert f"`{name}`" in documentation


async def test_receipts_arrive_with_signs_sums_and_originals(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)

    merged = (await load_receipts(retailer, tmp_path, *RECEIPTS)).merged

    assert (merged.inserted, merged.lines, merged.unchanged) == (3, 5, 0)
    cents = Decimal
    assert await lines(retailer) == [
        ("R-1", 1, "H-1", 2, cents("28.00"), cents("6.00"), cents("4.50"), cents("50.00"), None),
        ("R-1", 1, "S-1", 1, cents("13.50"), cents("0.00"), cents("0.00"), cents("13.50"), None),
        ("R-2", -1, "H-1", 1, cents("28.00"), cents("3.00"), cents("2.25"), cents("25.00"), "R-1"),
        ("R-3", -1, "S-1", 1, cents("13.50"), cents("0.00"), cents("0.00"), cents("13.50"), "R-1"),
        ("R-3", 1, "P-1", 1, cents("40.00"), cents("0.00"), cents("0.00"), cents("40.00"), None),
    ]
    sums = await retailer.fetch(
        "select subtotal, discount_amount, tax_amount, total_amount from retail.sales_transactions"
        " order by receipt_number"
    )
    assert [tuple(map(str, row.values())) for row in sums] == [
        ("63.50", "6.00", "4.50", "68.00"),
        ("-25.00", "-3.00", "-2.25", "-27.25"),
        ("26.50", "0.00", "0.00", "26.50"),
    ]
    (first, second, _) = await retailer.fetch(
        "select transaction_date, payment_method, cashier_id, register_id, notes, return_reason, customer_id"
        " from retail.sales_transactions order by receipt_number"
    )
    # Ten past ten in Los Angeles, before the clocks go forward there.
    assert first["transaction_date"] == datetime(2026, 3, 2, 18, 15, tzinfo=UTC)
    assert second["transaction_date"] == datetime(2026, 3, 6, 2, 0, tzinfo=UTC)
    assert (first["payment_method"], first["cashier_id"], first["register_id"], first["notes"]) == (
        "credit_card", "c7", "till-1", "gift",
    )  # fmt: skip
    assert (second["return_reason"], second["customer_id"]) == ("too heavy", None)
    # The triggers were at work: 68.00 + 26.50, the return naming nobody.
    assert await retailer.value("select total_lifetime_value from retail.customers") == Decimal("94.50")
    costs = "select unit_cost from retail.sales_transaction_items order by unit_cost"
    assert [row["unit_cost"] for row in await retailer.fetch(costs)] == [Decimal("12.50"), None, None, None, None]


async def test_same_receipts_in_any_format_are_unchanged(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    await load_sales(retailer, write_text(tmp_path, FLAT, "sales.csv"))
    before = await retailer.fetch("select * from retail.sales_transactions order by receipt_number")
    audited = await retailer.value("select count(*) from audit.row_change")

    json_lines = "\n".join(json.dumps(receipt) for receipt in RECEIPTS)
    for again in (
        await load_sales(retailer, write_text(tmp_path, FLAT, "sales.csv")),
        await load_receipts(retailer, tmp_path, *RECEIPTS),
        await load_sales(retailer, write_text(tmp_path, json_lines, "sales.ndjson")),
    ):
        assert (again.merged.inserted, again.merged.lines, again.merged.unchanged) == (0, 0, 3)
    assert await retailer.fetch("select * from retail.sales_transactions order by receipt_number") == before
    assert await retailer.value("select count(*) from audit.row_change") == audited

    # What an erasure empties does not make a receipt another one, nor does the customer who is gone.
    await retailer.execute(
        "update retail.customers set first_name = null, last_name = null, email = null, erased_at = now();"
        "update retail.sales_transactions set notes = null, return_reason = null"
    )
    assert (await load_receipts(retailer, tmp_path, *RECEIPTS)).merged.unchanged == 3


async def test_known_receipt_is_never_changed(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    await load_receipts(retailer, tmp_path, *RECEIPTS)
    before = await lines(retailer)
    cheaper = {**SOLD, "cashier_id": "c8", "lines": [{**SOLD["lines"][0], "tax": 1}, SOLD["lines"][1]]}
    later = {**RETURNED, "transaction_date": "2026-03-05 18:00:01"}

    assert await faults_of(retailer, tmp_path, cheaper, later, {**EXCHANGED, "customer_email": ""}) == [
        ("1", "receipt_number", "is known, with other values of: cashier_id, lines"),
        ("2", "receipt_number", "is known, with other values of: transaction_date"),
        ("3", "receipt_number", "is known, with other values of: customer_email"),
    ]
    new = {**SOLD, "receipt_number": "R-9"}
    report = await load_receipts(retailer, tmp_path, cheaper, later, EXCHANGED, new, skip_rejected=True)
    assert (report.merged.inserted, report.merged.unchanged, report.rejected) == (1, 1, 2)
    assert (await lines(retailer))[: len(before)] == before


async def test_what_the_store_does_not_have_is_rejected(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    nobody = {**SOLD, "customer_email": "bob@example.com"}
    unknown = {**SOLD, "receipt_number": "R-4", "lines": [*SOLD["lines"], {"sku": "X", "quantity": 1, "unit_price": 1}]}

    assert await faults_of(retailer, tmp_path, nobody, unknown, RETURNED) == [
        ("1", "customer_email", "'bob@example.com' is no customer of the store"),
        ("2", "sku", "'X' is no product of the store"),
        ("3", "original_receipt", "'R-1' is no sale of the store or of this file"),
    ]
    anonymous = await load_receipts(retailer, tmp_path, nobody, sales=SalesOptions(unknown_customers=True))
    assert anonymous.merged.without_customer == 1
    assert await retailer.value("select customer_id from retail.sales_transactions") is None


async def test_returns_fit_what_was_sold(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    await load_receipts(retailer, tmp_path, SOLD, RETURNED)
    line = {"sku": "H-1", "quantity": 1, "unit_price": 28}
    again = {**RETURNED, "receipt_number": "R-5", "lines": [line]}
    faulty = [
        ({**again, "lines": [{**line, "quantity": 2}]}, "quantity", "brings back more of 'H-1' than"),
        ({**again, "lines": [{**line, "sku": "P-1"}]}, "sku", "'P-1' is not on the receipt that is named"),
        ({**again, "transaction_date": "2026-03-01"}, "transaction_date", "is before that of 'R-1'"),
        ({**again, "original_receipt": "R-2"}, "original_receipt", "'R-2' is no sale of the store"),
    ]
    for receipt, field, problem in faulty:
        ((row, found, text),) = await faults_of(retailer, tmp_path, receipt)
        assert (row, found) == ("1", field)
        assert text.startswith(problem)

    assert (await load_receipts(retailer, tmp_path, again)).merged.inserted == 1
    # Now both are back.
    assert len(await faults_of(retailer, tmp_path, {**again, "receipt_number": "R-6"})) == 1


async def test_lines_of_one_product_go_back_one_by_one(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    line = {"sku": "H-1", "quantity": 1, "unit_price": 28}
    twice = {"receipt_number": "A", "transaction_date": "2026-03-01 10:00", "lines": [line, line]}
    back = {**twice, "receipt_number": "B", "transaction_type": "return", "original_receipt": "A"}

    await load_receipts(retailer, tmp_path, twice, back)

    assert await retailer.value("select count(distinct original_item_id) from retail.sales_transaction_items") == 2


async def test_a_return_whose_sale_is_not_known_is_kept(retailer: Retailer, tmp_path: Path) -> None:
    """hmislk/hmis#10873, Online Retail II: returns without a receipt, gifts, sales before the imported history."""
    await open_shop(retailer, tmp_path)
    line = {"sku": "H-1", "quantity": 1, "unit_price": 20}
    sale = {"receipt_number": "S-1", "transaction_date": "2026-03-01 10:00", "lines": [{**line, "unit_price": 30}]}
    back = {**sale, "receipt_number": "R-9", "transaction_type": "return", "lines": [line]}
    swap = {**back, "receipt_number": "X-1", "transaction_type": "exchange", "lines": [line, {**line, "quantity": -2}]}

    report = await load_receipts(retailer, tmp_path, sale, back, swap)

    assert report.merged.notes()[-1] == "2 returns name no sale; they count as returns of their own day."
    (day,) = await retailer.fetch(
        "select net_revenue::text, returns_value::text, units_returned from ("
        " select sum(direction * total_price) as net_revenue,"
        " sum(total_price) filter (where direction = -1) as returns_value,"
        " sum(quantity) filter (where direction = -1) as units_returned from retail.sales_transaction_items) sums"
    )
    assert tuple(day.values()) == ("-10.00", "60.00", 3)
    async with retailer.client("tacoma", role="manager") as client:
        found = await answer(client, "get_transaction", transaction="R-9")
        assert (found["transaction_type"], found["original_receipt_number"]) == ("return", None)
        returns = await answer(client, "summarize_returns", start_date="2026-03-01", end_date="2026-03-31")
        assert returns["totals"]["units_returned"] == 3
        march = {"start_date": "2026-03-01", "end_date": "2026-03-31", "metrics": ["net_revenue", "returns_value"]}
        sums = await answer(client, "summarize_sales", **march)
        assert sums["totals"]["figures"] == {"net_revenue": "-10.00", "returns_value": "60.00"}
    assert (await load_receipts(retailer, tmp_path, sale, back, swap)).merged.unchanged == 3


async def test_faults_of_a_receipt_by_itself(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    line = SOLD["lines"][1]

    def sold(number: int, **changes: Any) -> dict[str, Any]:
        return {**SOLD, "receipt_number": f"N-{number}", "lines": [line], **changes}

    cases = [
        (sold(1, lines=[]), "lines", "holds no lines"),
        (sold(2, lines=[{**line, "quantity": 0}]), "lines[1].quantity", "is 0"),
        (sold(3, lines=[line, {**line, "quantity": -1}]), "lines[2].quantity", "is negative in a sale"),
        (sold(4, lines=[{**line, "discount": 14}]), "lines[1].discount", "is more than the line comes to"),
        (sold(5, lines=[{**line, "quantity": 10**9, "unit_price": 99}]), "lines[1].quantity", "makes the line come"),
        (sold(6, lines=[{"sku": "S-1", "quantity": 1}]), "lines[1].unit_price", "is missing"),
        (sold(7, lines=["S-1"]), "lines[1]", "is not an object"),
        (sold(8, lines=[{**line, "tax": -1}]), "lines[1].tax", "'-1' is negative"),
        (sold(9, original_receipt="N-1"), "original_receipt", "is named by a sale"),
        (sold(11, transaction_type="gift"), "transaction_type", "'gift' is none of sale, return, exchange"),
        (sold(12, payment_method="cheque"), "payment_method", "'cheque' is none of cash"),
        (sold(13, transaction_date="2026-03-08 02:30"), "transaction_date", "'2026-03-08 02:30' was left out when"),
        (sold(14, transaction_date="03/02/2026"), "transaction_date", "'03/02/2026' is not a time"),
        (sold(15, transaction_date="2999-01-01"), "transaction_date", "'2999-01-01' is before 1900-01-01 or to come"),
        (sold(16, currency="EUR"), "currency", "'EUR' is not the store's currency, USD"),
        (sold(17, receipt_number=""), "receipt_number", "is empty"),
        (sold(18, receipt_number="N-1"), "receipt_number", "'N-1' stands in row 1 already"),
        (sold(19, notes="x" * 2001), "notes", "has 2,001 characters"),
        (
            sold(20, transaction_type="return", original_receipt="R-1", lines=[line, {**line, "quantity": -1}]),
            "quantity",
            "has both signs in one return",
        ),
    ]

    found = await faults_of(retailer, tmp_path, *(receipt for receipt, _, _ in cases))

    assert [(row, field) for row, field, _ in found] == [
        (str(number), field) for number, (_, field, _) in enumerate(cases, start=1)
    ]
    for (_, _, expected), (_, _, problem) in zip(cases, found, strict=True):
        assert problem.startswith(expected)


async def test_receipt_is_rejected_as_a_whole(retailer: Retailer, tmp_path: Path) -> None:
    """Rows that are missing, unreadable or elsewhere: no receipt is entered without one of its lines."""
    await open_shop(retailer, tmp_path)
    text = (
        "receipt_number,transaction_date,sku,quantity,unit_price\n"
        "A,2026-03-01,H-1,1,28\n"
        "A,2026-03-01,S-1,1,?\n"  # 2: with row 1
        "B,2026-03-01,H-1,1,28\n"
        "C,2026-03-01,H-1,1,28\n"
        "B,2026-03-01,S-1,1,13\n"  # 5: with row 3
        "D,2026-03-01,H-1,1,28\n"
        "D,S-1\n"  # 7: with row 6 and perhaps row 8
        "E,2026-03-01,H-1,1,28\n"
        "F,2026-03-01,H-1,1,28\n"
        "F,2026-03-02,S-1,1,13\n"  # 10: with row 9
        "G,2026-03-01,H-1,1,28\n"
    )

    report = await load_sales(retailer, write_text(tmp_path, text, "sales.csv"), skip_rejected=True)

    assert [row[0] for row in await lines(retailer)] == ["C", "G"]
    assert (report.merged.inserted, report.rejected) == (2, 9)
    rejects = {reject["row"]: reject["problem"] for reject in rejects_of(report.reject_file)}
    assert sorted(map(int, rejects)) == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert rejects["1"] == "belongs to a receipt of which another row is rejected"
    assert rejects["3"] == "stands elsewhere in the file, too"
    assert rejects["8"].startswith("stands beside a row without a legible receipt number")
    assert rejects["10"].startswith("differs from row 9 of the same receipt")


async def test_cost_comes_from_the_catalogue_when_asked_for(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    await retailer.execute("update retail.products set cost = 5")

    await load_receipts(retailer, tmp_path, SOLD, sales=SalesOptions(cost_from_catalogue=True))

    costs = await retailer.fetch(
        "select p.sku, i.unit_cost from retail.sales_transaction_items i"
        " join retail.products p using (store_id, product_id)"
    )
    assert {row["sku"]: row["unit_cost"] for row in costs} == {"H-1": Decimal("12.50"), "S-1": Decimal("5.00")}
