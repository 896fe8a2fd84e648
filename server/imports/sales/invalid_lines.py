"""Staged receipts that do not fit what the store has: its products, customers and earlier receipts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, Final

from server.db.queries import QueryFile
from server.imports.faults import Fault
from server.imports.fields.texts import quoted
from server.imports.kind import Faults
from server.imports.sales.merge import SalesOptions

QUERIES = QueryFile("server.imports.sales", "invalid_lines.sql")
_PRODUCTS = QUERIES.statement("resolve_products")
_PLACEHOLDERS = QUERIES.statement("insert_placeholders")
_CUSTOMERS = QUERIES.statement("resolve_customers")
_RECEIPTS = QUERIES.statement("resolve_receipts")
_ANALYZE = QUERIES.statement("analyze_resolved")
_UNFIT_RECEIPTS = QUERIES.statement("unfit_receipts")
_ORIGINALS = QUERIES.statement("resolve_originals")
_UNFIT_ORIGINALS = QUERIES.statement("unfit_originals")
_MATCH_LINES = QUERIES.statement("match_returned_lines")
_UNFIT_LINES = QUERIES.statement("unfit_returned_lines")
_TAKE_OUT_RECEIPTS = QUERIES.statement("take_out_receipts")
_TAKE_OUT_LINES = QUERIES.statement("take_out_lines")

_FAULTS: Final[dict[str, Callable[[str], Fault]]] = {
    "unknown_product": lambda sku: Fault(
        "sku", f"{quoted(sku)} is no product of the store", "Import the product first; discontinued ones count."
    ),
    "unknown_customer": lambda email: Fault(
        "customer_email",
        f"{quoted(email)} is no customer of the store",
        "Import the customer first, or add --unknown-customers to enter the receipt without one.",
    ),
    "non_contiguous": lambda _: Fault(
        "receipt_number",
        "stands elsewhere in the file, too",
        "Name each receipt once, and put all its rows one below the other.",
    ),
    "differs": lambda fields: Fault(
        "receipt_number",
        f"is known, with other values of: {fields}",
        "Known receipts are never changed. Leave it out, or enter the difference as a return or an exchange.",
    ),
    "unknown_original": lambda number: Fault(
        "original_receipt",
        f"{quoted(number)} is no sale of the store or of this file",
        "Write the number of the receipt that sold the goods, and import that one first or with it.",
    ),
    "before_original": lambda number: Fault(
        "transaction_date", f"is before that of {quoted(number)}", "Check both dates, and their time zones."
    ),
    "never_sold": lambda sku: Fault(
        "sku", f"{quoted(sku)} is not on the receipt that is named as the original", "Check both."
    ),
    "sold_fewer": lambda sku: Fault(
        "quantity",
        f"brings back more of {quoted(sku)} than the original receipt sold, counting earlier returns",
        "Check the quantity and the original receipt.",
    ),
}


async def find_invalid(
    connection: Any, options: SalesOptions, rejected: Collection[str]
) -> AsyncIterator[tuple[list[int], Faults]]:
    """Yield the rows of each receipt that does not fit, with the faults of some of them, and take it out.

    Args:
        connection: In the transaction that staged them.
        options: Says whether customers have to be known.
        rejected: Numbers of receipts of which other rows were rejected.
    """
    for resolve in (_PRODUCTS, _PLACEHOLDERS, _PRODUCTS, _CUSTOMERS, _RECEIPTS):
        await connection.execute(resolve)
    await connection.execute(_ANALYZE)
    found = await connection.fetch(_UNFIT_RECEIPTS, options.unknown_customers, list(rejected))
    for receipt in await _take_out(connection, found):
        yield receipt
    # Of what remains: a return falls with the sale that it names.
    await connection.execute(_ORIGINALS)
    for receipt in await _take_out(connection, await connection.fetch(_UNFIT_ORIGINALS)):
        yield receipt
    await connection.execute(_MATCH_LINES)
    for receipt in await _take_out(connection, await connection.fetch(_UNFIT_LINES)):
        yield receipt


async def _take_out(connection: Any, found: list[Any]) -> list[tuple[list[int], Faults]]:
    faults: defaultdict[str, Faults] = defaultdict(dict)
    for row in found:
        fault = _FAULTS[row["fault"]](row["about"])
        faults[row["receipt_number"]].setdefault(row["row_number"], []).append(fault)
    numbers = list(faults)
    await connection.execute(_TAKE_OUT_LINES, numbers)
    taken = await connection.fetch(_TAKE_OUT_RECEIPTS, numbers)
    return [(row["rows"], faults[row["receipt_number"]]) for row in taken]
