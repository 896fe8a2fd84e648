"""What imported receipts do to the stock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from server.imports.sales.merge import SalesOptions, Stock
from tests.imports.catalogues import load_products
from tests.imports.receipts import RECEIPTS, SOLD, load_receipts, open_shop, stock
from tests.support import Retailer

COUNTED = {"H-1": 25, "S-1": 4, "P-1": 0}


def now(**later: float) -> str:
    return (datetime.now(UTC) + timedelta(**later)).isoformat()


def sold(number: str, when: str) -> dict[str, Any]:
    return {**SOLD, "receipt_number": number, "transaction_date": when}


async def test_history_before_the_count_is_in_the_count(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    products = await retailer.fetch("select * from retail.products order by sku")

    report = await load_receipts(retailer, tmp_path, *RECEIPTS)

    # Not moved there and back either: the audit log would have it twice.
    assert await retailer.fetch("select * from retail.products order by sku") == products
    assert await stock(retailer) == COUNTED
    assert await retailer.value("select count(*) from retail.stock_movements where item_id is not null") == 5
    assert report.merged.stock_kept == 5
    # What was sold had been there when the history begins: the ledger never shows less than nothing.
    opening = await retailer.fetch(
        "select p.sku, m.quantity, m.moved_at from retail.stock_movements m join retail.products p"
        " using (store_id, product_id) where m.reason = 'opening' and m.moved_at < now() - interval '1 day' order by 1"
    )
    assert [(row["sku"], row["quantity"]) for row in opening] == [("H-1", 1)]
    assert opening[0]["moved_at"] == datetime(2026, 3, 2, 18, 15, tzinfo=UTC)


async def test_later_history_goes_on_without_a_count(retailer: Retailer, tmp_path: Path) -> None:
    """Neither the receipts of a first import nor what it entered count as a count of their own."""
    await open_shop(retailer, tmp_path)
    await load_products(retailer, tmp_path, {"name": "Nail", "sku": "N-1", "price": 1}, partial=True)
    lines = [{"sku": sku, "quantity": 3, "unit_price": 1} for sku in ("N-1", "H-1")]

    for number, month in enumerate((2, 1, 3)):
        receipt = {"receipt_number": f"{number}", "transaction_date": f"2026-0{month}-01", "lines": lines}
        await load_receipts(retailer, tmp_path, receipt)

    assert await stock(retailer) == {**COUNTED, "N-1": 0}


async def test_receipts_after_the_count_move_stock(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)

    report = await load_receipts(retailer, tmp_path, sold("A", now()), sold("B", "2026-01-01"))

    assert report.merged.stock_kept == 2
    assert await stock(retailer) == {"H-1": 23, "S-1": 3, "P-1": 0}


async def test_operator_decides_otherwise(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)

    async def load(number: str, when: str, how: Stock) -> int:
        report = await load_receipts(retailer, tmp_path, sold(number, when), sales=SalesOptions(stock=how))
        return report.merged.stock_kept

    assert await load("A", "2026-01-01", "move") == 0
    assert await stock(retailer) == {"H-1": 23, "S-1": 3, "P-1": 0}
    assert await load("B", now(), "keep") == 2
    assert await stock(retailer) == {"H-1": 23, "S-1": 3, "P-1": 0}
