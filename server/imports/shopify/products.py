"""Shopify's export of products: a row per variant, of which the first has what all have in common."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from server.imports.faults import FieldRow
from server.imports.fields.values import MAX_TAG, MAX_TAGS
from server.imports.fields.vocabulary import Vocabulary
from server.imports.layouts import ForeignLayout
from server.imports.products.product import MAX_BRAND, MAX_DESCRIPTION, MAX_NAME, MAX_OPTION
from server.imports.shopify.texts import plain, provided, unquoted

_OPTIONS: Final = (1, 2, 3)
# Characters of JSON, out of the 10,000 of all metadata.
_MOST_MORE_TAGS: Final = 8_000
# What Shopify calls the option of a product that has none.
_NO_OPTION: Final = "Default Title"
_COMMON: Final = (
    "title", "body", "vendor", "category", "type", "tags", "status", *(f"option{n}_name" for n in _OPTIONS),
)  # fmt: skip
# A row that has none of these is about one more picture.
_OF_VARIANT: Final = ("sku", "price", *(f"option{n}_value" for n in _OPTIONS))

# The names of the older export, and as aliases those of the present one.
_VOCABULARY: Final = Vocabulary(
    (
        "handle", "title", "body", "vendor", "category", "type", "tags", "status", "sku", "grams",
        "barcode", "stock", "price", "cost", *(f"option{n}_{part}" for n in _OPTIONS for part in ("name", "value")),
    ),
    required=("handle", "title", "vendor", "option1_name", "sku", "price"),
    aliases={
        "handle": ("url_handle",),
        "body": ("body_(html)", "description"),
        "category": ("product_category",),
        "sku": ("variant_sku",),
        "grams": ("variant_grams", "weight_value_(grams)"),
        "barcode": ("variant_barcode",),
        "stock": ("variant_inventory_qty", "inventory_quantity"),
        "price": ("variant_price",),
        "cost": ("cost_per_item",),
    },
)  # fmt: skip


def _convert(rows: Iterable[FieldRow], notices: Counter[str]) -> Iterator[FieldRow]:
    common: dict[str, object] = {}
    for found in rows:
        if not found.values:
            yield found
            continue
        if found.values["handle"] != common.get("handle"):
            common = {"handle": found.values["handle"]}
        # An option's name stands in the first row only, and so does everything else here.
        common |= {name: found.values[name] for name in _COMMON if provided(found.values.get(name))}
        if any(provided(found.values.get(name)) for name in _OF_VARIANT):
            yield found.with_values(_product({**found.values, **common}, set(found.values), notices))
        else:
            notices["rows with a further picture of a product were passed over"] += 1


def _product(variant: dict[str, object], columns: set[str], notices: Counter[str]) -> dict[str, object]:
    options = {
        provided(variant.get(f"option{n}_name")): provided(variant.get(f"option{n}_value"))
        for n in _OPTIONS
        if provided(variant.get(f"option{n}_value")) not in ("", _NO_OPTION)
    }
    product: dict[str, object] = {
        "name": _name(variant, options, notices),
        "sku": unquoted(variant["sku"]),
        "price": variant["price"],
    }
    metadata = _metadata(variant, options)
    # What the export has no column for stays as it is.
    if "body" in columns:
        product["description"] = _cut(plain(variant["body"]), MAX_DESCRIPTION, "descriptions", notices)
    if columns & {"category", "type"}:
        product["categories"] = provided(variant.get("category")) or provided(variant.get("type"))
    if "vendor" in columns:
        product["brand"] = _cut(variant["vendor"], MAX_BRAND, "vendors", notices)
    if "tags" in columns:
        product["tags"], others = _tags(variant["tags"], notices)
        if others:
            metadata["more_tags"] = others
    if "cost" in columns:
        product["cost"] = variant["cost"]
    if "status" in columns:
        product["discontinued"] = provided(variant["status"]).lower() in ("draft", "archived")
    if "grams" in columns:
        product["weight_kg"] = _kilograms(variant["grams"])
    if "stock" in columns:
        product["stock_level"] = _stock(variant["stock"], notices)
    for name, value in options.items():
        field = {"color": "color", "colour": "color", "size": "size"}.get(name.lower())
        if field is not None and len(value) <= MAX_OPTION:
            product[field] = value
        elif field is not None:
            notices[f"values of the option {field} are too long to filter by; they stay in the name and metadata"] += 1
    product["metadata"] = json.dumps(metadata, ensure_ascii=False)
    return product


def _name(variant: dict[str, object], options: dict[str, str], notices: Counter[str]) -> str:
    """The title with the options, which stay whole where they can: by them the variants differ."""
    title = provided(variant["title"]) if "title" in variant else ""
    ending = f" - {' / '.join(options.values())}" if title and options else ""
    if len(title) + len(ending) <= MAX_NAME:
        return title + ending
    notices[f"names were cut to {MAX_NAME} characters"] += 1
    ending = ending if len(ending) <= MAX_NAME // 2 else f"{ending[: MAX_NAME // 2 - 1]}…"
    return f"{title[: MAX_NAME - len(ending) - 1].rstrip()}…{ending}"


def _cut(text: object, limit: int, what: str, notices: Counter[str]) -> object:
    if not isinstance(text, str) or len(text.strip()) <= limit:
        return text
    notices[f"{what} were cut to {limit:,} characters"] += 1
    return f"{text.strip()[: limit - 1].rstrip()}…"


def _tags(cell: object, notices: Counter[str]) -> tuple[list[str], list[str]]:
    """The tags that can be searched for, and others as far as metadata has room for them."""
    every = list(dict.fromkeys(tag.strip() for tag in provided(cell).split(",") if tag.strip()))
    found = [tag for tag in every if len(tag) <= MAX_TAG][:MAX_TAGS]
    others = [tag for tag in every if tag not in found]
    if others:
        notices[f"tags beyond {MAX_TAGS}, or longer than {MAX_TAG} characters, went into metadata"] += len(others)
    while len(json.dumps(others, ensure_ascii=False)) > _MOST_MORE_TAGS:
        others.pop()
        notices["tags were left out, as metadata has no room for them"] += 1
    return found, others


def _metadata(variant: dict[str, object], options: dict[str, str]) -> dict[str, object]:
    found = {
        "shopify_handle": provided(variant["handle"]),
        "barcode": unquoted(variant.get("barcode")),
        "options": options,
    }
    return {name: value for name, value in found.items() if value}


def _kilograms(grams: object) -> object:
    """Left as it is where it is no number, for the fault that follows."""
    try:
        return Decimal(provided(grams)) / 1000 if provided(grams) else None
    except InvalidOperation:
        return grams


def _stock(units: object, notices: Counter[str]) -> object:
    if provided(units).startswith("-"):
        notices["variants were sold beyond their stock, which was taken for 0"] += 1
        return 0
    return units


SHOPIFY_PRODUCTS: Final = ForeignLayout("shopify", _VOCABULARY, _convert)
