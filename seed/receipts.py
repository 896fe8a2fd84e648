"""Receipts: prices a basket to the cent and writes its rows; knows nothing of who shops or why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seed.options import DemoOptions
from seed.randomness import Identifiers
from seed.shelves import Product
from seed.stores import Store
from seed.tables import Row

_METADATA: Final = {True: '{"channel": "web"}', False: '{"channel": "store"}'}


@dataclass(slots=True)
class Line:
    """One line of a receipt; all amounts in cents and never negative.

    Attributes:
        product: What it is about.
        direction: 1 to the customer, -1 back.
        quantity: Units.
        net: Quantity times unit price, less the discount.
        discount: Taken off.
        tax: On top of net.
        item_id: Its key.
        original_item_id: Of a returned line, the line that sold it.
    """

    product: Product
    direction: int
    quantity: int
    net: int
    discount: int
    tax: int
    item_id: str
    original_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """What must be remembered of a sale that will be brought back.

    Attributes:
        transaction_id: Its key.
        customer: Number of the customer in the store, None for a walk-in.
        payment: How it was paid, and will be refunded.
        day: Day of the period.
        lines: What was bought.
    """

    transaction_id: str
    customer: int | None
    payment: str
    day: int
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Timestamp:
    """When and where a receipt is printed.

    Attributes:
        epoch: Seconds since 1970.
        text: The same as a timestamp.
        day: Day of the period.
        receipt_number: Unique in the store.
        staff: Cashier and register.
    """

    epoch: int
    text: str
    day: int
    receipt_number: str
    staff: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Heading:
    """What a receipt says above its lines.

    Attributes:
        kind: sale, return or exchange.
        customer_id: None for a walk-in.
        payment: How it was paid or refunded.
        original: The sale that a return or an exchange refers to.
        reason: Why something came back.
    """

    kind: str
    customer_id: str | None
    payment: str
    original: Sale | None = None
    reason: str | None = None


def rounded_share(amount: int, part: int, whole: int) -> int:
    """Return part / whole of a non-negative amount in cents, half a cent rounded up."""
    return (2 * amount * part + whole) // (2 * whole)


class ReceiptPrinter:
    """Gives identifiers to receipts and their lines and collects the rows.

    Attributes:
        transactions: Rows since somebody took them away.
        items: Likewise for the lines.
    """

    def __init__(self, options: DemoOptions) -> None:
        self._transaction_ids = Identifiers(options.random_seed, "transactions")
        self._item_ids = Identifiers(options.random_seed, "items")
        self.transactions: list[Row] = []
        self.items: list[Row] = []

    def sold_line(self, store: Store, product: Product, quantity: int, percent_off: int, epoch: int) -> Line:
        """Price a line that is bought."""
        gross = quantity * product.price_cents
        discount = rounded_share(gross, percent_off, 100)
        net = gross - discount
        tax = rounded_share(net, store.tax_basis_points, 10_000)
        return Line(product, 1, quantity, net, discount, tax, self._item_ids.next(epoch))

    def returned_line(self, sold: Line, quantity: int, epoch: int) -> Line:
        """Price a line that is brought back: the same part of each amount as of the quantity."""
        discount = rounded_share(sold.discount, quantity, sold.quantity)
        return Line(
            product=sold.product,
            direction=-1,
            quantity=quantity,
            net=quantity * sold.product.price_cents - discount,
            discount=discount,
            tax=rounded_share(sold.tax, quantity, sold.quantity),
            item_id=self._item_ids.next(epoch),
            original_item_id=sold.item_id,
        )

    def print(self, store: Store, timestamp: Timestamp, heading: Heading, lines: list[Line]) -> tuple[str, int]:
        """Write the rows of a receipt.

        Returns:
            The transaction's key, and what the customer paid in cents.
        """
        transaction_id = self._transaction_ids.next(timestamp.epoch)
        subtotal = tax = discount = 0
        for line in lines:
            product = line.product
            subtotal += line.direction * line.net
            tax += line.direction * line.tax
            discount += line.direction * line.discount
            self.items.append(
                (
                    store.store_id,
                    line.item_id,
                    transaction_id,
                    product.product_id,
                    line.direction,
                    line.quantity,
                    product.price_cents,
                    product.cost_cents,
                    line.net,
                    line.discount,
                    line.tax,
                    line.original_item_id,
                    timestamp.text,
                )
            )
        self.transactions.append(
            (
                store.store_id,
                transaction_id,
                heading.customer_id,
                timestamp.text,
                heading.kind,
                heading.payment,
                subtotal,
                tax,
                discount,
                subtotal + tax,
                *timestamp.staff,
                timestamp.receipt_number,
                heading.original.transaction_id if heading.original else None,
                heading.reason,
                _METADATA[store.is_online],
                timestamp.text,
            )
        )
        return transaction_id, subtotal + tax
