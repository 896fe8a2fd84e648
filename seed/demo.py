"""Entry point of the demo data: connect, check what the role may do, load, and report."""

from __future__ import annotations

import time
from dataclasses import dataclass

from seed.load import Report, load
from seed.options import DemoOptions
from server.db.loading import connected, may_skip_triggers

__all__ = ["DemoOptions", "DemoReport", "load_demo"]


@dataclass(frozen=True)
class DemoReport:
    """What was loaded, and how fast.

    Attributes:
        rows: Rows per table.
        seconds: From connecting to the end, statistics included.
        transactions_per_second: Receipts with their lines and stock movements.
    """

    rows: dict[str, int]
    seconds: float
    transactions_per_second: float


async def load_demo(
    admin_dsn: str, options: DemoOptions, *, reset: bool = False, report: Report | None = None
) -> DemoReport:
    """Fill a migrated database with demo data; either all of it is there afterwards or nothing changed.

    Args:
        admin_dsn: Login of a superuser or a role with BYPASSRLS.
        options: What to load.
        reset: Whether existing retail data may be removed. Stores stay, and so do identities.
        report: Is told the phase, transactions done and transactions in all.

    Returns:
        Rows per table and the rate.

    Raises:
        LoadError: The database cannot be reached, has no schema, or stopped the load.
        LoadError: Row level security binds the role.
        AlreadyLoadedError: There is data already and `reset` is not set.
    """
    started = time.perf_counter()
    async with connected(admin_dsn, job="load", unit="The demo data") as connection:
        rows = await load(
            connection,
            options,
            reset=reset,
            skip_triggers=await may_skip_triggers(connection),
            report=report or _noop,
        )
    seconds = time.perf_counter() - started
    return DemoReport(dict(rows), seconds, options.transactions / seconds)


def _noop(phase: str, done: int, total: int) -> None:
    """Stand in for a report that nobody asked for."""
