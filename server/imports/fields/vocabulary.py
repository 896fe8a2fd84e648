"""The names that columns and keys may have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from pydantic import BaseModel

from server.imports.fields.texts import clean, fault, quoted

_SEPARATORS: Final = re.compile(r"[\s-]+")


def normalised(name: str) -> str:
    """A name as names are compared: 'Product Name' and 'product-name' are product_name."""
    return _SEPARATORS.sub("_", clean(name).strip().lower())


class Vocabulary:
    """The fields of a format, with the names that each may have.

    Args:
        fields: The fields.
        required: Those without which nothing can be made of a file.
        aliases: Further names of a field.
        mapping: Columns that a person named for a field; the field then has no other name.
    """

    def __init__(
        self,
        fields: Iterable[str],
        required: Collection[str] = (),
        aliases: Mapping[str, tuple[str, ...]] | None = None,
        mapping: Mapping[str, str] | None = None,
    ) -> None:
        self.fields = tuple(fields)
        self.required = tuple(required)
        self.aliases = aliases or {}
        self._columns = {normalised(column): field for column, field in (mapping or {}).items()}
        self._unseen = dict.fromkeys(self._columns)
        mapped = set(self._columns.values())
        self._fields = {
            normalised(name): field for field in self.fields if field not in mapped for name in self._all_names(field)
        } | self._columns
        self._known: dict[str, str | None] = {}

    @classmethod
    def of(cls, *models: type[BaseModel], aliases: Mapping[str, tuple[str, ...]]) -> Vocabulary:
        """The fields of some models, those without a default being required."""
        fields = {name: info.is_required() for model in models for name, info in model.model_fields.items()}
        return cls(fields, [name for name, required in fields.items() if required], aliases)

    def mapped(self, mapping: Mapping[str, str]) -> Vocabulary:
        """The same with columns that a person named for some of the fields."""
        return Vocabulary(self.fields, self.required, self.aliases, mapping)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Columns that a person named and that no row had so far, as names are compared."""
        return tuple(self._unseen)

    def field_of(self, name: str) -> str | None:
        """The field that a column or key means, None for one that we do not know."""
        if name not in self._known:
            column = normalised(name)
            self._unseen.pop(column, None)
            self._known[name] = self._fields.get(column)
        return self._known[name]

    def names_of(self, field: str) -> tuple[str, ...]:
        """All names of a field."""
        named = tuple(column for column, target in self._columns.items() if target == field)
        return named or self._all_names(field)

    def lacking(self, header: Iterable[str]) -> list[str]:
        """The required fields that no column of a header means."""
        found = {self.field_of(name) for name in header}
        return [field for field in self.required if field not in found]

    def by_field(self, row: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
        """Sort the values of a row by field; returns them and the names that we do not know.

        Raises:
            PydanticCustomError: Two names mean the same field and disagree.
        """
        found: dict[str, object] = {}
        unknown = []
        for name, value in row.items():
            field = self.field_of(name)
            if field is None:
                unknown.append(name)
            elif field not in found or found[field] in (None, ""):
                found[field] = value
            elif value not in (None, "", found[field]):
                raise fault(
                    f"{field} stands twice in the row, as {quoted(found[field])} and as {quoted(value)}",
                    f"Keep one of the names {', '.join(self.names_of(field))}.",
                )
        return found, unknown

    def _all_names(self, field: str) -> tuple[str, ...]:
        return (field, *self.aliases.get(field, ()))
