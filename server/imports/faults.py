"""What is wrong with a row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic_core import PydanticCustomError

from server.imports.reading.rows import SourceRow


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row.

    Attributes:
        field: The field that it is about; empty when the row is out of shape.
        problem: What is wrong.
        correction: What to write instead.
    """

    field: str
    problem: str
    correction: str

    @classmethod
    def of(cls, field: str, context: dict[str, Any] | None) -> Self:
        """The fault that a reader of values raised, by the context of its error."""
        assert context is not None
        return cls(field, context["problem"], context["correction"])

    @classmethod
    def raised(cls, field: str, error: PydanticCustomError) -> Self:
        """The same for an error that was caught."""
        return cls.of(field, error.context)

    def described(self, row: SourceRow) -> str:
        """One line for people."""
        about = f", {self.field}" if self.field else ""
        return f"Row {row.number} (line {row.line}){about}: {self.problem}. {self.correction}"


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A row by field.

    Attributes:
        row: The row as it stands in the file.
        values: Its values by the names of our fields; empty where the row is out of shape.
        faults: What is wrong with it so far; grows while it is checked.
    """

    row: SourceRow
    values: dict[str, object]
    faults: list[Fault] = field(default_factory=list)

    def with_values(self, values: dict[str, object]) -> FieldRow:
        """The same row with other values."""
        return replace(self, values=values)
