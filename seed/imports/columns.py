"""The names that columns and keys may have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from seed.imports.product import ImportedProduct
from seed.imports.texts import clean, fault, shown

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("product_name", "title"),
    "sku": ("product_sku",),
    "price": ("unit_price",),
    "description": ("product_description",),
    "categories": ("category",),
    "stock_level": ("stock", "quantity", "stock_quantity", "current_stock"),
    "color": ("colour",),
    "rating_average": ("rating",),
    "rating_count": ("review_count",),
}
REQUIRED: Final = tuple(name for name, field in ImportedProduct.model_fields.items() if field.is_required())

_FIELDS: Final = {name: name for name in ImportedProduct.model_fields} | {
    alias: name for name, aliases in ALIASES.items() for alias in aliases
}
_SEPARATORS: Final = re.compile(r"[\s-]+")


def normalised(name: str) -> str:
    """A name as names are compared: 'Product Name' and 'product-name' are product_name."""
    return _SEPARATORS.sub("_", clean(name).strip().lower())


@lru_cache(maxsize=1_000)
def field_of(name: str) -> str | None:
    """The field that a column or key means, None for one that we do not know."""
    return _FIELDS.get(normalised(name))


def names_of(field: str) -> tuple[str, ...]:
    """All names of a field."""
    return (field, *ALIASES.get(field, ()))


def by_field(row: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Sort the values of a row by field; returns them and the names that we do not know.

    Raises:
        PydanticCustomError: Two names mean the same field and disagree.
    """
    found: dict[str, object] = {}
    unknown = []
    for name, value in row.items():
        field = field_of(name)
        if field is None:
            unknown.append(name)
        elif field not in found or found[field] in (None, ""):
            found[field] = value
        elif value not in (None, "", found[field]):
            raise fault(
                f"{field} stands twice in the row, as {shown(found[field])} and as {shown(value)}",
                f"Keep one of the names {', '.join(names_of(field))}.",
            )
    return found, unknown
