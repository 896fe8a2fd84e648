"""Rows that belong together: those of one receipt stand one below the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pydantic_core import PydanticCustomError

from server.imports.faults import Fault, FieldRow
from server.imports.fields.texts import quoted, text
from server.imports.sales.line import LINES

_AFTER_NAMELESS = Fault(
    "",
    "stands beside a row without a legible receipt number, which may belong to the same receipt",
    "Correct that row.",
)


def consecutive(
    rows: Iterable[FieldRow], key_of: Callable[[FieldRow], str | None]
) -> Iterator[tuple[str | None, list[FieldRow]]]:
    """Put rows with the same key that follow each other together; a row without one is by itself."""
    key: str | None = None
    group: list[FieldRow] = []
    for found in rows:
        own = key_of(found)
        if group and (own is None or own != key):
            yield key, group
            group = []
        key = own
        group.append(found)
    if group:
        yield key, group


def receipts(rows: Iterable[FieldRow]) -> Iterator[tuple[str | None, list[FieldRow]]]:
    """Put the rows of each receipt together, with its number; faults of where they stand are with them.

    A receipt next to a row that cannot be assigned is not whole for certain, and one whose rows are
    not contiguous is not either.
    """
    first_rows: dict[str, int] = {}
    before: tuple[str | None, list[FieldRow]] | None = None
    for _, group in consecutive(rows, _number_of_line):
        number = number_of(group[0])
        if number is not None and (first := first_rows.setdefault(number, group[0].row.number)) != group[0].row.number:
            group[0].faults.append(
                Fault(
                    "receipt_number",
                    f"{quoted(number)} stands in row {first} already",
                    "Name each receipt once, and put all its rows one below the other.",
                )
            )
        if before is not None:
            if number is None and _may_go_on(before):
                before[1][-1].faults.append(_AFTER_NAMELESS)
            if before[0] is None and _may_go_on((number, group)):
                group[0].faults.append(_AFTER_NAMELESS)
            yield before
        before = number, group
    if before is not None:
        yield before


def number_of(found: FieldRow) -> str | None:
    """The receipt number of a row; None where there is none that is legible."""
    try:
        return text(found.values.get("receipt_number"), 50)
    except PydanticCustomError:
        return None


def _number_of_line(found: FieldRow) -> str | None:
    return None if LINES in found.values else number_of(found)


def _may_go_on(receipt: tuple[str | None, list[FieldRow]]) -> bool:
    """Whether a row beside this receipt may be one of its lines: one that is an object has them all in it."""
    number, rows = receipt
    return number is not None and LINES not in rows[0].values
