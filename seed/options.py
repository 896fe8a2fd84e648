"""What to generate: volumes, period and random seed, checked on construction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from server.errors import OptionError

# The westernmost time zone of any store. A day that is over there is over in every store.
_WESTERNMOST: Final = ZoneInfo("America/Los_Angeles")

# A shop needs a shelf to sell from: with 2.5 stores per SKU this leaves each shop at least six articles.
_PRODUCTS_PER_STORE: Final = 4

_BOUNDS: Final = {
    "stores": (1, 1_000),
    "customers": (1, 2_000_000),
    "products": (4, 100_000),
    "transactions": (1, 50_000_000),
    "days": (1, 3_650),
    "random_seed": (0, 2**63 - 1),
}
_EARLIEST: Final = date(2000, 1, 1)


def latest_as_of() -> date:
    """Today in the westernmost store: the latest date whose day before has ended in all stores."""
    return datetime.now(_WESTERNMOST).date()


@dataclass(frozen=True)
class DemoOptions:
    """Volumes and period of the demo data; the same options always give the same data.

    Attributes:
        stores: Number of stores. The first four are the demo's own, the others are made up.
        customers: Customer records over all stores.
        products: Distinct SKUs; each is sold by one to four stores.
        transactions: Receipts over all stores, exactly.
        days: Length of the sales history in days; it ends the day before `as_of`.
        random_seed: Another seed gives other data of the same shape.
        as_of: The date on which the data is up to date.

    Raises:
        OptionError: A value is out of bounds or does not fit the others.
    """

    stores: int = 4
    customers: int = 2_000
    products: int = 500
    transactions: int = 5_000
    days: int = 365
    random_seed: int = 7
    as_of: date = field(default_factory=latest_as_of)

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _BOUNDS.items():
            given: int = getattr(self, name)
            if not lowest <= given <= highest:
                raise OptionError(f"{name} is {given:,}. Choose a number from {lowest:,} to {highest:,}.")
        if self.products < self.stores * _PRODUCTS_PER_STORE:
            raise OptionError(
                f"{self.products:,} products are too few for {self.stores:,} stores. "
                f"Ask for at least {self.stores * _PRODUCTS_PER_STORE:,} products or for fewer stores."
            )
        if self.as_of > latest_as_of():
            raise OptionError(
                f"as_of is {self.as_of}, and sales in the future would be the result. "
                f"Choose {latest_as_of()} or an earlier date."
            )
        if self.as_of - timedelta(days=self.days) < _EARLIEST:
            raise OptionError(
                f"{self.days:,} days before {self.as_of} is earlier than {_EARLIEST}. "
                "Choose fewer days or a later as_of."
            )

    @property
    def first_day(self) -> date:
        """First day of the sales history."""
        return self.as_of - timedelta(days=self.days)
