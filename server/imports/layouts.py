"""Layouts of a file: our own, and those of other systems, each with the way to our fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from pydantic_core import PydanticCustomError

from server.errors import OptionError
from server.imports.errors import ImportFileError
from server.imports.faults import Fault, FieldRow
from server.imports.fields.vocabulary import Vocabulary, normalised
from server.imports.reading.json_text import RepeatedKeys
from server.imports.reading.rows import SourceRow
from server.imports.reading.source import SourceFile

OWN: Final = "own"
AUTO: Final = "auto"

Convert = Callable[[Iterable[FieldRow], Counter[str]], Iterator[FieldRow]]


@dataclass(frozen=True, slots=True)
class ForeignLayout:
    """A layout of another system's CSV files.

    Attributes:
        name: As `--format` names it.
        vocabulary: Its columns; the required ones are those by which it is recognised.
        convert: Turns its rows into rows by our fields; counts what a person should know of.
    """

    name: str
    vocabulary: Vocabulary
    convert: Convert


class Layouts:
    """Decides which layout a file has, and yields its rows by our fields.

    Args:
        own: Our own fields.
        foreign: Other layouts that the file may have.
        wanted: Name of the layout that the file has, or AUTO.
        mapping: Columns that a person named for fields of ours.

    Attributes:
        own: Our own fields, with the columns that the person named.
        ignored: Columns and keys that say nothing to us, with the number of rows that have them.
        notices: What a person should know of the conversion, with the number of cases.

    Raises:
        OptionError: The mapping names a field that there is not, or the layout is unknown.
    """

    def __init__(
        self, own: Vocabulary, foreign: Sequence[ForeignLayout], wanted: str, mapping: Mapping[str, str]
    ) -> None:
        if wanted not in (AUTO, OWN, *(layout.name for layout in foreign)):
            raise OptionError(f"There is no format {wanted!r} for this. Name another with --format, or leave it out.")
        for field in mapping.values():
            if field not in own.fields:
                raise OptionError(f"--map names {field!r}, which is none of the fields {', '.join(own.fields)}.")
        self.own = own.mapped(mapping)
        self.ignored: Counter[str] = Counter()
        self.notices: Counter[str] = Counter()
        self._mapping = mapping
        self._candidates = [layout for layout in foreign if wanted in (AUTO, layout.name)]
        self._foreign_only = wanted not in (AUTO, OWN)
        self._foreign: ForeignLayout | None = None
        self._overlay = Vocabulary((), mapping=mapping)

    def knows(self, column: str) -> bool:
        """Whether a column means anything in any layout."""
        return any(vocabulary.field_of(column) is not None for vocabulary in self._vocabularies())

    def choose(self, header: list[str]) -> None:
        """Choose the layout by the header of a CSV file.

        Raises:
            ImportFileError: It fits none.
        """
        self._foreign = next((found for found in self._candidates if not found.vocabulary.lacking(header)), None)
        if self._foreign is not None:
            return
        vocabulary = self._candidates[0].vocabulary if self._foreign_only else self.own
        if missing := vocabulary.lacking(header):
            wanted = "; ".join(" or ".join(vocabulary.names_of(name)) for name in missing)
            raise ImportFileError(
                f'The header lacks a column. Name one: {wanted}; or say which it is: --map "Their column={missing[0]}".'
            )

    def rows(self, source: SourceFile) -> Iterator[FieldRow]:
        """The rows of a file by our fields, in its order; faults that are known by now are with them.

        Raises:
            ImportFileError: From here on the file is not what it seemed to be.
            OptionError: A column that the person named is not in the file.
        """
        if self._foreign_only and source.is_json:
            raise ImportFileError("The file is JSON. The format that --format names is CSV.")
        rows = source.rows(self)
        # The header is read, and with it the layout chosen, before the first row.
        first = next(rows, None)
        if first is None:
            return
        every = chain([first], rows)
        if self._foreign is None:
            yield from self._sorted(every, self.own)
        else:
            for found in self._foreign.convert(self._sorted(every, self._foreign.vocabulary), self.notices):
                found.values.update(self._overlaid(found.row))
                yield found
        self._refuse_unseen()

    def _sorted(self, rows: Iterable[SourceRow], vocabulary: Vocabulary) -> Iterator[FieldRow]:
        for row in rows:
            if row.problem is not None:
                yield FieldRow(row, {}, [Fault("", *row.problem)])
            elif isinstance(row.values, RepeatedKeys):
                yield FieldRow(row, {}, [Fault("", "names a key twice", "Name each key of the object once.")])
            else:
                assert isinstance(row.values, dict)
                try:
                    values, unknown = vocabulary.by_field(row.values)
                except PydanticCustomError as error:
                    yield FieldRow(row, {}, [Fault.raised("", error)])
                    continue
                self.ignored.update(unknown)
                yield FieldRow(row, values)

    def _overlaid(self, row: SourceRow) -> dict[str, object]:
        return self._overlay.by_field(row.values)[0] if self._mapping and isinstance(row.values, dict) else {}

    def _refuse_unseen(self) -> None:
        seen_by = self.own if self._foreign is None else self._overlay
        if unseen := [column for column in self._mapping if normalised(column) in seen_by.unseen]:
            raise OptionError(f"No row has a column {unseen[0]!r}, which --map names. Write it as the file does.")

    def _vocabularies(self) -> Iterator[Vocabulary]:
        yield self.own
        yield from (layout.vocabulary for layout in self._candidates)
