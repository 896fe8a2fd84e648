"""From rows to records: what is in order goes on, everything else goes into the file of rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from server.imports.faults import Fault, FieldRow
from server.imports.fields.texts import quoted
from server.imports.fields.vocabulary import Vocabulary
from server.imports.rejects import RejectFile

Record = TypeVar("Record", bound=BaseModel)
KeyOf = Callable[[dict[str, object]], str | None]


class Checker:
    """Checks rows one after the other.

    Args:
        rejects: Takes the rows that are not in order.
        vocabulary: The names of our fields.
        ignored: Names that say nothing to us, which are counted there.
        context: What readers of values have to know of the store.

    Attributes:
        accepted: Number of rows that are in order.
        rejected_keys: Keys of the rejected rows, as far as they have a legible one.
        has_nameless_rejects: Whether a rejected row has no legible key.
    """

    def __init__(
        self, rejects: RejectFile, vocabulary: Vocabulary, ignored: Counter[str], context: dict[str, object]
    ) -> None:
        self.accepted = 0
        self.rejected_keys: set[str] = set()
        self.has_nameless_rejects = False
        self._rejects = rejects
        self._vocabulary = vocabulary
        self._ignored = ignored
        self._context = context

    def records(
        self, rows: Iterable[FieldRow], model: type[Record], field: str, key_of: KeyOf
    ) -> Iterator[tuple[int, Record]]:
        """Yield the number and the record of every row that is in order; the second row with a key is not.

        Args:
            rows: The rows, one record each.
            model: What a record is.
            field: The field by which records are recognised.
            key_of: Reads it from the values of a row; None where there is none that is legible.
        """
        first_rows: dict[str, int] = {}
        for found in rows:
            key = key_of(found.values)
            if key is not None and (first := first_rows.setdefault(key, found.row.number)) != found.row.number:
                found.faults.append(
                    Fault(
                        field,
                        f"{quoted(key)} stands in row {first} already",
                        f"Keep one of the rows with this {self.named(field)}.",
                    )
                )
            record = self.validated(model, found)
            if record is not None and not found.faults:
                self.accepted += 1
                yield found.row.number, record
            else:
                self.reject(found, key)

    def validated(self, model: type[Record], found: FieldRow, prefix: str = "") -> Record | None:
        """Make a record of a row's values; what is wrong is added to the row's faults.

        Args:
            model: What to make.
            found: The row.
            prefix: Goes before the field in faults, where a row holds several records.
        """
        if found.faults and not found.values:
            return None
        try:
            return model.model_validate(found.values, context=self._context)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_input=False):
                field = str(problem["loc"][0])
                if problem["type"] == "missing":
                    names = " or ".join(self._vocabulary.names_of(field))
                    found.faults.append(Fault(prefix + field, "is missing", f"Add it as {names}."))
                else:
                    found.faults.append(Fault.of(prefix + field, problem.get("ctx")))
            return None

    def by_field(self, values: Mapping[str, object]) -> dict[str, object]:
        """Sort the values of an object within a row by field; raises like the vocabulary."""
        found, unknown = self._vocabulary.by_field(values)
        self._ignored.update(unknown)
        return found

    def reject(self, found: FieldRow, key: str | None) -> None:
        """Enter a row in the file of rejects."""
        if key is None:
            self.has_nameless_rejects = True
        else:
            self.rejected_keys.add(key)
        self._rejects.add(found.row, found.faults)

    def reject_accepted(self, rows: Iterable[FieldRow]) -> None:
        """Enter rows that were in order by themselves and turned out not to fit what the store has."""
        for found in rows:
            self.accepted -= 1
            self._rejects.add(found.row, found.faults)

    @staticmethod
    def named(field: str) -> str:
        """A field as a sentence names it."""
        return {"sku": "SKU", "email": "e-mail"}.get(field, field.replace("_", " "))
