"""Staging and merging receipts: what the store does not have is entered by ordinary inserts, so that triggers run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final, Literal

from server.db.queries import QueryFile
from server.imports.sales.receipt import Receipt
from server.imports.stores import Store

Stock = Literal["auto", "move", "keep"]

QUERIES = QueryFile("server.imports.sales", "merge.sql")
_CREATE_RECEIPTS = QUERIES.statement("create_staged_receipts")
_CREATE_LINES = QUERIES.statement("create_staged_lines")
_INDEX_RECEIPTS = QUERIES.statement("index_staged_receipts")
_INDEX_LINES = QUERIES.statement("index_staged_lines")
_INSERT_RECEIPTS = QUERIES.statement("insert_receipts")
_KEEP_STOCK_TRIGGER_OUT = QUERIES.statement("keep_stock_trigger_out")
_INSERT_LINES = QUERIES.statement("insert_lines")
_ENTER_STOCK = QUERIES.statement("enter_stock")
_OUTCOME = QUERIES.statement("outcome")
_RECORD = QUERIES.statement("record_import")
_ANALYZE = QUERIES.statement("analyze_sales")

_BATCH: Final = 2_000
_HEAD_COLUMNS: Final = (
    "receipt_number", "transaction_date", "transaction_type", "customer_email", "payment_method", "cashier_id",
    "register_id", "original_receipt", "return_reason", "notes", "metadata",
)  # fmt: skip
_SUMS: Final = ("store_id", "rows", "subtotal", "discount_amount", "tax_amount")
_LINE_COLUMNS: Final = (
    "store_id", "receipt_number", "row_number", "direction", "sku", "quantity", "unit_price", "discount_amount",
    "tax_amount", "unit_cost", "total_price", "placeholder_name",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SalesOptions:
    """What is done beside entering receipts.

    Attributes:
        stock: Whether they move stock: `auto` those after the last count of a product, `move` all, `keep` none.
        cost_from_catalogue: Whether a line without a cost takes the product's present one.
        unknown_customers: Whether a receipt of a customer whom the store does not know is entered without one.
    """

    stock: Stock = "auto"
    cost_from_catalogue: bool = False
    unknown_customers: bool = False


@dataclass(frozen=True, slots=True)
class MergedSales:
    """What became of the receipts.

    Attributes:
        inserted: Are new.
        lines: Lines of the new ones.
        unchanged: Were there as the file says.
        without_customer: New ones whose customer the store does not know.
        sales_unknown: New returns and exchanges that name no sale.
        placeholders: Lines of new receipts whose article the store did not have, or has as a placeholder.
        stock_kept: New lines that moved no stock.
    """

    inserted: int
    lines: int
    unchanged: int
    without_customer: int
    sales_unknown: int
    placeholders: int
    stock_kept: int

    @property
    def changed(self) -> int:
        """Number of receipts that were not there before."""
        return self.inserted

    def summary(self) -> str:
        """The counts, for the end of the import."""
        return f"{self.inserted:,} receipts with {self.lines:,} lines inserted, {self.unchanged:,} unchanged"

    def notes(self) -> list[str]:
        """What a person should know beside the counts."""
        found = []
        if self.stock_kept:
            found.append(f"{self.stock_kept:,} lines left the stock as it is; --stock says which do.")
        if self.without_customer:
            found.append(f"{self.without_customer:,} receipts are of customers whom the store does not know.")
        if self.sales_unknown:
            found.append(f"{self.sales_unknown:,} returns name no sale; they count as returns of their own day.")
        if self.placeholders:
            found.append(
                f"{self.placeholders:,} lines are of articles that the catalogue lacks: they are entered under "
                "placeholders, which are not on sale."
            )
        return found


async def stage(connection: Any, store_id: str, receipts: Iterable[Receipt]) -> None:
    """Copy receipts of a store into the staging tables, which last for the transaction."""
    await connection.execute(_CREATE_RECEIPTS)
    await connection.execute(_CREATE_LINES)
    pending = iter(receipts)
    while batch := list(islice(pending, _BATCH)):
        await _copy(
            connection,
            "staged_receipts",
            (*_SUMS, *_HEAD_COLUMNS),
            (_staged_receipt(store_id, receipt) for receipt in batch),
        )
        lines = (line for receipt in batch for line in _staged_lines(store_id, receipt))
        await _copy(connection, "staged_lines", _LINE_COLUMNS, lines)
    await connection.execute(_INDEX_RECEIPTS)
    await connection.execute(_INDEX_LINES)


async def merge(connection: Any, store: Store, options: SalesOptions) -> MergedSales:
    """Enter the staged receipts that are new."""
    await connection.execute(_INSERT_RECEIPTS)
    await connection.execute(_KEEP_STOCK_TRIGGER_OUT)
    await connection.execute(_INSERT_LINES, options.cost_from_catalogue)
    kept = await connection.fetchval(_ENTER_STOCK, store.store_id, options.stock)
    merged = MergedSales(**await connection.fetchrow(_OUTCOME), stock_kept=kept)
    if merged.changed:
        await connection.execute(_RECORD, store.store_id, json.dumps(asdict(merged)))
    return merged


async def refresh_statistics(connection: Any) -> None:
    """Tell the planner about the new rows."""
    await connection.execute(_ANALYZE)


async def _copy(connection: Any, table: str, columns: tuple[str, ...], records: Iterable[tuple[object, ...]]) -> None:
    await connection.copy_records_to_table(table, schema_name="pg_temp", columns=columns, records=records)


def _staged_receipt(store_id: str, receipt: Receipt) -> tuple[object, ...]:
    sums = (store_id, receipt.rows, receipt.subtotal, receipt.discount, receipt.tax)
    return *sums, *(getattr(receipt.values, column) for column in _HEAD_COLUMNS)


def _staged_lines(store_id: str, receipt: Receipt) -> Iterator[tuple[object, ...]]:
    for line in receipt.lines:
        said = line.values
        yield (
            store_id, receipt.values.receipt_number, line.row_number, line.direction, said.sku, abs(said.quantity),
            said.unit_price, said.discount, said.tax, said.unit_cost, said.total, said.placeholder_name,
        )  # fmt: skip
