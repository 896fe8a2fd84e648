"""A small shop with customers, and receipts of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from server.imports.customers.job import CustomerImport
from server.imports.job import ImportReport
from server.imports.sales.job import SalesImport
from server.imports.sales.merge import MergedSales, SalesOptions
from tests.imports.catalogues import CATALOGUE, load_kind, load_products, write_json
from tests.support import Retailer

ANN = {"email": "ann@example.com", "first_name": "Ann", "last_name": "Lee"}
SOLD = {
    "receipt_number": "R-1",
    "transaction_date": "2026-03-02 10:15",
    "customer_email": "Ann@example.com",
    "payment_method": "Credit Card",
    "cashier_id": "c7",
    "register_id": "till-1",
    "notes": "gift",
    "lines": [
        {"sku": "H-1", "quantity": 2, "unit_price": 28, "discount": 6, "tax": "4.50", "unit_cost": 12.5},
        {"sku": "S-1", "quantity": 1, "unit_price": "13.50"},
    ],
}
RETURNED = {
    "receipt_number": "R-2",
    "transaction_date": "2026-03-05T18:00:00-08:00",
    "transaction_type": "return",
    "original_receipt": "R-1",
    "return_reason": "too heavy",
    "lines": [{"sku": "H-1", "quantity": 1, "unit_price": 28, "discount": 3, "tax": "2.25"}],
}
EXCHANGED = {
    "receipt_number": "R-3",
    "transaction_date": "2026-03-06 09:00",
    "transaction_type": "exchange",
    "original_receipt": "R-1",
    "customer_email": "ann@example.com",
    "lines": [
        {"sku": "S-1", "quantity": -1, "unit_price": "13.50"},
        {"sku": "P-1", "quantity": 1, "unit_price": 40},
    ],
}
RECEIPTS = [SOLD, RETURNED, EXCHANGED]


async def open_shop(retailer: Retailer, directory: Path) -> None:
    """The catalogue and one customer."""
    await load_products(retailer, directory, *CATALOGUE)
    await load_kind(retailer, write_json(directory, [ANN], "customers.json"), CustomerImport())


async def load_sales(
    retailer: Retailer, file: Path, *, sales: SalesOptions | None = None, **others: Any
) -> ImportReport[MergedSales]:
    return await load_kind(retailer, file, SalesImport(sales or SalesOptions()), **others)


async def load_receipts(
    retailer: Retailer, directory: Path, *receipts: Any, **others: Any
) -> ImportReport[MergedSales]:
    return await load_sales(retailer, write_json(directory, list(receipts), "sales.json"), **others)


async def lines(retailer: Retailer) -> list[tuple[Any, ...]]:
    """All lines: receipt, direction, SKU, quantity, price, discount, tax, total, receipt of the original line."""
    rows = await retailer.fetch(
        "select t.receipt_number, i.direction, p.sku, i.quantity, i.unit_price, i.discount_amount, i.tax_amount,"
        " i.total_price, o.receipt_number as original"
        " from retail.sales_transaction_items i"
        " join retail.sales_transactions t using (store_id, transaction_id)"
        " join retail.products p using (store_id, product_id)"
        " left join retail.sales_transaction_items oi"
        "   on oi.store_id = i.store_id and oi.item_id = i.original_item_id and oi.product_id = i.product_id"
        " left join retail.sales_transactions o on o.store_id = i.store_id and o.transaction_id = oi.transaction_id"
        " order by t.receipt_number, i.direction, p.sku, i.quantity"
    )
    return [tuple(row.values()) for row in rows]


async def stock(retailer: Retailer) -> dict[str, int]:
    """Units on hand by SKU; each is the sum of its movements."""
    rows = await retailer.fetch(
        "select p.sku, p.current_stock, coalesce(sum(m.quantity), 0) as moved from retail.products p"
        " left join retail.stock_movements m using (store_id, product_id) group by p.sku, p.current_stock"
    )
    assert all(row["current_stock"] == row["moved"] for row in rows)
    return {row["sku"]: row["current_stock"] for row in rows}
