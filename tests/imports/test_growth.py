"""The time of an import grows with its rows, whatever the planner knows of the store.

Time itself is not measured: the database counts the rows that each statement goes through.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from server.db.operator import admin_connection
from server.imports.customers.job import CustomerImport
from server.imports.products.job import ProductImport
from server.imports.sales.job import SalesImport
from tests.cluster import Cluster
from tests.imports.catalogues import load_kind
from tests.imports.work import Work, counted, counted_body
from tests.support import Retailer

STORE: Final = "fresh"
ROWS: Final = 500
TIMES: Final = 4
# Four times the rows take four times the work, and a little more for sorting; the square would be sixteen times.
MOST: Final = 6
# Below this a plan of few rows may have given way to one that reads each row once.
LEAST: Final = 5 * TIMES * ROWS


def products(rows: int, edition: str) -> Iterable[dict[str, object]]:
    for number in range(rows):
        yield {
            "sku": f"S-{number}",
            "name": f"Thing {number}",
            "price": "9.50",
            "description": f"{edition} thing of number {number}",
            "category": f"Shelf {number // 4}",
            "stock_level": 5,
        }


def customers(rows: int, edition: str) -> Iterable[dict[str, object]]:
    for number in range(rows):
        yield {"email": f"c{number}@example.com", "first_name": edition, "last_name": f"L{number}"}


def sales(rows: int) -> Iterable[dict[str, object]]:
    """Receipts of one line, of which each tenth is brought back by the next receipt."""
    for number in range(rows):
        back = number % 10 == 9
        sold = number - 1 if back else number
        yield {
            "receipt_number": f"R-{number}",
            "transaction_date": f"2026-{1 + number % 3:02}-{1 + number % 28:02} 1{number % 2}:00"
            if not back
            else "2026-06-01 12:00",
            "transaction_type": "return" if back else "sale",
            "original_receipt": f"R-{sold}" if back else "",
            "customer_email": f"c{number}@example.com",
            "sku": f"S-{sold}",
            "quantity": 1,
            "unit_price": "9.50",
        }


def written(file: Path, rows: Iterable[dict[str, object]]) -> Path:
    found = list(rows)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return file


async def worked(retailer: Retailer, directory: Path, rows: int) -> Work:
    """The work of loading everything twice into a new store, and products and customers once more with other texts."""
    total = Work()
    first, other = (written(directory / f"p{e}.csv", products(rows, e)) for e in ("plain", "other"))
    ours, theirs = (written(directory / f"c{e}.csv", customers(rows, e)) for e in ("plain", "other"))
    receipts = written(directory / "s.csv", sales(rows))
    loads: list[tuple[str, Path, Any, int]] = [
        ("products", first, ProductImport(), rows),
        ("same products", first, ProductImport(), 0),
        ("customers", ours, CustomerImport(), rows),
        ("same customers", ours, CustomerImport(), 0),
        ("sales", receipts, SalesImport(), rows),
        ("same sales", receipts, SalesImport(), 0),
        ("changed products", other, ProductImport(), rows),
        ("changed customers", theirs, CustomerImport(), rows),
    ]
    for name, file, kind, changed in loads:
        with counted() as work:
            report = await load_kind(retailer, file, kind, store=STORE)
        assert (report.rejected, report.merged.changed) == (0, changed)
        total.update({f"{name}: {statement}": found for statement, found in work.items()})
    async with admin_connection(retailer.admin_url) as connection:
        ids = await connection.fetchrow(
            "select array_agg(transaction_id) as of_receipts, array_agg(item_id) as new_items"
            " from retail.sales_transaction_items where store_id = $1",
            STORE,
        )
        total.update(await counted_body(connection, "retail.add_daily_sales", of_store=STORE, **ids))
    return total


async def other_stores(retailer: Retailer, directory: Path) -> None:
    """Two stores, which the planner then knows to be all."""
    for store in ("one", "two"):
        await load_kind(retailer, written(directory / "op.csv", products(300, store)), ProductImport(), store=store)
        await load_kind(retailer, written(directory / "oc.csv", customers(300, store)), CustomerImport(), store=store)
        await load_kind(retailer, written(directory / "os.csv", sales(300)), SalesImport(), store=store)
    async with admin_connection(retailer.admin_url) as connection:
        await connection.execute("analyze")


async def prepared(retailer: Retailer, plans: str) -> None:
    """Let statistics come only when the test wants them, and choose how statements are planned."""
    async with admin_connection(retailer.admin_url) as connection:
        database = await connection.fetchval("select quote_ident(current_database())")
        await connection.execute(f"alter database {database} set plan_cache_mode = {plans}")
        for table in await connection.fetch(
            "select t.oid::regclass::text as name from pg_class t"
            " where t.relkind = 'r' and t.relnamespace in ('retail'::regnamespace, 'audit'::regnamespace)"
        ):
            await connection.execute(f"alter table {table['name']} set (autovacuum_enabled = false)")


@pytest.mark.parametrize("plans", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("are_others_known", [False, True], ids=["first store", "new store"])
async def test_the_work_of_an_import_grows_with_its_rows(
    cluster: Cluster, template: str, tmp_path: Path, plans: str, are_others_known: bool
) -> None:
    works = []
    for rows in (ROWS, TIMES * ROWS):
        async with cluster.temporary_database(template) as name:
            retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
            await prepared(retailer, plans)
            if are_others_known:
                await other_stores(retailer, tmp_path)
            works.append(await worked(retailer, tmp_path, rows))
    few, many = works
    assert few.keys() == many.keys()
    grown = {name: (few[name], rows) for name, rows in many.items() if rows > LEAST and rows > MOST * max(few[name], 1)}
    assert grown == {}
