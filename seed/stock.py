"""Stock: what is on hand, when it is ordered, and the ledger of every movement."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import Final

from seed.options import DemoOptions
from seed.randomness import stream
from seed.shelves import Product, Shelf
from seed.stores import Store
from seed.tables import Row

_LEAD_TIMES_DAYS: Final = (2, 3, 3, 4, 5, 5, 6, 7, 7, 10, 14)
# An order covers this many times the demand of its lead time, so that few products wait for one.
_COVER: Final = 20
_SAFETY: Final = 1.6
# So many products are low when the history ends, those that wait for an order included.
_LOW_AT_THE_END: Final = 0.065
# Sales are luck: of the products that a supplier fails, so many have run low by then.
_RUN_LOW: Final = 0.68
_LINES_PER_TRANSACTION: Final = 1.9
_UNITS_PER_LINE: Final = 1.3


@dataclass(frozen=True, slots=True)
class StockPlan:
    """How much of a product a store wants to have.

    Attributes:
        minimum: Below this it is running out.
        maximum: An order fills up to this.
        reorder_point: At this level it is ordered.
        lead_time_days: From the order to its arrival.
        opening: On hand when the history begins.
        orders_until: The day from which the supplier delivers no more.
    """

    minimum: int
    maximum: int
    reorder_point: int
    lead_time_days: int
    opening: int
    orders_until: int


def make_plans(options: DemoOptions, store: Store, shelf: Shelf, part_of_sales: float) -> list[StockPlan]:
    """Return a plan for each product of a store.

    Args:
        options: Decide how much is sold in all.
        store: The store.
        shelf: Its products.
        part_of_sales: The store's part of all sales, 0 to 1.
    """
    rng = stream(options.random_seed, f"stock/{store.store_id}")
    units = options.transactions * part_of_sales * _LINES_PER_TRANSACTION * _UNITS_PER_LINE
    return [
        _plan(rng, product.price_cents, units * share / options.days, options.days)
        for product, share in zip(shelf.products, shelf.yearly_shares(), strict=True)
    ]


def _plan(rng: Random, price_cents: int, units_per_day: float, days: int) -> StockPlan:
    lead_time_days = rng.choice(_LEAD_TIMES_DAYS)
    # What hardly sells still fills its place on the shelf: many of the cheap, few of the dear.
    facing = 24 if price_cents < 2_000 else 12 if price_cents < 10_000 else 5
    waiting = units_per_day * lead_time_days
    reorder_point = math.ceil(waiting * _SAFETY + facing * rng.uniform(0.15, 0.5))
    maximum = reorder_point + math.ceil(max(waiting * _COVER, facing * rng.uniform(1.0, 2.5)))
    opening = rng.randint(reorder_point + 1, maximum)
    orders_until = days
    # Some wait for an order anyway; for the rest a supplier fails, early enough to run the stock down.
    low_anyway = waiting / (maximum - reorder_point)
    if rng.random() < (_LOW_AT_THE_END - low_anyway) / _RUN_LOW:
        days_of_stock = maximum / units_per_day
        orders_until = max(0, math.floor(days - days_of_stock * rng.uniform(0.4, 1.0)))
        sold_in_all = math.ceil(units_per_day * days * rng.uniform(0.7, 1.1))
        opening = min(opening, max(1, sold_in_all + rng.randint(0, reorder_point)))
    return StockPlan(
        minimum=math.ceil(reorder_point / 2),
        maximum=maximum,
        reorder_point=reorder_point,
        lead_time_days=lead_time_days,
        opening=opening,
        orders_until=orders_until,
    )


class Stockroom:
    """Stock of one store while the history runs; every change goes into the ledger.

    Attributes:
        on_hand: Units per product.
    """

    def __init__(self, store: Store, shelf: Shelf, plans: list[StockPlan], ledger: list[Row]) -> None:
        self._store_id = store.store_id
        self._shelf = shelf
        self._plans = plans
        self._ledger = ledger
        self._on_order = [False] * len(plans)
        self._arrivals: dict[int, list[tuple[Product, int]]] = defaultdict(list)
        self.on_hand = [0] * len(plans)

    def open(self, moved_at: str) -> None:
        """Enter what the store has when the history begins."""
        for product, plan in zip(self._shelf.products, self._plans, strict=True):
            self._move(product, plan.opening, "opening", moved_at)

    def receive(self, day: int, moved_at: str) -> None:
        """Take in the orders that arrive on a day."""
        for product, units in self._arrivals.pop(day, ()):
            self._on_order[product.number] = False
            self._move(product, units, "purchase", moved_at)

    def sell(self, product: Product, units: int, day: int, moved_at: str, item_id: str) -> None:
        """Take units out, and order more when few are left.

        Args:
            product: What is sold.
            units: At most what is on hand.
            day: Day of the period.
            moved_at: The timestamp, as text.
            item_id: The receipt line.
        """
        self._move(product, -units, "sale", moved_at, item_id)
        number = product.number
        left = self.on_hand[number]
        plan = self._plans[number]
        if left <= plan.reorder_point and not self._on_order[number] and day < plan.orders_until:
            self._on_order[number] = True
            self._arrivals[day + plan.lead_time_days].append((product, plan.maximum - left))

    def take_back(self, product: Product, units: int, moved_at: str, item_id: str) -> None:
        """Put returned units back on the shelf."""
        self._move(product, units, "return", moved_at, item_id)

    def write_off(self, product: Product, units: int, moved_at: str) -> None:
        """Throw away what nobody can sell."""
        self._move(product, -units, "adjustment", moved_at)

    def fill_up(self, product: Product, moved_at: str) -> None:
        """Fetch goods at once, for a store that has nothing left to sell."""
        missing = self._plans[product.number].maximum - self.on_hand[product.number]
        self._move(product, missing, "purchase", moved_at)

    def _move(self, product: Product, units: int, reason: str, moved_at: str, item_id: str | None = None) -> None:
        self.on_hand[product.number] += units
        self._ledger.append((self._store_id, product.product_id, moved_at, units, reason, item_id))
