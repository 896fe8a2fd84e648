"""Rows of a CSV file: a header, then a row per record, with commas, semicolons or tabs between the cells."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from server.imports.errors import ImportFileError
from server.imports.fields.vocabulary import normalised
from server.imports.reading.rows import SourceRow

_DELIMITERS: Final = (",", ";", "\t")
_SEP: Final = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)
# Characters of a cell. Descriptions hold pictures as text, which are left out of what is stored; without a bound a
# quotation mark that is never closed would make one cell of the rest of a large file.
_LONGEST_CELL: Final = 10_000_000


class Header(Protocol):
    """Says what the columns mean."""

    def knows(self, column: str) -> bool:
        """Whether a column means anything."""

    def choose(self, header: list[str]) -> None:
        """Take the header; raises ImportFileError where it is of no use."""


def csv_rows(lines: Iterable[bytes], columns: Header) -> Iterator[SourceRow]:
    """Yield the rows one by one; rows without any text are passed over.

    Raises:
        ImportFileError: It is not UTF-8, the header is unusable, or quotation marks do not match.
    """
    # For the whole process, which reads no other CSV file.
    csv.field_size_limit(_LONGEST_CELL)
    decoded = _decoded(lines)
    passed, first, named = _beginning(decoded)
    delimiter = named or max(_DELIMITERS, key=lambda delimiter: _header_worth(first, delimiter, columns))
    table = _Table(_again(first, decoded), delimiter, passed)
    header = _header(table)
    try:
        columns.choose(header)
    except ImportFileError as error:
        raise ImportFileError(f"{error} (Read with {delimiter!r} between the cells.)") from None
    number = 0
    for line, cells in table:
        if any(cell.strip() for cell in cells):
            number += 1
            yield _row(number, line, header, cells, delimiter)


def _beginning(lines: Iterator[str]) -> tuple[int, str, str | None]:
    """How many lines come before the header, the header's first line, and the delimiter if Excel's `sep=` names it."""
    passed, delimiter = 0, None
    for line in lines:
        if found := _SEP.fullmatch(line.rstrip("\r\n")):
            delimiter = found[1]
        elif line.strip():
            return passed, line, delimiter
        passed += 1
    return passed, "", delimiter


def _row(number: int, line: int, header: list[str], cells: list[str], delimiter: str) -> SourceRow:
    if len(cells) == len(header):
        return SourceRow(number, line, dict(zip(header, cells, strict=True)))
    problem = f"has {len(cells)} cells, the header {len(header)}"
    correction = f"Put cells that hold a {delimiter!r} between quotation marks, and write empty cells, too."
    return SourceRow(number, line, cells, problem=(problem, correction))


def _header(table: _Table) -> list[str]:
    _, cells = next(iter(table), (0, []))
    header = [cell.strip() or f"column {place}" for place, cell in enumerate(cells, start=1)]
    repeated = [name for name, times in Counter(map(normalised, header)).items() if times > 1]
    if repeated:
        raise ImportFileError(f"The header names {', '.join(repeated)} twice. Rename or remove one of the columns.")
    return header


def _header_worth(line: str, delimiter: str, columns: Header) -> tuple[int, int]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        # Told when the table is read.
        return 0, 0
    return sum(columns.knows(cell) for cell in cells), len(cells)


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        try:
            yield (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).decode()
        except UnicodeDecodeError:
            raise ImportFileError(f"Line {number} of the file is not UTF-8. Save the table as 'CSV UTF-8'.") from None


def _again(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


def _unreadable(line: int, error: csv.Error) -> ImportFileError:
    return ImportFileError(
        f"The row that begins in line {line} cannot be read ({error}). Put cells with quotation marks "
        'or line ends between quotation marks, and write a quotation mark inside as "". '
        f"A cell has at most {_LONGEST_CELL:,} characters."
    )


class _Table:
    """Cells of a CSV text with the line where each row begins."""

    def __init__(self, lines: Iterator[str], delimiter: str, passed: int) -> None:
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        self._passed = passed

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        while True:
            line = self._passed + self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                raise _unreadable(line, error) from None
            if cells is None:
                return
            yield line, cells
