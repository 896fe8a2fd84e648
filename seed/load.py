"""Loading: what the generator yields goes into the database, in one transaction."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from seed.errors import AlreadyLoadedError
from seed.generate import reference_data, sales_data
from seed.options import DemoOptions
from seed.tables import CUSTOMERS, MOVEMENTS, NULL, PRODUCTS, STORES, TRANSACTIONS, Batch, Cell, Table
from server.db.queries import QueryFile

Report = Callable[[str, int, int], None]

# asyncpg has no types; a name for what is passed around all the same.
Connection = Any

# What the history leaves behind: the columns of it that triggers keep where they run, as these find them.
_SUMS: Final[dict[str, dict[str, Cell]]] = {
    PRODUCTS.name: {"current_stock": 0},
    CUSTOMERS.name: {
        "total_lifetime_value": 0,
        "purchase_count": 0,
        "first_purchase_at": None,
        "last_purchase_at": None,
    },
}

QUERIES = QueryFile("seed", "load.sql")
_LOCK = QUERIES.statement("lock_load")
_HOLDS_DATA = QUERIES.statement("holds_data")
_EMPTY = QUERIES.statement("empty_tables")
_UPSERT_STORES = QUERIES.statement("upsert_stores")
_CONTINUE_CATEGORY_IDS = QUERIES.statement("continue_category_ids")
_SKIP_TRIGGERS = QUERIES.statement("skip_triggers")
_KEEP_TRIGGERS = QUERIES.statement("keep_triggers")
_LEARN_WORDS = QUERIES.statement("learn_words")
_SUM_DAILY_SALES = QUERIES.statement("sum_daily_sales")
_COUNT_MOVEMENTS = QUERIES.statement("count_movements")
_LOG = QUERIES.statement("log_load")
_LOG_OF_STORES = QUERIES.statement("log_load_of_stores")
_UPDATE_STATISTICS = QUERIES.statement("update_statistics")


async def load(
    connection: Connection, options: DemoOptions, *, reset: bool, skip_triggers: bool, report: Report
) -> Counter[str]:
    """Replace or create the demo data; afterwards all of it is there, or nothing has changed.

    Args:
        connection: A role that row level security does not bind.
        options: What to load.
        reset: Whether existing retail data may be removed.
        skip_triggers: Whether the role may set session_replication_role.
        report: Is told phase, transactions done and transactions in all.

    Returns:
        Rows per table.

    Raises:
        AlreadyLoadedError: There is data, and `reset` is not set.
    """
    async with connection.transaction():
        await connection.execute(_LOCK)
        if reset:
            report("Removing the old data", 0, options.transactions)
            await connection.execute(_EMPTY)
        elif await connection.fetchval(_HOLDS_DATA):
            raise AlreadyLoadedError(
                "The database already holds retail data; nothing was changed. "
                "Pass --reset to remove it and load the demo data instead."
            )
        loader = _Loader(connection, options, report)
        if skip_triggers:
            await loader.load_without_triggers()
        else:
            await loader.load_with_triggers()
        await connection.execute(_LOG, json.dumps(loader.rows))
        await connection.execute(_LOG_OF_STORES)
    report("Updating statistics", options.transactions, options.transactions)
    await connection.execute(_UPDATE_STATISTICS)
    return loader.rows


class _Loader:
    """Copies batches within one transaction and counts their rows."""

    def __init__(self, connection: Connection, options: DemoOptions, report: Report) -> None:
        self._connection = connection
        self._options = options
        self._report = report
        self.rows: Counter[str] = Counter()
        self._only_rows: dict[str, str] = {}

    async def load_without_triggers(self) -> None:
        """Load rows as they come, with stock and spending as the generator computed them.

        Foreign keys, the audit log and the running sums are all triggers. The generator keeps the keys
        and sums itself, and one entry of the audit log says more about a bulk load than millions would.
        Stores need their trigger all the same: it makes them known to the access control. The vocabulary of
        the products is collected at the end.
        """
        await self._load_reference_data()
        await self._connection.execute(_SKIP_TRIGGERS)
        await self._load(sales_data(self._options))
        await self._connection.execute(_KEEP_TRIGGERS)
        await self._connection.execute(_LEARN_WORDS)
        self._report("Summing", self._options.transactions, self._options.transactions)
        await self._connection.execute(_SUM_DAILY_SALES)

    async def load_with_triggers(self) -> None:
        """Load what is referred to first; triggers keep the sums and enter the movements of goods sold.

        The history is told twice, at first for what it leaves behind: it is the same both times.
        """
        await self._load_reference_data()
        self._report("Planning", 0, self._options.transactions)
        await self._load(iter(await asyncio.to_thread(_without_sums, self._options)))
        self._only_rows[MOVEMENTS.name] = "item_id is null"
        await self._load(batch for batch in sales_data(self._options) if batch.table.name not in _SUMS)
        self.rows[MOVEMENTS.name] = await self._connection.fetchval(_COUNT_MOVEMENTS)

    async def _load_reference_data(self) -> None:
        stores, *others = reference_data(self._options)
        named = [dict(zip(STORES.columns, row, strict=True)) for row in stores.rows]
        await self._connection.execute(_UPSERT_STORES, json.dumps(named))
        self.rows[STORES.name] = len(named)
        await self._load(iter(others))
        await self._connection.execute(_CONTINUE_CATEGORY_IDS)

    async def _load(self, batches: Iterator[Batch]) -> None:
        """Copy all batches; while one is copied, a thread makes the next."""
        upcoming = _make_next(batches)
        try:
            while (made := await upcoming) is not None:
                upcoming = _make_next(batches)
                await self._copy(*made)
        finally:
            # A thread cannot be stopped; it must not outlive the transaction, though.
            await asyncio.gather(upcoming, return_exceptions=True)

    async def _copy(self, table: Table, text: bytes) -> None:
        status = await self._connection.copy_to_table(
            table.name,
            schema_name="retail",
            columns=table.columns,
            source=io.BytesIO(text),
            null=NULL,
            where=self._only_rows.get(table.name),
        )
        self.rows[table.name] += int(status.removeprefix("COPY "))
        self._report("Loading", self.rows[TRANSACTIONS.name], self._options.transactions)


def _make_next(batches: Iterator[Batch]) -> asyncio.Future[tuple[Table, bytes] | None]:
    """Make the next batch in a thread; None when there is none."""

    def make() -> tuple[Table, bytes] | None:
        batch = next(batches, None)
        return None if batch is None else (batch.table, batch.table.copy_text(batch.rows))

    return asyncio.ensure_future(asyncio.to_thread(make))


def _without_sums(options: DemoOptions) -> list[Batch]:
    """Return products and customers as the history leaves them, but for the sums that triggers keep."""
    return [_zeroed(batch, _SUMS[batch.table.name]) for batch in sales_data(options) if batch.table.name in _SUMS]


def _zeroed(batch: Batch, blank: Mapping[str, Cell]) -> Batch:
    columns = batch.table.columns
    return Batch(
        batch.table,
        [tuple(blank.get(column, cell) for column, cell in zip(columns, row, strict=True)) for row in batch.rows],
    )
