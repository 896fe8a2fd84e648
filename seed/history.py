"""The sales history: day by day and store by store, who buys what and brings what back."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Container, Sequence
from datetime import date
from typing import Final

from seed.customers import Clientele
from seed.options import DemoOptions
from seed.randomness import even_choices, stream
from seed.receipts import Heading, Line, ReceiptPrinter, Sale, Timestamp
from seed.shelves import Product, Shelf
from seed.stock import Stockroom
from seed.stores import Store
from seed.timeline import LocalDay, local_day, quarter_hours, timestamp_text

_LINE_COUNTS: Final = (1,) * 40 + (2,) * 30 + (3,) * 20 + (4,) * 7 + (5,) * 3
_QUANTITIES: Final = (1,) * 78 + (2,) * 16 + (3,) * 6
_PAYMENTS: Final = even_choices({"credit_card": 45, "debit_card": 25, "cash": 20, "digital_wallet": 10})
_ONLINE_PAYMENTS: Final = [payment for payment in _PAYMENTS if payment != "cash"]
_WALK_IN: Final = 0.15
_DISCOUNTED: Final = 0.2
_GOES_ALONG: Final = 0.5
_ATTEMPTS: Final = 6

# Of the sales, so many come back; a few of those fall behind the end of the period.
_COMES_BACK: Final = 0.118
_EXCHANGED: Final = 0.3
_RETURN_WINDOW_DAYS: Final = 30
_WHOLE_LINE: Final = 0.8
_SPOILT: Final = "Defective or damaged"
_REASONS: Final = even_choices(
    {
        "Changed my mind": 26,
        "Wrong size or fit": 20,
        _SPOILT: 18,
        "Not as described": 12,
        "Unwanted gift": 10,
        "Found a better price": 7,
        "Ordered by mistake": 4,
        "Arrived too late": 3,
    }
)
# How long the shares by which products and customers are picked stay the same.
_SHARES_HOLD_DAYS: Final = 7

_RECEIVING_SECOND: Final = 6 * 3600 + 1800
_REGISTERS: Final = 4
_CASHIERS: Final = 9
_WEB_SHOP: Final = ("ONL-AUTO", "ONL-WEB")


class Shop:
    """One store while the history runs: its customers, shelf, stock and tills."""

    def __init__(
        self,
        options: DemoOptions,
        store: Store,
        clientele: Clientele,
        shelf: Shelf,
        stockroom: Stockroom,
        printer: ReceiptPrinter,
    ) -> None:
        self._store = store
        self._clientele = clientele
        self._shelf = shelf
        self._stockroom = stockroom
        self._printer = printer
        self._rng = stream(options.random_seed, f"history/{store.store_id}")
        self._quarter_hours = quarter_hours(around_the_clock=store.is_online)
        self._payments = _ONLINE_PAYMENTS if store.is_online else _PAYMENTS
        self._companions = [shelf.companions(product) for product in shelf.products]
        self._product_shares: list[float] = []
        self._customer_shares: list[float] = []
        self._coming_back: dict[int, list[Sale]] = defaultdict(list)

    def trade(self, day: int, on: date, receipts: int) -> None:
        """Run one day.

        Args:
            day: Day of the period, from 0.
            on: Its date.
            receipts: How many receipts are printed.
        """
        clock = local_day(self._store.time_zone, on)
        if day == 0:
            self._stockroom.open(timestamp_text(clock.early))
        # Before the first customer, who online comes right after midnight.
        received = clock.early if self._store.is_online else clock.instant(_RECEIVING_SECOND)
        self._stockroom.receive(day, timestamp_text(received))
        if day % _SHARES_HOLD_DAYS == 0:
            self._product_shares = self._shelf.shares_in(day, on.month)
            self._customer_shares = self._clientele.shares_on(day)

        returns = self._returns_of(day, receipts)
        for position, epoch in enumerate(self._instants(clock, receipts), start=1):
            timestamp = Timestamp(
                epoch=epoch,
                text=timestamp_text(epoch),
                day=day,
                receipt_number=f"{self._store.code}-{on:%Y%m%d}-{position:04d}",
                staff=self._staff(day, position, receipts),
            )
            if sale := returns.get(position):
                self._bring_back(sale, timestamp)
            else:
                self._sell(timestamp)

    def _returns_of(self, day: int, receipts: int) -> dict[int, Sale]:
        """Spread the day's returns over its receipts; those that find no place come another day."""
        due = self._coming_back.pop(day, [])
        for sale in due[receipts:]:
            if day + 1 - sale.day <= _RETURN_WINDOW_DAYS:
                self._coming_back[day + 1].append(sale)
        due = due[:receipts]
        return dict(zip(self._rng.sample(range(1, receipts + 1), len(due)), due, strict=True))

    def _instants(self, clock: LocalDay, receipts: int) -> list[int]:
        random, quarters = self._rng.random, self._quarter_hours
        return sorted(
            clock.instant(quarters[int(random() * len(quarters))] + int(random() * 900)) for _ in range(receipts)
        )

    def _staff(self, day: int, position: int, receipts: int) -> tuple[str, str]:
        """Return cashier and register; each register has one cashier, who changes at half time."""
        if self._store.is_online:
            return _WEB_SHOP
        register = 1 + int(self._rng.random() * _REGISTERS)
        cashier = 1 + (day + 2 * register + (position * 2 > receipts)) % _CASHIERS
        return f"{self._store.code}-C{cashier:02d}", f"{self._store.code}-R{register}"

    def _sell(self, timestamp: Timestamp) -> None:
        random = self._rng.random
        customer = self._customer()
        lines = self._basket(timestamp)
        payment = self._payments[int(random() * len(self._payments))]
        transaction_id = self._print(timestamp, lines, "sale", customer, payment)
        if random() < _COMES_BACK:
            # Most come back within days, some on the last day allowed.
            delay = 1 + int(random() ** 1.6 * _RETURN_WINDOW_DAYS)
            sale = Sale(transaction_id, customer, payment, timestamp.day, lines)
            self._coming_back[timestamp.day + delay].append(sale)

    def _customer(self) -> int | None:
        if not self._customer_shares or self._rng.random() < _WALK_IN:
            return None
        return bisect_right(self._customer_shares, self._rng.random())

    def _basket(self, timestamp: Timestamp) -> list[Line]:
        random = self._rng.random
        first = self._product() or self._last_resort(timestamp)
        lines = [self._take(first, self._quantity(), timestamp)]
        chosen = {first.number}
        for _ in range(_LINE_COUNTS[int(random() * 100)] - 1):
            product = self._product(self._companions[first.number], chosen)
            if product is not None:
                chosen.add(product.number)
                lines.append(self._take(product, self._quantity(), timestamp))
        return lines

    def _product(self, companions: Sequence[int] = (), but: Container[int] = ()) -> Product | None:
        """Pick something in stock: often a companion of what is in the basket, else what sells."""
        random, on_hand = self._rng.random, self._stockroom.on_hand
        for _ in range(_ATTEMPTS):
            if companions and random() < _GOES_ALONG:
                number = companions[int(random() * len(companions))]
            else:
                number = bisect_right(self._product_shares, random())
            if on_hand[number] > 0 and number not in but:
                return self._shelf.products[number]
        return None

    def _last_resort(self, timestamp: Timestamp) -> Product:
        """Return anything in stock; a store that has sold out fetches its first product."""
        for product, units in zip(self._shelf.products, self._stockroom.on_hand, strict=True):
            if units > 0:
                return product
        product = self._shelf.products[0]
        self._stockroom.fill_up(product, timestamp.text)
        return product

    def _quantity(self) -> int:
        return _QUANTITIES[int(self._rng.random() * 100)]

    def _take(self, product: Product, wanted: int, timestamp: Timestamp) -> Line:
        """Sell a product that is in stock: as many as are wanted and there."""
        random = self._rng.random
        quantity = min(wanted, self._stockroom.on_hand[product.number])
        percent_off = 5 + int(random() * 21) if random() < _DISCOUNTED else 0
        line = self._printer.sold_line(self._store, product, quantity, percent_off, timestamp.epoch)
        self._stockroom.sell(product, quantity, timestamp.day, timestamp.text, line.item_id)
        return line

    def _bring_back(self, sale: Sale, timestamp: Timestamp) -> None:
        reason = self._rng.choice(_REASONS)
        returned = [
            self._printer.returned_line(sold, quantity, timestamp.epoch)
            for sold, quantity in self._brought_back(sale.lines)
        ]
        for line in returned:
            self._stockroom.take_back(line.product, line.quantity, timestamp.text, line.item_id)
            if reason == _SPOILT:
                self._stockroom.write_off(line.product, line.quantity, timestamp.text)
        replaced = self._replacements(returned, timestamp) if self._rng.random() < _EXCHANGED else []
        kind = "exchange" if replaced else "return"
        self._print(timestamp, returned + replaced, kind, sale.customer, sale.payment, sale, reason)

    def _brought_back(self, lines: list[Line]) -> list[tuple[Line, int]]:
        """Choose lines of a sale and how many units of each: mostly one line, and all of it."""
        rng = self._rng
        count = 1 if rng.random() < 0.75 else rng.randint(1, len(lines))
        return [
            (line, line.quantity if rng.random() < _WHOLE_LINE else rng.randint(1, line.quantity))
            for line in rng.sample(lines, count)
        ]

    def _replacements(self, returned: list[Line], timestamp: Timestamp) -> list[Line]:
        """Take the same product again or another variant of it, where there is one."""
        replaced = []
        for line in returned:
            in_stock = [number for number in self._shelf.siblings(line.product) if self._stockroom.on_hand[number] > 0]
            if in_stock:
                product = self._shelf.products[self._rng.choice(in_stock)]
                replaced.append(self._take(product, line.quantity, timestamp))
        return replaced

    def _print(
        self,
        timestamp: Timestamp,
        lines: list[Line],
        kind: str,
        customer: int | None,
        payment: str,
        original: Sale | None = None,
        reason: str | None = None,
    ) -> str:
        customer_id = None if customer is None else self._clientele.ids[customer]
        heading = Heading(kind, customer_id, payment, original, reason)
        transaction_id, paid_cents = self._printer.print(self._store, timestamp, heading, lines)
        if customer is not None:
            self._clientele.enter(customer, timestamp.epoch, paid_cents, bought=kind == "sale")
        return transaction_id
