"""Rows of a file of JSON lines: one object per line."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Final

from server.imports.errors import ImportFileError
from server.imports.reading.json_text import DECODER
from server.imports.reading.rows import SourceRow

_UNREADABLE: Final = ("is not JSON", "Write one object {...} per line.")


def json_line_rows(lines: Iterable[bytes]) -> Iterator[SourceRow]:
    """Yield the objects one by one; empty lines are passed over, a line that is none is a fault of its row.

    Raises:
        ImportFileError: It is not UTF-8.
    """
    number = 0
    for line_number, line in enumerate(lines, start=1):
        try:
            text = line.removeprefix(codecs.BOM_UTF8).decode().strip()
        except UnicodeDecodeError:
            raise ImportFileError(f"Line {line_number} of the file is not UTF-8. Save it in that encoding.") from None
        if text:
            number += 1
            yield _row(number, line_number, text)


def is_record(line: bytes, noun: str) -> bool:
    """Whether a line is a whole JSON object by itself, and not one that holds all records by this name."""
    try:
        found = DECODER.decode(line.removeprefix(codecs.BOM_UTF8).decode().strip())
    except (ValueError, ArithmeticError, RecursionError):
        return False
    return isinstance(found, dict) and noun not in found


def _row(number: int, line: int, text: str) -> SourceRow:
    try:
        value = DECODER.decode(text)
    except (ValueError, ArithmeticError, RecursionError):
        return SourceRow(number, line, text, problem=_UNREADABLE)
    problem = None if isinstance(value, dict) else ("is not an object", "Write it as {...}.")
    return SourceRow(number, line, value, text, problem)
