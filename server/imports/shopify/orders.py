"""Shopify's export of orders: a row per line, of which the first has what all have in common."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import ROUND_DOWN, Decimal
from typing import Final

from pydantic_core import PydanticCustomError

from server.imports.faults import Fault, FieldRow
from server.imports.fields.numbers import CENT, plain_amount
from server.imports.fields.vocabulary import Vocabulary
from server.imports.layouts import ForeignLayout
from server.imports.sales.grouping import consecutive
from server.imports.shopify.texts import provided, unquoted

# What became a sale; an order of any other status is none, or none yet.
_SALES: Final = frozenset(("paid", "partially_paid", "partially_refunded", "refunded"))
_NOTHING: Final = Decimal("0.00")
_METHODS: Final = (
    ("cash", "cash"),
    ("shopify payments", "credit_card"),
    ("credit", "credit_card"),
    ("stripe", "credit_card"),
    ("debit", "debit_card"),
    ("paypal", "digital_wallet"),
    ("apple pay", "digital_wallet"),
    ("google pay", "digital_wallet"),
    ("shop pay", "digital_wallet"),
    ("amazon pay", "digital_wallet"),
)

_VOCABULARY: Final = Vocabulary(
    (
        "name", "email", "financial_status", "currency", "subtotal", "shipping", "taxes", "total", "duties",
        "discount_amount", "created_at", "cancelled_at", "payment_method", "refunded_amount", "employee", "location",
        "notes", "lineitem_quantity", "lineitem_price", "lineitem_sku", "lineitem_taxable", "lineitem_discount",
    ),
    required=(
        "name", "financial_status", "subtotal", "total", "created_at", "lineitem_quantity", "lineitem_price",
        "lineitem_sku",
    ),
)  # fmt: skip


def shares(amount: Decimal, weights: list[Decimal]) -> list[Decimal]:
    """Split an amount by weight, in hundredths without a rest; the largest remainders get the odd ones."""
    whole = sum(weights, Decimal(0))
    if not whole:
        weights, whole = [Decimal(1)] * len(weights), Decimal(len(weights))
    exact = [amount * weight / whole for weight in weights]
    parts = [part.quantize(CENT, ROUND_DOWN) for part in exact]
    missing = int((amount - sum(parts, Decimal(0))) / CENT)
    for place in sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])[:missing]:
        parts[place] += CENT
    return parts


def _convert(rows: Iterable[FieldRow], notices: Counter[str]) -> Iterator[FieldRow]:
    for number, group in consecutive(rows, lambda found: provided(found.values.get("name")) or None):
        if number is None:
            yield from (found.with_values(_lined(found)) for found in group)
            continue
        first = group[0].values
        status = provided(first.get("financial_status")).lower()
        if provided(first.get("cancelled_at")) or status not in _SALES:
            notices["orders that are not paid, or cancelled, were passed over"] += 1
            continue
        if provided(first.get("refunded_amount")).strip("0.") != "":
            notices[
                "orders were refunded in part or whole, which the export does not tell by line: "
                "enter the returns from a file of our own format"
            ] += 1
        yield from _order(group)


def _order(group: list[FieldRow]) -> Iterator[FieldRow]:
    try:
        money = _Money(group)
    except PydanticCustomError as error:
        group[0].faults.append(Fault.raised("", error))
        yield from (found.with_values(_lined(found) | {"receipt_number": found.values["name"]}) for found in group)
        return
    if money.fault is not None:
        group[0].faults.append(money.fault)
    head = _head(group[0].values, money)
    for found, discount, tax in zip(group, money.discounts, money.taxes, strict=True):
        line = _lined(found) | {"discount": discount, "tax": tax, "receipt_number": found.values["name"]}
        yield found.with_values(line | head if found is group[0] else line)


class _Money:
    """The amounts of an order, spread over its lines: discount where they come to more than the subtotal, and tax.

    Attributes:
        discounts: By line.
        taxes: By line; nothing where the prices include it.
        shipping: Which is no line of the receipt.
        tax_included: Tax that the prices include.
        fault: What does not add up.
    """

    def __init__(self, group: list[FieldRow]) -> None:
        order = group[0].values
        self.fault: Fault | None = None
        self.shipping = plain_amount(order.get("shipping"))
        subtotal, total = plain_amount(order.get("subtotal")), plain_amount(order.get("total"))
        taxes, extra = plain_amount(order.get("taxes")), self.shipping + plain_amount(order.get("duties"))
        own = [plain_amount(found.values.get("lineitem_discount")) for found in group]
        lines = [_price(found.values) - discount for found, discount in zip(group, own, strict=True)]
        spread = sum(lines, _NOTHING) - subtotal
        if not _NOTHING <= spread <= plain_amount(order.get("discount_amount")):
            self.fault = Fault(
                "subtotal",
                f"is {subtotal}, but the lines come to {sum(lines, _NOTHING)} before the order's discount",
                "Export the order anew with all its lines, or enter it in a file of our own format.",
            )
            spread = _NOTHING
        is_included = total == subtotal + extra and taxes != 0
        if not is_included and total != subtotal + extra + taxes:
            self.fault = self.fault or Fault(
                "total",
                f"is {total}, but subtotal, shipping, duties and taxes come to {subtotal + extra + taxes}",
                "Enter the order in a file of our own format.",
            )
        over = shares(spread, lines)
        self.discounts = [discount + part for discount, part in zip(own, over, strict=True)]
        self.tax_included = taxes if is_included else _NOTHING
        paid = [line - part for line, part in zip(lines, over, strict=True)]
        taxable = [_NOTHING if _is_exempt(found) else line for found, line in zip(group, paid, strict=True)]
        self.taxes = shares(taxes - self.tax_included, taxable)


def _head(order: dict[str, object], money: _Money) -> dict[str, object]:
    method = provided(order.get("payment_method"))
    kept = {
        "payment_method": method,
        "shipping": str(money.shipping) if money.shipping else "",
        "tax_included": str(money.tax_included) if money.tax_included else "",
    }
    return {
        "transaction_date": order["created_at"],
        "currency": order.get("currency"),
        "customer_email": unquoted(order.get("email")),
        "payment_method": next((ours for word, ours in _METHODS if word in method.lower()), None),
        "cashier_id": order.get("employee"),
        "register_id": order.get("location"),
        "notes": order.get("notes"),
        "metadata": json.dumps({name: value for name, value in kept.items() if value}, ensure_ascii=False),
    }


def _lined(found: FieldRow) -> dict[str, object]:
    values = found.values
    if not values:
        return {}
    return {
        "sku": unquoted(values["lineitem_sku"]),
        "quantity": values["lineitem_quantity"],
        "unit_price": values["lineitem_price"],
    }


def _price(line: dict[str, object]) -> Decimal:
    return plain_amount(line["lineitem_quantity"]) * plain_amount(line["lineitem_price"])


def _is_exempt(found: FieldRow) -> bool:
    return provided(found.values.get("lineitem_taxable")).lower() == "false"


SHOPIFY_ORDERS: Final = ForeignLayout("shopify", _VOCABULARY, _convert)
