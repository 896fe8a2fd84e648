"""What is measured of sales: each metric's definition, and how it follows from sums that can be added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Literal, Self

from server.toolkit.results import Result

Unit = Literal["money", "receipts", "units", "units per receipt", "percent"]
Value = Decimal | int | float | None


class Metric(StrEnum):
    """What can be measured of sales."""

    NET_REVENUE = "net_revenue"
    GROSS_REVENUE = "gross_revenue"
    RETURNS_VALUE = "returns_value"
    DISCOUNTS = "discounts"
    TAX = "tax"
    UNITS_SOLD = "units_sold"
    UNITS_RETURNED = "units_returned"
    TRANSACTIONS = "transactions"
    RETURNS = "returns"
    AVERAGE_BASKET = "average_basket"
    ITEMS_PER_BASKET = "items_per_basket"
    COST = "cost"
    MARGIN = "margin"
    MARGIN_RATE = "margin_rate"
    RETURN_RATE = "return_rate"


class Measures(Result):
    """Sums over lines of receipts, amounts in hundredths of the currency; those of two days or stores add up."""

    lines: int = 0
    transactions: int = 0
    returns: int = 0
    units_sold: int = 0
    units_returned: int = 0
    gross_cents: int = 0
    returned_cents: int = 0
    discount_cents: int = 0
    tax_cents: int = 0
    cost_cents: int = 0
    lines_without_cost: int = 0
    basket_cents: int = 0
    basket_units: int = 0

    @classmethod
    def total(cls, parts: Sequence[Measures]) -> Self:
        """The sums of all parts together."""
        return cls(**{name: sum(getattr(part, name) for part in parts) for name in cls.model_fields})

    @property
    def net_cents(self) -> int:
        """Goods sold less goods returned."""
        return self.gross_cents - self.returned_cents

    @property
    def margin_cents(self) -> int | None:
        """Net revenue less cost; None as soon as one cost is unknown, for that of half the units would mislead."""
        return None if self.lines_without_cost else self.net_cents - self.cost_cents


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric.

    Attributes:
        name: The metric.
        definition: What it is, in one sentence.
        unit: In what it is measured; money is in the store's currency.
        of: The metric of some sums; None where it cannot be told.
        adds_up: Whether a group's share of the total means something.
    """

    name: Metric
    definition: str
    unit: Unit
    of: Callable[[Measures], Value]
    adds_up: bool = True


def money(cents: int | None) -> Decimal | None:
    """An amount of so many hundredths."""
    return None if cents is None else Decimal(cents).scaleb(-2)


def rounded(number: Decimal) -> Decimal:
    """To two decimals, halves away from zero."""
    return number.quantize(Decimal("0.01"), ROUND_HALF_UP)


def percent(part: Decimal | int | float | None, whole: Decimal | int | float | None) -> float | None:
    """`part` in percent of `whole`, to two decimals; None of nothing."""
    if part is None or not whole:
        return None
    return float(rounded(100 * Decimal(str(part)) / Decimal(str(whole))))


def _per_receipt(amount: int, receipts: int) -> Decimal | None:
    return rounded(Decimal(amount) / receipts) if receipts else None


def _average_basket(m: Measures) -> Decimal | None:
    return rounded(Decimal(m.basket_cents).scaleb(-2) / m.transactions) if m.transactions else None


def _items_per_basket(m: Measures) -> float | None:
    items = _per_receipt(m.basket_units, m.transactions)
    return None if items is None else float(items)


DEFINITIONS: Mapping[Metric, Definition] = {
    definition.name: definition
    for definition in (
        Definition(
            Metric.NET_REVENUE,
            "Goods sold less goods returned: after discounts, before tax.",
            "money",
            lambda m: money(m.net_cents),
        ),
        Definition(
            Metric.GROSS_REVENUE,
            "Goods sold, after discounts, before tax and before returns.",
            "money",
            lambda m: money(m.gross_cents),
        ),
        Definition(
            Metric.RETURNS_VALUE,
            "Goods returned, a positive amount, already taken off net_revenue.",
            "money",
            lambda m: money(m.returned_cents),
        ),
        Definition(
            Metric.DISCOUNTS,
            "Discounts given on goods sold, already taken off gross_revenue.",
            "money",
            lambda m: money(m.discount_cents),
        ),
        Definition(
            Metric.TAX,
            "Sales tax charged less tax refunded; not part of revenue.",
            "money",
            lambda m: money(m.tax_cents),
        ),
        Definition(Metric.UNITS_SOLD, "Units sold, before returns.", "units", lambda m: m.units_sold),
        Definition(Metric.UNITS_RETURNED, "Units returned.", "units", lambda m: m.units_returned),
        Definition(
            Metric.TRANSACTIONS,
            "Number of sale receipts; in a group, of those with a line of it. Returns and exchanges are not counted.",
            "receipts",
            lambda m: m.transactions,
        ),
        Definition(Metric.RETURNS, "Number of return and exchange receipts.", "receipts", lambda m: m.returns),
        Definition(
            Metric.AVERAGE_BASKET,
            "Revenue of the sale receipts divided by their number; in a group, of its lines alone.",
            "money",
            _average_basket,
            adds_up=False,
        ),
        Definition(
            Metric.ITEMS_PER_BASKET,
            "Units on the sale receipts divided by their number.",
            "units per receipt",
            _items_per_basket,
            adds_up=False,
        ),
        Definition(
            Metric.COST,
            "What the goods sold had cost the store, less that of goods returned; not told where one cost is unknown.",
            "money",
            lambda m: None if m.lines_without_cost else money(m.cost_cents),
        ),
        Definition(Metric.MARGIN, "Net revenue less cost.", "money", lambda m: money(m.margin_cents)),
        Definition(
            Metric.MARGIN_RATE,
            "Margin in percent of net revenue.",
            "percent",
            lambda m: percent(m.margin_cents, m.net_cents),
            adds_up=False,
        ),
        Definition(
            Metric.RETURN_RATE,
            "Units returned in percent of units sold in the same period.",
            "percent",
            lambda m: percent(m.units_returned, m.units_sold),
            adds_up=False,
        ),
    )
}
# What the store earns is not everybody's business (server.calls.principal.COST_ROLES).
COST_METRICS = frozenset({Metric.COST, Metric.MARGIN, Metric.MARGIN_RATE})
DEFAULT_METRICS = (Metric.NET_REVENUE, Metric.UNITS_SOLD, Metric.TRANSACTIONS, Metric.AVERAGE_BASKET)
FEW_EVENTS = 5
