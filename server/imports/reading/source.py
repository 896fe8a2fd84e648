"""A file: finds out what it is and yields its rows as they stand."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

from server.imports.errors import ImportFileError
from server.imports.reading.csv_file import Header, csv_rows
from server.imports.reading.json_file import json_rows
from server.imports.reading.json_lines import is_record, json_line_rows
from server.imports.reading.rows import SourceRow

_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEAD = 4_096
_LONGEST_LINE: Final = 1_048_576
_JSON_LINES: Final = (".jsonl", ".ndjson")
# Has a character for each byte, so that lines of any encoding pass through it unharmed.
_BYTES: Final = "latin-1"

Kind = Literal["csv", "json", "json lines"]


@dataclass
class SourceFile:
    """A file of records.

    Attributes:
        path: Where it is.
        noun: What its records are called: `products`.
        kind: Its format.
        size: Its length in bytes.
        ignored: Keys beside the records of a JSON file, counted while it is read.
        bytes_read: How far it was read; nothing is known of a JSON file, which is read as a whole.
    """

    path: Path
    noun: str
    kind: Kind
    size: int
    ignored: Counter[str]
    bytes_read: int = 0

    @property
    def is_json(self) -> bool:
        """Whether it is JSON, whole or in lines."""
        return self.kind != "csv"

    def rows(self, columns: Header) -> Iterator[SourceRow]:
        """The rows in their order, read while they are asked for.

        Raises:
            ImportFileError: From here on the file is not what it seemed to be.
        """
        try:
            if self.kind == "json":
                yield from json_rows(self.path.read_bytes(), self.noun, self.ignored)
                return
            # Lines end with LF, CRLF, or the CR that Excel writes for the Macintosh.
            with self.path.open(encoding=_BYTES, newline="") as lines:
                counted = self._counted(line.encode(_BYTES) for line in lines)
                yield from csv_rows(counted, columns) if self.kind == "csv" else json_line_rows(counted)
        except OSError as error:
            raise ImportFileError(f"{self.path} cannot be read: {_reason(error)}.") from error

    def estimated_rows(self, done: int) -> int | None:
        """How many rows there will be, going by the first ones; None while nothing can be said."""
        return round(done * self.size / self.bytes_read) if done and self.bytes_read else None

    def _counted(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        self.bytes_read = 0
        for line in lines:
            self.bytes_read += len(line)
            yield line


def open_source(path: Path, noun: str) -> SourceFile:
    """Look at a file and tell its format, by how it begins and else by its name.

    Raises:
        ImportFileError: It is not there, empty, or neither JSON nor CSV.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(0)
            first_line = _first_line(file)
            size = path.stat().st_size
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {_reason(error)}. Check the path.") from error
    if head.startswith(_OTHER_ENCODINGS) or b"\0" in head:
        raise ImportFileError(
            f"{path} is not a text file in UTF-8. Save the table as 'CSV UTF-8', or write JSON in UTF-8."
        )
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not start:
        raise ImportFileError(f"{path} is empty. Nothing was changed.")
    return SourceFile(path, noun, _kind(path, noun, start, first_line), size, Counter())


def _first_line(file: IO[bytes]) -> bytes:
    start = file.read(_LONGEST_LINE)
    return start.splitlines(keepends=True)[0] if start else b""


def _reason(error: OSError) -> str:
    return error.strerror or "it is no plain file"


def _kind(path: Path, noun: str, start: bytes, first_line: bytes) -> Kind:
    suffix = path.suffix.lower()
    if suffix in _JSON_LINES:
        return "json lines"
    if start[:1] not in b"[{" and suffix != ".json":
        return "csv"
    return "json lines" if suffix != ".json" and is_record(first_line, noun) else "json"
