"""Shopify's export of customers: a row per person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from server.imports.faults import FieldRow
from server.imports.fields.vocabulary import Vocabulary
from server.imports.layouts import ForeignLayout
from server.imports.shopify.texts import provided, unquoted

_VOCABULARY: Final = Vocabulary(
    ("first_name", "last_name", "email", "phone", "default_address_phone", "total_spent"),
    required=("first_name", "last_name", "email", "total_spent"),
)


def _convert(rows: Iterable[FieldRow], notices: Counter[str]) -> Iterator[FieldRow]:
    for found in rows:
        if not found.values:
            yield found
            continue
        values = found.values
        customer = {
            "first_name": values["first_name"],
            "last_name": values["last_name"],
            "email": unquoted(values["email"]),
        }
        if "phone" in values:
            phone = values["phone"] if provided(values["phone"]) else values.get("default_address_phone")
            customer["phone"] = unquoted(phone)
        yield found.with_values(customer)


SHOPIFY_CUSTOMERS: Final = ForeignLayout("shopify", _VOCABULARY, _convert)
