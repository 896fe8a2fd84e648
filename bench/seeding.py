"""The demo generator: its rate and memory, beside what the database alone takes for the same rows."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.database import Cluster, Retailer, temporary_retailer
from bench.options import BenchOptions
from bench.processes import load_average, python_child
from seed.options import DemoOptions
from server.db.operator import admin_connection
from server.embeddings.all_stores import embed_products
from server.embeddings.local import WordLlamaEmbedder

_LARGE_TABLES = ("sales_transactions", "sales_transaction_items", "stock_movements")
SMALL = DemoOptions().transactions


@dataclass(frozen=True)
class SeedFigures:
    """One load.

    Attributes:
        transactions: Receipts.
        rows: Rows of all tables.
        seconds: From connecting to the end, statistics included.
        transactions_per_second: Their quotient.
        peak_mb: Largest resident memory of the generator's process.
        baseline_seconds: For `insert into copy select * from table` of the three large tables, constraints
            and indexes included: what the database needs for these rows when nobody has to make them.
        ratio: Seconds as a multiple of the baseline's.
        load_average: Of the machine, one minute, afterwards.
    """

    transactions: int
    rows: int
    seconds: float
    transactions_per_second: float
    peak_mb: float
    baseline_seconds: float
    ratio: float
    load_average: float


@asynccontextmanager
async def loaded_retailer(
    cluster: Cluster, options: BenchOptions, directory: Path
) -> AsyncIterator[tuple[Retailer, SeedFigures, float]]:
    """A temporary database with demo data and embeddings, how the load went, and seconds of embedding."""
    async with temporary_retailer(cluster) as retailer:
        figures = await _load(retailer, options, directory)
        began = time.perf_counter()
        await embed_products(retailer.admin_url, WordLlamaEmbedder())
        yield retailer, figures, time.perf_counter() - began


async def measure_small_loads(cluster: Cluster, options: BenchOptions, directory: Path) -> list[SeedFigures]:
    """Load what the demo loads by default, each time into a new database."""
    small = DemoOptions()
    as_by_default = BenchOptions(transactions=small.transactions, customers=small.customers, products=small.products)
    found = []
    for _ in range(options.starts):
        async with temporary_retailer(cluster) as retailer:
            found.append(await _load(retailer, as_by_default, directory))
    return found


async def _load(retailer: Retailer, options: BenchOptions, directory: Path) -> SeedFigures:
    sizes = map(str, (options.transactions, options.customers, options.products))
    environment = {"RETAIL_ADMIN_DATABASE_URL": retailer.admin_url}
    async with python_child("-m", "bench.seed_child", *sizes, environment=environment, directory=directory) as process:
        output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"The generator ended with code {process.returncode}.")
    report = json.loads(output)
    baseline = await _copy_inside_database(retailer)
    return SeedFigures(
        transactions=options.transactions,
        rows=sum(report["rows"].values()),
        seconds=report["seconds"],
        transactions_per_second=report["transactions_per_second"],
        peak_mb=report["peak_mb"],
        baseline_seconds=baseline,
        ratio=report["seconds"] / baseline,
        load_average=load_average(),
    )


async def _copy_inside_database(retailer: Retailer) -> float:
    async with admin_connection(retailer.admin_url) as connection:
        transaction = connection.transaction()
        await transaction.start()
        began = time.perf_counter()
        try:
            for table in _LARGE_TABLES:
                await connection.execute(
                    f"create table retail.bench_copy_of_{table} "
                    f"(like retail.{table} including defaults including constraints including indexes)"
                )
                await connection.execute(f"insert into retail.bench_copy_of_{table} select * from retail.{table}")
            return time.perf_counter() - began
        finally:
            await transaction.rollback()
