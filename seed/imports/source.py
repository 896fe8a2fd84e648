"""A catalogue file: finds out what it is and yields its rows as they stand."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seed.imports.csv_file import csv_rows
from seed.imports.errors import CatalogueFileError
from seed.imports.json_file import json_rows
from seed.imports.rows import SourceRow

_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEAD = 4_096


@dataclass(frozen=True)
class Catalogue:
    """A file of products.

    Attributes:
        path: Where it is.
        is_json: Its format; CSV otherwise.
        ignored: Columns and keys that say nothing to us, with the number of rows that have them;
            filled while the rows are read.
    """

    path: Path
    is_json: bool
    ignored: Counter[str]

    def rows(self) -> Iterator[SourceRow]:
        """The rows in their order, read while they are asked for.

        Raises:
            CatalogueFileError: From here on the file is not what it seemed to be.
        """
        try:
            if self.is_json:
                yield from json_rows(self.path.read_bytes(), self.ignored)
            else:
                with self.path.open("rb") as lines:
                    yield from csv_rows(lines)
        except OSError as error:
            raise CatalogueFileError(f"{self.path} cannot be read: {error.strerror}.") from error


def open_catalogue(path: Path) -> Catalogue:
    """Look at a file and tell its format, by its first character and else by its name.

    Raises:
        CatalogueFileError: It is not there, empty, or neither JSON nor CSV.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise CatalogueFileError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    if head.startswith(_OTHER_ENCODINGS) or b"\0" in head:
        raise CatalogueFileError(
            f"{path} is not a text file in UTF-8. Save the table as 'CSV UTF-8', or write JSON in UTF-8."
        )
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not start:
        raise CatalogueFileError(f"{path} is empty. Nothing was changed.")
    return Catalogue(path, start[:1] in b"[{" or path.suffix.lower() == ".json", Counter())
