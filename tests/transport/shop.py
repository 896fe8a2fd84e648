"""A small retailer whose stores can be told apart in every answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from server.db.operator import admin_connection
from tests.support import Retailer

Found = TypeVar("Found")

# Each store's name is part of everything in it; $1 is the store and $2 the units of every sale.
_STOCK = """
insert into retail.stores (store_id, store_name, store_location)
values ($1, 'Zava ' || $1, $1 || ' harbour')
"""
_CUSTOMERS = """
insert into retail.customers (store_id, first_name, last_name, email, loyalty_tier)
select $1, 'Grace', 'of ' || $1, 'grace' || n || '@' || $1 || '.example', 'gold'
from generate_series(1, 3) n
"""
_PRODUCTS = """
insert into retail.products (store_id, sku, product_name, price, cost)
select $1, 'SKU-' || n, 'Lamp ' || n || ' of ' || $1, 10, 4
from generate_series(1, 5) n
"""
_MOVEMENTS = """
insert into retail.stock_movements (store_id, product_id, quantity, reason)
select p.store_id, p.product_id, 100, 'opening' from retail.products p where p.store_id = $1
"""
_RECEIPTS = """
insert into retail.sales_transactions (store_id, customer_id, receipt_number, subtotal, total_amount, payment_method)
select c.store_id, c.customer_id, upper($1) || '-' || row_number() over (), 10 * $2::int, 10 * $2::int, 'cash'
from retail.customers c where c.store_id = $1
"""
_LINES = """
insert into retail.sales_transaction_items (store_id, transaction_id, product_id, quantity, unit_price, total_price)
select t.store_id, t.transaction_id, p.product_id, $2::int, 10, 10 * $2::int
from retail.sales_transactions t
join retail.products p on p.store_id = t.store_id and p.sku = 'SKU-1'
where t.store_id = $1
"""


async def open_store(retailer: Retailer, store_id: str, units: int = 1) -> None:
    """Open a store with five products, three customers and a receipt of each, for 10 a unit."""
    async with admin_connection(retailer.admin_url) as connection:
        for statement in (_STOCK, _CUSTOMERS, _PRODUCTS, _MOVEMENTS):
            await connection.execute(statement, store_id)
        for statement in (_RECEIPTS, _LINES):
            await connection.execute(statement, store_id, units)


async def eventually(condition: Callable[[], Awaitable[Found]], seconds: float = 30.0) -> Found:
    """Ask until the answer is true, and return it; fails the test when it never is."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {condition.__name__}"
        await asyncio.sleep(0.01)
    return found


@asynccontextmanager
async def locked_receipts(retailer: Retailer) -> AsyncIterator[None]:
    """Let every query on receipts, and on their sums, wait while the block runs."""
    async with admin_connection(retailer.admin_url) as connection, connection.transaction():
        await connection.execute("lock table retail.sales_transactions, retail.daily_sales in access exclusive mode")
        yield


async def set_for_server(retailer: Retailer, setting: str, value: str) -> None:
    """Change one of the database's limits for connections that the server makes from now on."""
    await _alter(retailer, f"role mcp_user in database {{}} set {setting} = '{value}'")


async def wait_for_locks(retailer: Retailer) -> None:
    """Let those connections wait long for a lock, instead of the two seconds of sql/0010."""
    await set_for_server(retailer, "lock_timeout", "60s")


async def refuse_connections(retailer: Retailer) -> None:
    """Make the database unreachable for the server, as a restart does: end its connections, and take no new one."""
    await _alter(retailer, "database {} connection limit 0")
    await end_backends(retailer)


async def accept_connections(retailer: Retailer) -> None:
    """Make it reachable again."""
    await _alter(retailer, "database {} connection limit -1")


async def _alter(retailer: Retailer, change: str) -> None:
    await retailer.execute(f"alter {change.format(await retailer.value('select current_database()'))}")


async def server_backends(retailer: Retailer, condition: str = "true") -> list[dict[str, Any]]:
    """The connections under which tools run, as the database sees them."""
    return await retailer.fetch(f"""
        select pid, state, wait_event_type, query from pg_stat_activity
        where datname = current_database() and usename = 'mcp_user' and {condition}
    """)


async def blocked_backends(retailer: Retailer) -> list[dict[str, Any]]:
    """Those that wait for a lock."""
    return await server_backends(retailer, "wait_event_type = 'Lock'")


async def end_backends(retailer: Retailer) -> None:
    """End the server's connections, as a restart of the database does."""
    await retailer.fetch("""
        select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and usename like 'mcp_%'
    """)
