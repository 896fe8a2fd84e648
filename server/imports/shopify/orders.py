"""Shopify's export of orders: a row per line, of which the first has what all have in common."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
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
_REFUND: Final = "-refund"
_REFUNDED_IN_FULL: Final = (
    "orders were refunded in full: each has a return of all lines, on its own day as no other is known"
)
# Before the key of a line without an SKU, which is made of its name.
_CUSTOM: Final = "custom:"
_NO_CODE: Final = re.compile(r"\W+")
_LONGEST_SKU: Final = 50
_LONGEST_NAME: Final = 200
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
        "notes", "lineitem_quantity", "lineitem_name", "lineitem_price", "lineitem_sku", "lineitem_taxable",
        "lineitem_discount",
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
            yield from (found.with_values(_line(found.values) if found.values else {}) for found in group)
            continue
        first = group[0].values
        status = provided(first.get("financial_status")).lower()
        if provided(first.get("cancelled_at")) or status not in _SALES:
            notices["orders that are not paid, or cancelled, were passed over"] += 1
            continue
        yield from _order(number, group, notices)


def _order(number: str, group: list[FieldRow], notices: Counter[str]) -> Iterator[FieldRow]:
    order = group[0].values
    goods = [found for found in group if not _is_tip(found.values)]
    try:
        money = _Money(order, goods, tips=[found for found in group if _is_tip(found.values)])
        refunded = plain_amount(order.get("refunded_amount"))
    except PydanticCustomError as error:
        group[0].faults.append(Fault.raised("", error))
        yield from (found.with_values(_line(found.values) | {"receipt_number": number}) for found in group)
        return
    if not goods:
        notices["orders of a tip alone were passed over"] += 1
        return
    if money.fault is not None:
        goods[0].faults.append(money.fault)
    if money.tips:
        notices["orders have a tip, which is kept in the receipt's metadata and is no revenue"] += 1
    head = _head(order, money)
    yield from _receipt(number, goods, money, head)
    if not refunded:
        return
    if refunded == money.total:
        notices[_REFUNDED_IN_FULL] += 1
        returned = {"transaction_type": "return", "original_receipt": number, "return_reason": "refunded in full"}
        head = {name: value for name, value in head.items() if name not in ("notes", "metadata")}
        # Of rows without faults: what is wrong with the order is reported once.
        copies = [FieldRow(found.row, found.values) for found in goods]
        yield from _receipt(f"{number}{_REFUND}", copies, money, head | returned)
    else:
        notices[
            "orders were refunded in part, which the export does not break down by line: their figures lack it; enter "
            "the returns from a file of our own format"
        ] += 1


def _receipt(number: str, goods: list[FieldRow], money: _Money, head: dict[str, object]) -> Iterator[FieldRow]:
    for found, amounts in zip(goods, money.lines, strict=True):
        line = _line(found.values) | amounts | {"receipt_number": number}
        yield found.with_values(line | head if found is goods[0] else line)


class _Money:
    """The amounts of an order, spread over its lines, before tax whatever the order's prices are.

    Attributes:
        lines: Unit price, discount and tax of each, as our fields.
        shipping: Before tax; no line of the receipt.
        shipping_tax: The part of the taxes that is on shipping and duties; 0 where prices do not include tax.
        tips: Sum of the tips.
        total: What was paid.
        fault: What does not add up.
    """

    def __init__(self, order: dict[str, object], goods: list[FieldRow], tips: list[FieldRow]) -> None:
        self.fault: Fault | None = None
        self.tips = sum((_price(found.values) for found in tips), _NOTHING)
        self.total = plain_amount(order.get("total"))
        taxes, extra = (
            plain_amount(order.get("taxes")),
            plain_amount(order.get("shipping")) + plain_amount(order.get("duties")),
        )
        subtotal = plain_amount(order.get("subtotal")) - self.tips
        own = [plain_amount(found.values.get("lineitem_discount")) for found in goods]
        gross = [_price(found.values) - discount for found, discount in zip(goods, own, strict=True)]
        over = self._order_discount(order, subtotal, gross)
        self._check_total(subtotal + self.tips + extra, taxes)
        paid = [line - part for line, part in zip(gross, over, strict=True)]
        taxable = [_NOTHING if _is_exempt(found) else line for found, line in zip(goods, paid, strict=True)]
        self.includes_tax = taxes != 0 and self.total == subtotal + self.tips + extra
        self.shipping, self.shipping_tax = plain_amount(order.get("shipping")), _NOTHING
        discounts = [discount + part for discount, part in zip(own, over, strict=True)]
        if self.includes_tax:
            self.shipping_tax = _taxes_of_extra(taxes, extra, sum(taxable, _NOTHING))
        by_line = shares(taxes - self.shipping_tax, taxable)
        self.lines = [
            _before_tax(found.values, line, tax) if self.includes_tax else {"discount": discount, "tax": tax}
            for found, line, discount, tax in zip(goods, paid, discounts, by_line, strict=True)
        ]

    def _order_discount(self, order: dict[str, object], subtotal: Decimal, gross: list[Decimal]) -> list[Decimal]:
        """The discount of the order as a whole, spread over its lines: by what they come to more than the subtotal."""
        spread = sum(gross, _NOTHING) - subtotal
        if not _NOTHING <= spread <= plain_amount(order.get("discount_amount")):
            self.fault = Fault(
                "subtotal",
                f"is {subtotal}, but the lines come to {sum(gross, _NOTHING)} before the order's discount",
                "Export the order anew with all its lines, or enter it in a file of our own format.",
            )
            spread = _NOTHING
        return shares(spread, gross)

    def _check_total(self, before_taxes: Decimal, taxes: Decimal) -> None:
        if self.total not in (before_taxes, before_taxes + taxes):
            self.fault = self.fault or Fault(
                "total",
                f"is {self.total}, but subtotal, shipping, duties and taxes come to {before_taxes + taxes}",
                "Enter the order in a file of our own format.",
            )
        elif taxes and self.total == before_taxes and self.total < taxes:
            self.fault = self.fault or Fault(
                "taxes", f"are {taxes}, more than the total of {self.total}", "Enter the order in our own format."
            )


def _taxes_of_extra(taxes: Decimal, extra: Decimal, taxable: Decimal) -> Decimal:
    """The tax on shipping and duties, at the rate of the goods; the export has one sum for all."""
    return (taxes * extra / (taxable + extra)).quantize(CENT, ROUND_HALF_UP) if extra else _NOTHING


def _before_tax(line: dict[str, object], paid: Decimal, tax: Decimal) -> dict[str, object]:
    """A line without the tax that its price includes.

    The unit price is the least one with whole cents that the line does not exceed; the discount takes the rest.
    """
    units, net = plain_amount(line["lineitem_quantity"]), paid - tax
    listed = plain_amount(line["lineitem_price"])
    unit_price = listed * net / paid if paid else listed
    unit_price = max(unit_price, net / units if units else _NOTHING).quantize(CENT, ROUND_UP)
    return {"unit_price": unit_price, "discount": units * unit_price - net, "tax": tax}


def _head(order: dict[str, object], money: _Money) -> dict[str, object]:
    method = provided(order.get("payment_method"))
    kept = {
        "payment_method": method,
        "shipping": str(money.shipping) if money.shipping else "",
        "prices_included_tax": money.includes_tax,
        "shipping_tax": str(money.shipping_tax) if money.shipping_tax else "",
        "tip": str(money.tips) if money.tips else "",
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


def _line(values: dict[str, object]) -> dict[str, object]:
    name = provided(values.get("lineitem_name"))
    sku = unquoted(values["lineitem_sku"])
    if not sku and name:
        sku = f"{_CUSTOM}{_NO_CODE.sub('-', name.lower()).strip('-')}"[:_LONGEST_SKU]
    return {
        "sku": sku,
        "quantity": values["lineitem_quantity"],
        "unit_price": values["lineitem_price"],
        "placeholder_name": name[:_LONGEST_NAME],
    }


def _price(line: dict[str, object]) -> Decimal:
    return plain_amount(line["lineitem_quantity"]) * plain_amount(line["lineitem_price"])


def _is_tip(line: dict[str, object]) -> bool:
    """Whether a line is Shopify's own line of a tip (TipSale in its API), which is no article."""
    return not provided(line.get("lineitem_sku")) and provided(line.get("lineitem_name")).lower() == "tip"


def _is_exempt(found: FieldRow) -> bool:
    return provided(found.values.get("lineitem_taxable")).lower() == "false"


SHOPIFY_ORDERS: Final = ForeignLayout("shopify", _VOCABULARY, _convert)
