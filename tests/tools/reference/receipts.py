"""Receipts, as list_transactions and get_transaction show them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.tools.reference.rows import NAME_ROLES, Receipt, Row, StoreData, moment, money


def pseudonym(customer: Row) -> str:
    return f"Customer {str(customer['customer_id'])[-8:].upper()}"


def shown_name(customer: Row | None, role: str) -> str | None:
    """A customer on a receipt, as a role sees it."""
    if customer is None:
        return None
    return full_name(customer) if role in NAME_ROLES else pseudonym(customer)


def full_name(customer: Row) -> str:
    return f"{customer['first_name']} {customer['last_name']}"


def receipt_row(receipt: Receipt, role: str = "manager") -> Row:
    """A receipt as list_transactions shows it."""
    row = receipt.row
    return {
        "transaction_id": str(row["transaction_id"]),
        "receipt_number": row["receipt_number"],
        "transaction_date": moment(row["transaction_date"]),
        "transaction_type": row["transaction_type"],
        "payment_method": row["payment_method"],
        "customer_id": str(row["customer_id"]) if row["customer_id"] else None,
        "customer": shown_name(receipt.customer, role),
        "units": receipt.units,
        "subtotal": money(row["subtotal"]),
        "tax_amount": money(row["tax_amount"]),
        "discount_amount": money(row["discount_amount"]),
        "total_amount": money(row["total_amount"]),
    }


def transactions(
    data: StoreData,
    first: date,
    last: date,
    *,
    transaction_type: str | None = None,
    payment_method: str | None = None,
    customer_id: str | None = None,
    sku: str | None = None,
    minimum_total: str | None = None,
) -> list[Row]:
    """Rows of list_transactions, all of them."""

    def wanted(receipt: Receipt) -> bool:
        row = receipt.row
        return (
            first <= receipt.day <= last
            and transaction_type in (None, row["transaction_type"])
            and payment_method in (None, row["payment_method"])
            and customer_id in (None, str(row["customer_id"]))
            and (sku is None or any(line.product["sku"] == sku for line in receipt.lines))
            and (minimum_total is None or abs(row["total_amount"]) >= Decimal(minimum_total))
        )

    found = [receipt for receipt in data.receipts if wanted(receipt)]
    found.sort(key=lambda receipt: (receipt.row["transaction_date"], receipt.row["transaction_id"]), reverse=True)
    return [receipt_row(receipt) for receipt in found]


def transaction(data: StoreData, receipt: Receipt) -> Row:
    """What get_transaction answers to a manager."""
    row = receipt.row
    by_id = {other.row["transaction_id"]: other for other in data.receipts}
    original = by_id.get(row["original_transaction_id"])
    later = [other.row for other in data.receipts if other.row["original_transaction_id"] == row["transaction_id"]]
    later.sort(key=lambda other: (other["transaction_date"], other["receipt_number"]))
    lines = sorted(receipt.lines, key=lambda line: (-line.sign, line.product["sku_place"], line.row["item_id"]))
    return {
        **receipt_row(receipt),
        "store_id": data.store["store_id"],
        "currency": data.store["currency"],
        "cashier_id": row["cashier_id"],
        "register_id": row["register_id"],
        "return_reason": row["return_reason"],
        "original_receipt_number": original.row["receipt_number"] if original else None,
        "later_receipt_numbers": [other["receipt_number"] for other in later],
        "notes": row["notes"],
        "lines": [
            {
                "sku": line.product["sku"],
                "product_id": str(line.product["product_id"]),
                "product_name": line.product["product_name"],
                "returned": line.sign == -1,
                "quantity": line.row["quantity"],
                "unit_price": money(line.row["unit_price"]),
                "discount_amount": money(line.row["discount_amount"]),
                "total_price": money(line.row["total_price"]),
                "tax_amount": money(line.row["tax_amount"]),
            }
            for line in lines
        ],
    }
