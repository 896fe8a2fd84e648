"""The tables as the generator fills them: columns, and how a row becomes a line of COPY text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Cell = str | int | None
Row = tuple[Cell, ...]

TEXT: Final = "%s"
NUMBER: Final = "%d"
# Amounts are counted in cents and weights in grams; the exponent makes the numeric from the integer.
CENTS: Final = "%de-2"
GRAMS: Final = "%de-3"

# How "%s" writes None. It saves looking at each cell; no text of the demo data is this word alone.
NULL: Final = "None"

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True)
class Table:
    """One table of the retail schema.

    Attributes:
        name: Its name.
        formats: For each column that is filled, the format of its cells.
        prose: Whether cells may hold backslashes, tabs or line ends, which COPY text must escape.
    """

    name: str
    formats: Mapping[str, str]
    prose: bool = False

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are filled."""
        return list(self.formats)

    def copy_text(self, rows: Iterable[Row]) -> bytes:
        """Write rows in the text format of COPY, with `NULL` for a missing cell."""
        line = "\t".join(self.formats.values()) + "\n"
        if self.prose:
            rows = (tuple(cell.translate(_ESCAPES) if isinstance(cell, str) else cell for cell in row) for row in rows)
        return "".join([line % row for row in rows]).encode()


@dataclass(frozen=True)
class Batch:
    """Rows of one table that are loaded together."""

    table: Table
    rows: Sequence[Row]


STORES: Final = Table(
    "stores",
    {
        "store_id": TEXT,
        "store_name": TEXT,
        "store_location": TEXT,
        "store_type": TEXT,
        "region": TEXT,
        "currency": TEXT,
        "time_zone": TEXT,
        "is_active": TEXT,
        "created_at": TEXT,
        "updated_at": TEXT,
    },
    prose=True,
)

CATEGORIES: Final = Table(
    "product_categories",
    {"category_id": NUMBER, "category_name": TEXT, "parent_category_id": TEXT, "description": TEXT},
    prose=True,
)

CUSTOMERS: Final = Table(
    "customers",
    {
        "store_id": TEXT,
        "customer_id": TEXT,
        "first_name": TEXT,
        "last_name": TEXT,
        "email": TEXT,
        "phone": TEXT,
        "date_of_birth": TEXT,
        "gender": TEXT,
        "customer_since": TEXT,
        "loyalty_tier": TEXT,
        "total_lifetime_value": CENTS,
        "purchase_count": NUMBER,
        "first_purchase_at": TEXT,
        "last_purchase_at": TEXT,
        "created_at": TEXT,
        "updated_at": TEXT,
    },
    prose=True,
)

PRODUCTS: Final = Table(
    "products",
    {
        "store_id": TEXT,
        "product_id": TEXT,
        "sku": TEXT,
        "product_name": TEXT,
        "product_description": TEXT,
        "category_id": NUMBER,
        "brand": TEXT,
        "model": TEXT,
        "color": TEXT,
        "size": TEXT,
        "weight_kg": GRAMS,
        "dimensions_cm": TEXT,
        "price": CENTS,
        "cost": CENTS,
        "current_stock": NUMBER,
        "minimum_stock": NUMBER,
        "maximum_stock": NUMBER,
        "reorder_point": NUMBER,
        "lead_time_days": NUMBER,
        "supplier_name": TEXT,
        "supplier_sku": TEXT,
        "is_active": TEXT,
        "is_featured": TEXT,
        "rating_average": CENTS,
        "rating_count": NUMBER,
        "tags": TEXT,
        "metadata": TEXT,
        "created_at": TEXT,
        "updated_at": TEXT,
    },
    prose=True,
)

TRANSACTIONS: Final = Table(
    "sales_transactions",
    {
        "store_id": TEXT,
        "transaction_id": TEXT,
        "customer_id": TEXT,
        "transaction_date": TEXT,
        "transaction_type": TEXT,
        "payment_method": TEXT,
        "subtotal": CENTS,
        "tax_amount": CENTS,
        "discount_amount": CENTS,
        "total_amount": CENTS,
        "cashier_id": TEXT,
        "register_id": TEXT,
        "receipt_number": TEXT,
        "original_transaction_id": TEXT,
        "return_reason": TEXT,
        "metadata": TEXT,
        "created_at": TEXT,
    },
)

ITEMS: Final = Table(
    "sales_transaction_items",
    {
        "store_id": TEXT,
        "item_id": TEXT,
        "transaction_id": TEXT,
        "product_id": TEXT,
        "direction": NUMBER,
        "quantity": NUMBER,
        "unit_price": CENTS,
        "unit_cost": CENTS,
        "total_price": CENTS,
        "discount_amount": CENTS,
        "tax_amount": CENTS,
        "original_item_id": TEXT,
        "created_at": TEXT,
    },
)

MOVEMENTS: Final = Table(
    "stock_movements",
    {
        "store_id": TEXT,
        "product_id": TEXT,
        "moved_at": TEXT,
        "quantity": NUMBER,
        "reason": TEXT,
        "item_id": TEXT,
    },
)
