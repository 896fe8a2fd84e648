"""Small catalogues, and ways to import them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from server.imports.job import ImportOptions, ImportReport, import_file
from server.imports.kind import Kind, OutcomeT_co
from server.imports.products.job import import_products
from server.imports.products.merge import Merged
from server.imports.rejects import HEADER
from server.imports.stores import TargetStore
from tests.support import Retailer

STORE = "tacoma"

HAMMER = {
    "name": "Claw Hammer",
    "sku": "H-1",
    "price": 28,
    "description": "For framing.",
    "categories": ["Hand Tools", "Hammers"],
    "stock_level": 25,
}
SAW = {
    "name": "Coping Saw",
    "sku": "S-1",
    "price": "13.50",
    "description": "For curves in wood.",
    "categories": ["Hand Tools", "Saws"],
    "stock_level": 4,
}
PAINT = {"name": "White Paint", "sku": "P-1", "price": 40, "category": "Paint", "stock_level": 0}
CATALOGUE = [HAMMER, SAW, PAINT]


def write_json(directory: Path, products: Any, name: str = "catalogue.json") -> Path:
    file = directory / name
    file.write_text(json.dumps(products), encoding="utf-8")
    return file


def write_text(directory: Path, text: str | bytes, name: str = "catalogue.csv") -> Path:
    file = directory / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def options(*, store: str = STORE, **others: Any) -> ImportOptions:
    """Options that open the store if need be."""
    return ImportOptions(TargetStore(store, create=True), **others)


async def load(retailer: Retailer, file: Path, *, partial: bool = False, **others: Any) -> ImportReport[Merged]:
    return await import_products(retailer.admin_url, file, options(**others), partial=partial)


async def load_kind(
    retailer: Retailer, file: Path, kind: Kind[OutcomeT_co], *, store: str = STORE, **others: Any
) -> ImportReport[OutcomeT_co]:
    """Import any kind of records; the store is opened if need be."""
    return await import_file(retailer.admin_url, file, kind, options(store=store, **others))


async def load_products(retailer: Retailer, directory: Path, *products: Any, **others: Any) -> ImportReport[Merged]:
    return await load(retailer, write_json(directory, list(products)), **others)


def rejects_of(file: Path) -> list[dict[str, str]]:
    """The lines of a reject file."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        found = list(csv.DictReader(lines))
    assert all(tuple(line) == HEADER for line in found)
    return found


def counts(report: ImportReport[Merged]) -> tuple[int, int, int, int]:
    """Inserted, updated, unchanged, discontinued."""
    merged = report.merged
    return merged.inserted, merged.updated, merged.unchanged, merged.discontinued
