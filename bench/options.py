"""What a run measures, and how long."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cyclopts.types import File

from seed.options import DemoOptions


@dataclass(frozen=True)
class BenchOptions:
    """Options of every command.

    Attributes:
        transactions: Receipts in the database that calls are measured on.
        customers: Customers in it.
        products: Distinct articles in it; each is sold by one to four stores.
        analytic_transactions: Receipts of the one store that analytics are measured on.
        analytic_database: A database with that store, which stays; a run makes and loads it where it is not there yet.
        seconds_per_case: Measured seconds per row of the table of calls and number of clients.
        rounds: Into how many interleaved parts these seconds are divided.
        starts: How often each kind of start is measured.
        output: JSON file with every number; by default a new one in bench/results.
    """

    transactions: int = 200_000
    customers: int = 20_000
    products: int = 2_000
    analytic_transactions: int = 1_000_000
    analytic_database: str | None = None
    seconds_per_case: float = 8.0
    rounds: int = 4
    starts: int = 5
    output: File | None = None

    def __post_init__(self) -> None:
        bounds = {
            "seconds_per_case": (self.seconds_per_case, 0.1, 120),
            "rounds": (self.rounds, 1, 20),
            "starts": (self.starts, 1, 50),
        }
        if self.analytic_database is not None and not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", self.analytic_database):
            raise ValueError("analytic_database is no name of a database in small letters, digits and underscores.")
        for name, (given, lowest, highest) in bounds.items():
            if not lowest <= given <= highest:
                raise ValueError(f"{name} is {given}. Choose a number from {lowest} to {highest}.")

    @property
    def demo(self) -> DemoOptions:
        """The data to measure on; its own bounds are checked here."""
        return DemoOptions(transactions=self.transactions, customers=self.customers, products=self.products)
