"""From rows to products: what is in order goes on, everything else goes into the file of rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from seed.imports.columns import by_field, names_of
from seed.imports.json_text import RepeatedKeys
from seed.imports.product import ImportedProduct
from seed.imports.rejects import Fault, RejectFile
from seed.imports.rows import SourceRow
from seed.imports.texts import shown, text


class Checker:
    """Checks rows one after the other.

    Attributes:
        accepted: Number of products that are in order.
        rejected_skus: SKUs of the rejected rows, as far as they have a legible one.
        has_nameless_rejects: Whether a rejected row has no legible SKU.
    """

    def __init__(self, rejects: RejectFile, currency: str, ignored: Counter[str]) -> None:
        self.accepted = 0
        self.rejected_skus: set[str] = set()
        self.has_nameless_rejects = False
        self._rejects = rejects
        self._context = {"currency": currency}
        self._ignored = ignored
        self._first_rows: dict[str, int] = {}

    def products(self, rows: Iterable[SourceRow]) -> Iterator[tuple[int, ImportedProduct]]:
        """Yield the number and the product of every row that is in order."""
        for row in rows:
            values, faults = self._read(row)
            sku = _sku(values)
            if sku is not None and (first := self._first_rows.setdefault(sku, row.number)) != row.number:
                faults.append(
                    Fault("sku", f"{shown(sku)} stands in row {first} already", "Keep one of the rows with this SKU.")
                )
            product = self._product(values, faults)
            if product is not None and not faults:
                self.accepted += 1
                yield row.number, product
            else:
                self._reject(row, sku, faults)

    def _read(self, row: SourceRow) -> tuple[dict[str, object], list[Fault]]:
        if row.problem is not None:
            return {}, [Fault("", *row.problem)]
        if isinstance(row.values, RepeatedKeys):
            return {}, [Fault("", "names a key twice", "Name each key of the object once.")]
        assert isinstance(row.values, dict)
        try:
            values, unknown = by_field(row.values)
        except PydanticCustomError as error:
            return {}, [_fault("", error.context)]
        self._ignored.update(unknown)
        return values, []

    def _product(self, values: dict[str, object], faults: list[Fault]) -> ImportedProduct | None:
        if faults and not values:
            return None
        try:
            return ImportedProduct.model_validate(values, context=self._context)
        except ValidationError as error:
            for found in error.errors(include_url=False, include_input=False):
                field = str(found["loc"][0])
                if found["type"] == "missing":
                    names = " or ".join(names_of(field))
                    faults.append(Fault(field, "is missing", f"Add it as {names}."))
                else:
                    faults.append(_fault(field, found.get("ctx")))
            return None

    def _reject(self, row: SourceRow, sku: str | None, faults: list[Fault]) -> None:
        if sku is None:
            self.has_nameless_rejects = True
        else:
            self.rejected_skus.add(sku)
        self._rejects.add(row, faults)


def _sku(values: dict[str, object]) -> str | None:
    try:
        return text(values.get("sku"), 50)
    except PydanticCustomError:
        return None


def _fault(field: str, context: dict[str, Any] | None) -> Fault:
    assert context is not None
    return Fault(field, context["problem"], context["correction"])
