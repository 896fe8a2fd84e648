"""A receipt from its rows: its lines fit its type, and its amounts are sums of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pydantic_core import PydanticCustomError

from server.imports.checking import Checker
from server.imports.faults import Fault, FieldRow
from server.imports.sales.line import LINES, ImportedLine, ImportedReceipt

MAX_TOTAL: Final = Decimal("9999999999.99")


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A line with its row and the way the goods went: 1 to the customer, -1 back."""

    row_number: int
    direction: int
    values: ImportedLine


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt that is in order by itself; its amounts are the signed sums of its lines."""

    rows: list[int]
    values: ImportedReceipt
    lines: list[ReceiptLine]

    @property
    def subtotal(self) -> Decimal:
        """After discount, before tax."""
        return sum((line.direction * line.values.total for line in self.lines), Decimal(0))

    @property
    def discount(self) -> Decimal:
        """Taken off the subtotal already."""
        return sum((line.direction * line.values.discount for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        """On top of the subtotal."""
        return sum((line.direction * line.values.tax for line in self.lines), Decimal(0))


def receipt_of(rows: list[FieldRow], checker: Checker) -> Receipt | None:
    """Make a receipt of the rows that name it; what is wrong is added to their faults."""
    first = rows[0]
    head = checker.validated(ImportedReceipt, FieldRow(first.row, _head(rows), first.faults))
    lines = [line for found in rows for line in _lines(found, checker)]
    if head is None or any(found.faults for found in rows):
        return None
    for found, prefix, line in lines:
        _check_line(head, found, prefix, line)
    _check_head(head, first, [line for _, _, line in lines])
    if any(found.faults for found in rows):
        return None
    directed = [
        ReceiptLine(found.row.number, -1 if head.transaction_type == "return" or line.quantity < 0 else 1, line)
        for found, _, line in lines
    ]
    receipt = Receipt([found.row.number for found in rows], head, directed)
    if max(abs(receipt.subtotal), abs(receipt.subtotal + receipt.tax)) > MAX_TOTAL:
        first.faults.append(Fault("", "comes to too much", f"A receipt may come to {MAX_TOTAL:,} at most."))
        return None
    return receipt


def _head(rows: list[FieldRow]) -> dict[str, object]:
    """What the rows say of the receipt; each may repeat it or leave it empty, but not differ."""
    head: dict[str, object] = {}
    said_by: dict[str, int] = {}
    for found in rows:
        for field in ImportedReceipt.model_fields:
            if field not in found.values:
                continue
            value = found.values[field]
            if head.get(field) in (None, ""):
                head[field], said_by[field] = value, found.row.number
            elif value not in (None, "", head[field]):
                found.faults.append(
                    Fault(
                        field,
                        f"differs from row {said_by[field]} of the same receipt",
                        "Write the same in every row of a receipt, or only in its first.",
                    )
                )
    return head


def _lines(found: FieldRow, checker: Checker) -> list[tuple[FieldRow, str, ImportedLine]]:
    if LINES not in found.values:
        line = checker.validated(ImportedLine, FieldRow(found.row, _of_line(found.values), found.faults))
        return [] if line is None else [(found, "", line)]
    items = found.values[LINES]
    if not isinstance(items, list) or not items:
        found.faults.append(Fault(LINES, "holds no lines", "Write the lines of the receipt as [{...}, {...}]."))
        return []
    lines = []
    for place, item in enumerate(items, start=1):
        prefix = f"{LINES}[{place}]."
        if not isinstance(item, dict):
            found.faults.append(Fault(prefix.rstrip("."), "is not an object", "Write it as {...}."))
            continue
        try:
            values = checker.by_field(item)
        except PydanticCustomError as error:
            found.faults.append(Fault.raised(prefix.rstrip("."), error))
            continue
        line = checker.validated(ImportedLine, FieldRow(found.row, _of_line(values), found.faults), prefix)
        if line is not None:
            lines.append((found, prefix, line))
    return lines


def _of_line(values: dict[str, object]) -> dict[str, object]:
    return {field: values[field] for field in ImportedLine.model_fields if field in values}


def _check_line(head: ImportedReceipt, found: FieldRow, prefix: str, line: ImportedLine) -> None:
    if line.quantity < 0 and head.transaction_type == "sale":
        found.faults.append(
            Fault(
                f"{prefix}quantity",
                "is negative in a sale",
                "Write goods that came back as a receipt of the type return or exchange.",
            )
        )
    if line.total < 0:
        found.faults.append(
            Fault(f"{prefix}discount", "is more than the line comes to", "Write the discount of the whole line.")
        )
    if line.total > MAX_TOTAL:
        found.faults.append(
            Fault(f"{prefix}quantity", "makes the line come to too much", f"A line may come to {MAX_TOTAL:,} at most.")
        )


def _check_head(head: ImportedReceipt, first: FieldRow, lines: list[ImportedLine]) -> None:
    if head.transaction_type == "sale" and head.original_receipt is not None:
        first.faults.append(
            Fault("original_receipt", "is named by a sale", "Leave it empty, or write the type return or exchange.")
        )
    if head.transaction_type == "return" and len({line.quantity < 0 for line in lines}) > 1:
        first.faults.append(
            Fault("quantity", "has both signs in one return", "Write the type exchange where goods went out, too.")
        )
