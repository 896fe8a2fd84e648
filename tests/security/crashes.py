"""A database of its own that is crashed while stores write, and what is left of their rows afterwards."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
from pydantic import BaseModel, TypeAdapter

from server.calls.principal import Principal
from server.db.embedded import embedded_server, postmaster
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.db.pool import Database
from server.db.queries import Query
from server.errors import RetailError
from server.operations.admin.keys import install_key
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_scope import StoreScopes
from tests.cluster import Cluster
from tests.sql.acting import retailer_on
from tests.sql.factories import insert_principal, insert_store
from tests.support import CONTEXT_KEY, Retailer

STORES = ("seattle", "redmond")
WRITERS = 8


class _Written(BaseModel):
    store_id: str


def _write(sql: str) -> Query[_Written]:
    return Query("crash", sql, _Written, TypeAdapter(list[_Written]))


# One sale with everything new: four audited inserts, and two audited updates by the triggers that keep sums.
_SALE = tuple(
    _write(f"{sql} returning store_id")
    for sql in (
        "insert into retail.customers (store_id, customer_id, first_name, last_name, email)"
        " values ($1::text, $2::uuid, 'Crash', 'Test', $2::uuid || '@example.com')",
        "insert into retail.products (store_id, product_id, sku, product_name, price)"
        " values ($1::text, $2::uuid, $2::uuid::text, 'Lamp', 10)",
        "insert into retail.sales_transactions"
        " (store_id, transaction_id, customer_id, receipt_number, subtotal, total_amount)"
        " values ($1::text, $2::uuid, $2::uuid, $2::uuid::text, 10, 10)",
        "insert into retail.sales_transaction_items"
        " (store_id, item_id, transaction_id, product_id, unit_price, total_price)"
        " values ($1::text, $2::uuid, $2::uuid, $2::uuid, 10, 10)",
    )
)
AUDITED = {
    "customers": "customer_id",
    "products": "product_id",
    "sales_transactions": "transaction_id",
    "sales_transaction_items": "item_id",
}


@dataclass
class Load:
    """What writers of both stores were told.

    Attributes:
        sales: How many acknowledged sales are enough.
        acknowledged: Sales whose commit was acknowledged; a sale's four rows share one id.
        cut_off: Sales under way when the database went.
    """

    sales: int
    acknowledged: dict[UUID, str] = field(default_factory=dict)
    cut_off: set[UUID] = field(default_factory=set)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    crashing: bool = False

    def acknowledge(self, sale: UUID, store_id: str) -> None:
        """Note that a sale's transaction has ended well."""
        self.cut_off.discard(sale)
        self.acknowledged[sale] = store_id
        if len(self.acknowledged) >= self.sales:
            self.enough.set()


@dataclass(frozen=True)
class Doomed:
    """A database server of the test's own, with two empty stores.

    Attributes:
        directory: Where it lives.
        principals: A manager of each store.
    """

    retailer: Retailer
    directory: Path
    principals: dict[str, Principal]

    async def crash(self) -> None:
        """Immediate shutdown: every process ends where it stands, and recovery has to begin from the log."""
        process = psutil.Process(int((self.directory / "postgres/postmaster.pid").read_text().split()[0]))
        process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(process.wait, 30)

    async def start_again(self) -> None:
        """Start the server, which recovers."""
        await asyncio.to_thread(postmaster(self.directory).ensure_running)

    async def crash_under_load(self, sales: int) -> Load:
        """Let writers work until that many sales are acknowledged, crash, start again."""
        load = Load(sales)
        stores = itertools.islice(itertools.cycle(STORES), WRITERS)
        async with (
            asyncio.timeout(120),
            Database(self.retailer.app_url, pool_size=WRITERS) as database,
            asyncio.TaskGroup() as group,
        ):
            for store_id in stores:
                group.create_task(self._write_until_cut_off(database, store_id, load))
            await load.enough.wait()
            load.crashing = True
            await self.crash()
        await self.start_again()
        return load

    async def _write_until_cut_off(self, database: Database, store_id: str, load: Load) -> None:
        scopes = StoreScopes(database, ContextSigner(CONTEXT_KEY), self.principals[store_id])
        while True:
            sale = uuid4()
            try:
                async with scopes.enter(store_id, write=True) as store:
                    load.cut_off.add(sale)
                    for write in _SALE:
                        await store.db.all(write, store_id, sale)
            except RetailError:
                if not load.crashing:
                    raise
                return
            load.acknowledge(sale, store_id)


@contextmanager
def data_directory() -> Iterator[Path]:
    """Short, for the socket's path, and reachable for the server's own user when root runs the tests."""
    directory = Path(tempfile.mkdtemp(prefix="retail-test-"))
    directory.chmod(0o755)
    try:
        yield directory / "data"
    finally:
        shutil.rmtree(directory)


@asynccontextmanager
async def doomed_server() -> AsyncIterator[Doomed]:
    """Start such a server; it and its files go at the end."""
    with data_directory() as directory, embedded_server(directory) as server:
        retailer = retailer_on(Cluster(server.dsn("postgres", "postgres"), None), "postgres")
        async with admin_connection(retailer.admin_url) as connection:
            await migrate(connection)
            await install_key(connection, CONTEXT_KEY)
            principals = {}
            for store_id in STORES:
                await insert_store(connection, store_id)
                manager = await insert_principal(connection, f"manager of {store_id}", {store_id: "manager"})
                principals[store_id] = Principal(manager, f"manager of {store_id}", (), 0)
        yield Doomed(retailer, directory, principals)


async def lost(doomed: Doomed, load: Load) -> list[UUID]:
    """Acknowledged sales of which any of the four rows is not in its store."""
    missing: list[UUID] = []
    for table, key in AUDITED.items():
        found = {
            row["id"]: row["store_id"]
            for row in await doomed.retailer.fetch(f"select {key} as id, store_id from retail.{table}")
        }
        missing += [sale for sale, store_id in load.acknowledged.items() if found.get(sale) != store_id]
    return missing


async def unaudited(doomed: Doomed) -> list[str]:
    """Rows without exactly one audit entry of their insertion by their store's manager."""
    found = []
    for table, key in AUDITED.items():
        found += await doomed.retailer.fetch(
            f"""
            select '{table} ' || r.{key} as name
            from retail.{table} r
            where 1 <> (
              select count(*) from audit.row_change c
              where c.table_name = '{table}' and c.action = 'INSERT' and c.record_id = r.{key}
                and c.store_id = r.store_id and c.subject = 'manager of ' || r.store_id and c.db_user = 'mcp_user'
            )
            """
        )
    return [row["name"] for row in found]


async def audited_without_row(doomed: Doomed) -> list[str]:
    """Audit entries of insertions whose row is not there."""
    tables = " union all ".join(f"select '{table}', {key} from retail.{table}" for table, key in AUDITED.items())
    found = await doomed.retailer.fetch(
        f"""
        select c.table_name || ' ' || c.record_id as name
        from audit.row_change c
        where c.action = 'INSERT' and (c.table_name, c.record_id) not in (select * from ({tables}) r (table_name, id))
        """
    )
    return [row["name"] for row in found]


async def half_written(doomed: Doomed) -> list[Any]:
    """Sales that are there in part, or whose sums do not hold."""
    return await doomed.retailer.fetch(
        """
        select c.customer_id, p.product_id, t.transaction_id, i.item_id
        from retail.customers c
        full join retail.products p on p.store_id = c.store_id and p.product_id = c.customer_id
        full join retail.sales_transactions t on t.store_id = c.store_id and t.transaction_id = c.customer_id
        full join retail.sales_transaction_items i on i.store_id = c.store_id and i.item_id = c.customer_id
        where num_nulls(c.customer_id, p.product_id, t.transaction_id, i.item_id) > 0
          or c.total_lifetime_value <> 10 or p.current_stock <> -1
        """
    )
