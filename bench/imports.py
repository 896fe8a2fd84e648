"""Imports of large files, one row in a hundred of them bad, each loaded twice."""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import uvloop
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from bench.database import Cluster, running_cluster, temporary_directory, temporary_retailer
from bench.processes import load_average
from server.imports.customers.job import CustomerImport
from server.imports.job import ImportOptions, import_file
from server.imports.kind import Kind
from server.imports.products.job import ProductImport
from server.imports.sales.job import SalesImport
from server.imports.sales.merge import SalesOptions
from server.imports.stores import TargetStore

STORE: Final = "tacoma"
TARGET_SECONDS: Final = 120
_BAD_EVERY: Final = 100
_LINES_PER_RECEIPT: Final = 4
_WORDS: Final = ("steel", "oak", "garden", "folding", "cordless", "waterproof", "compact", "heavy", "duty", "kitchen")
_THINGS: Final = ("lamp", "drill", "chair", "tent", "jacket", "kettle", "shelf", "hose", "mug", "saw", "bag", "heater")
_console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class ImportFigures:
    """One import.

    Attributes:
        kind: What the file holds, and whether all of it was there already.
        rows: Rows of the file.
        rejected: Those that were listed in the reject file.
        phases: Seconds from the start to the beginning of each phase.
        seconds: From opening the file to the end.
    """

    kind: str
    rows: int
    rejected: int
    phases: dict[str, float]
    seconds: float


def imports(*, rows: Annotated[int, Parameter()] = 100_000) -> int:
    """Import products, customers and receipts from CSV files with 1 % bad rows, each file twice.

    Args:
        rows: Rows of each file.
    """
    with running_cluster() as cluster, temporary_directory() as directory:
        figures = uvloop.run(measure_imports(cluster, directory, rows))
    show(figures)
    return 0


async def measure_imports(cluster: Cluster, directory: Path, rows: int) -> list[ImportFigures]:
    """Import products and customers into a new store, and receipts of the products after that."""
    kinds: list[tuple[str, Kind[Any], Iterator[dict[str, object]]]] = [
        ("products", ProductImport(partial=False), product_rows(rows)),
        ("customers", CustomerImport(), customer_rows(rows)),
        ("sales", SalesImport(SalesOptions()), sales_rows(rows)),
    ]
    found = []
    async with temporary_retailer(cluster) as retailer:
        for name, kind, written in kinds:
            file = directory / f"{name}.csv"
            _write(file, written)
            for label in (name, f"{name} again"):
                found.append(await _measured(retailer.admin_url, label, file, kind, rows))
    return found


async def _measured(admin_url: str, name: str, file: Path, kind: Kind[Any], rows: int) -> ImportFigures:
    phases: dict[str, float] = {}
    began = time.perf_counter()

    def note(phase: str, done: int, total: int | None) -> None:
        phases.setdefault(phase, time.perf_counter() - began)

    options = ImportOptions(TargetStore(STORE, create=True), skip_rejected=True)
    report = await import_file(admin_url, file, kind, options, report=note)
    return ImportFigures(name, rows, report.rejected, phases, report.seconds)


def product_rows(rows: int) -> Iterator[dict[str, object]]:
    """Articles of a catalogue; each hundredth has a price that is none."""
    choose = random.Random(7)
    for number in range(rows):
        words, thing = choose.sample(_WORDS, 3), choose.choice(_THINGS)
        yield {
            "sku": f"SKU-{number:06}",
            "name": f"{words[0]} {words[1]} {thing} {number}".capitalize(),
            "price": "a lot" if number % _BAD_EVERY == 0 else f"{choose.uniform(3, 300):.2f}",
            "cost": f"{choose.uniform(1, 3):.2f}",
            "description": f"A {words[2]} {thing} for {choose.choice(_WORDS)} use, made to last for years.",
            "category": choose.choice(_THINGS),
            "brand": f"Brand {choose.randrange(200)}",
            "stock_level": choose.randrange(200),
        }


def customer_rows(rows: int) -> Iterator[dict[str, object]]:
    """Customers; each hundredth has an e-mail address that is none."""
    for number in range(rows):
        yield {
            "email": "none" if number % _BAD_EVERY == 0 else f"customer{number}@example.com",
            "first_name": f"First {number % 900}",
            "last_name": f"Last {number}",
            "phone": f"+1 206 555 {number % 10_000:04}",
        }


def sales_rows(rows: int) -> Iterator[dict[str, object]]:
    """Lines of receipts, four to each; of each hundredth line the quantity is none, and so its receipt is bad."""
    choose = random.Random(11)
    for number in range(rows):
        receipt = number // _LINES_PER_RECEIPT
        yield {
            "receipt": f"R-{receipt:06}",
            "date": f"2026-{1 + receipt % 10:02}-{1 + receipt % 28:02} {8 + receipt % 12:02}:{receipt % 60:02}",
            # Never one of the products that were rejected.
            "sku": f"SKU-{choose.randrange(rows // _BAD_EVERY) * _BAD_EVERY + choose.randrange(1, _BAD_EVERY):06}",
            "quantity": "some" if number % _BAD_EVERY == 0 else choose.randrange(1, 4),
            "price": f"{choose.uniform(3, 300):.2f}",
            "payment": "cash",
        }


def _write(file: Path, rows: Iterator[dict[str, object]]) -> None:
    first = next(rows)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def show(figures: list[ImportFigures]) -> None:
    """Print one row per import."""
    table = Table(title=f"Imports (load average {load_average():.1f}, target {TARGET_SECONDS} s for 100,000 products)")
    for column in ("file", "rows", "rejected", "reading from", "comparing from", "writing from", "seconds", "rows/s"):
        table.add_column(column, justify="left" if column == "file" else "right")
    for figure in figures:
        phases = [f"{figure.phases.get(phase, 0):.1f}" for phase in ("Reading", "Comparing", "Writing")]
        table.add_row(
            figure.kind,
            f"{figure.rows:,}",
            f"{figure.rejected:,}",
            *phases,
            f"{figure.seconds:.1f}",
            f"{figure.rows / figure.seconds:,.0f}",
        )
    _console.print(table)
