"""The file of rejected rows: one line per fault, with the row itself, so that nothing is lost."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from server.imports.errors import RejectFileError
from server.imports.faults import Fault
from server.imports.fields.texts import quoted
from server.imports.reading.rows import SourceRow
from server.process.private_files import private_opener

EXAMPLES: Final = 5
HEADER: Final = ("row", "line", "field", "problem", "correction", "raw")
# With the mark by which spreadsheet programs recognise UTF-8.
_ENCODING: Final = "utf-8-sig"


class RejectFile:
    """Writes rejected rows to `path`, which appears with the first of them.

    Attributes:
        rows: Number of rejected rows.
        examples: The first faults, described.
    """

    def __init__(self, path: Path, source: Path) -> None:
        self.path = path
        self.rows = 0
        self.examples: list[str] = []
        self._source = source
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._added: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Nothing is left to be written, or the import failed already.
        with suppress(OSError):
            if self._file is not None:
                self._file.close()

    def finish(self) -> None:
        """Write all rows that were added, while the import can still be undone.

        Raises:
            RejectFileError: The file cannot be written.
        """
        if self._file is not None:
            with self._as_reject_file_error():
                self._file.flush()

    def add(self, row: SourceRow, faults: Iterable[Fault]) -> None:
        """Enter a row.

        Raises:
            RejectFileError: The file cannot be written, or the path is that of something else.
        """
        if row.number in self._added:
            # An order and its refund are two receipts of the same rows.
            return
        self._added.add(row.number)
        self.rows += 1
        with self._as_reject_file_error():
            if self._file is None:
                self._open()
            for fault in faults:
                if len(self.examples) < EXAMPLES:
                    self.examples.append(fault.described(row))
                cells = (row.number, row.line, fault.field, fault.problem, fault.correction, row.raw)
                self._writer.writerow(cells)

    def remove_old(self) -> None:
        """Remove the file that an earlier run left, if it is one of these."""
        with suppress(OSError):
            if self.rows == 0 and self.path.is_file() and self._is_ours():
                if self.path.is_symlink():
                    # The link is somebody's; the list that it leads to is of the past.
                    self.path.write_bytes(b"")
                else:
                    self.path.unlink()

    @contextmanager
    def _as_reject_file_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RejectFileError(
                f"The rejected rows cannot be written to {self.path}: {error.strerror}. "
                "Nothing was changed. Name a place with --rejects PATH."
            ) from error

    def _open(self) -> None:
        # A pipe or a device holds no list; whoever reads one waits for ever.
        if self.path.is_file() and (self.path.samefile(self._source) or not self._is_ours()):
            raise RejectFileError(
                f"{self.path} exists and is no list of rejected rows, so it was not overwritten. "
                "Nothing was changed. Name another place with --rejects PATH."
            )
        self._file = open(  # noqa: SIM115
            self.path, "w", encoding=_ENCODING, errors="backslashreplace", newline="", opener=private_opener
        )
        self._writer = csv.writer(self._file)
        self._writer.writerow(HEADER)

    def _is_ours(self) -> bool:
        start = ",".join(HEADER).encode()
        with self.path.open("rb") as file:
            head = file.read(len(start) + 3)
        return not head or head.removeprefix("\ufeff".encode()).startswith(start)


def listed(names: Iterable[str], limit: int = 20) -> str:
    """Names of a stranger's columns, fit to print."""
    found = list(names)
    more = f" and {len(found) - limit} more" if len(found) > limit else ""
    return ", ".join(quoted(name) for name in found[:limit]) + more
