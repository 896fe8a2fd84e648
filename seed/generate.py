"""Generator: options in, batches of rows out; no database, no clock, and memory that stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from seed.catalogue import catalogue
from seed.customers import Clientele, customer_rows, make_clienteles
from seed.history import Shop
from seed.options import DemoOptions
from seed.product_rows import product_rows
from seed.receipts import ReceiptPrinter
from seed.shelves import Shelf, make_shelves
from seed.stock import StockPlan, Stockroom, make_plans
from seed.stores import Store, make_stores
from seed.tables import (
    CATEGORIES,
    CUSTOMERS,
    ITEMS,
    MOVEMENTS,
    PRODUCTS,
    STORES,
    TRANSACTIONS,
    Batch,
    Row,
)
from seed.timeline import daily_counts

_TRANSACTIONS_PER_BATCH: Final = 5_000


@dataclass(frozen=True)
class _Scene:
    """Everything about one store that the history needs, and what it leaves behind."""

    store: Store
    clientele: Clientele
    shelf: Shelf
    plans: list[StockPlan]
    stockroom: Stockroom
    shop: Shop


def generate(options: DemoOptions) -> Iterator[Batch]:
    """Yield the demo data; the same options give the same rows in the same order."""
    yield from reference_data(options)
    yield from sales_data(options)


def reference_data(options: DemoOptions) -> Iterator[Batch]:
    """Yield stores and categories."""
    yield Batch(STORES, [store.row() for store in make_stores(options.stores, options.random_seed)])
    yield Batch(CATEGORIES, catalogue().rows)


def sales_data(options: DemoOptions) -> Iterator[Batch]:
    """Yield receipts, their lines and stock movements in order of days, then products and customers.

    Those come last because only the whole history tells what is in stock and who has spent how much.
    """
    ledger: list[Row] = []
    printer = ReceiptPrinter(options)
    stores = make_stores(options.stores, options.random_seed)
    scenes = _set_scenes(options, stores, printer, ledger)
    for day, on, receipts in daily_counts(options, stores):
        for scene, count in zip(scenes, receipts, strict=True):
            scene.shop.trade(day, on, count)
            if len(printer.transactions) >= _TRANSACTIONS_PER_BATCH:
                yield from _take_batches(printer, ledger)
    yield from _take_batches(printer, ledger)

    for scene in scenes:
        on_hand = scene.stockroom.on_hand
        yield Batch(PRODUCTS, list(product_rows(options, scene.store, scene.shelf, scene.plans, on_hand)))
        yield Batch(CUSTOMERS, list(customer_rows(options, scene.store, scene.clientele)))


def _set_scenes(options: DemoOptions, stores: list[Store], printer: ReceiptPrinter, ledger: list[Row]) -> list[_Scene]:
    total_share = sum(store.share for store in stores)
    scenes = []
    for store, clientele, shelf in zip(
        stores, make_clienteles(options, stores), make_shelves(options, stores), strict=True
    ):
        plans = make_plans(options, store, shelf, store.share / total_share)
        stockroom = Stockroom(store, shelf, plans, ledger)
        shop = Shop(options, store, clientele, shelf, stockroom, printer)
        scenes.append(_Scene(store, clientele, shelf, plans, stockroom, shop))
    return scenes


def _take_batches(printer: ReceiptPrinter, ledger: list[Row]) -> Iterator[Batch]:
    """Move the collected rows into batches, referenced rows before those that refer to them."""
    for table, rows in ((TRANSACTIONS, printer.transactions), (ITEMS, printer.items), (MOVEMENTS, ledger)):
        yield Batch(table, rows.copy())
        rows.clear()
