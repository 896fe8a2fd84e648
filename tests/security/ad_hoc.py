"""Two stores behind run_query, and what is watched while SQL of a caller runs there."""

from __future__ import annotations

import asyncio
import csv
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastmcp import Client

from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.operations.admin.keys import install_key
from tests.support import CONTEXT_KEY, Retailer

MARK = "do-not-leak"
MEGABYTE = 1024 * 1024
# What may run longest is ended after three seconds.
MAX_SECONDS = 4.0
MAX_MEMORY = 64 * MEGABYTE
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_STORES = """
insert into retail.stores (store_id, store_name)
values ('seattle', 'Seattle'), ('redmond', 'Redmond do-not-leak')
"""
# Enough receipts for a join of all with all to take longer than a query may.
_ROWS = """
set session_replication_role = replica;
insert into retail.customers (store_id, first_name, last_name, email, loyalty_tier)
select s, 'Ada ' || m, 'Lovelace ' || m, 'ada' || n || '.' || m || '@example.com',
  case m when 'own' then 'gold' else 'platinum' end
from (values ('seattle', 'own'), ('redmond', 'do-not-leak')) v (s, m), generate_series(1, 300) n;
insert into retail.products (store_id, sku, product_name, product_description, brand, price, cost, tags)
select s, m || n, 'Hammer ' || m, repeat('A hammer, ' || m || '. ', 10), m, 10 + n, 5 + n, array['tool', m]
from (values ('seattle', 'own'), ('redmond', 'do-not-leak')) v (s, m), generate_series(1, 200) n;
insert into retail.sales_transactions
  (store_id, customer_id, transaction_date, subtotal, tax_amount, total_amount, receipt_number, payment_method, notes)
select c.store_id, c.customer_id, timestamptz '2026-01-01 12:00Z' + n * interval '30 minutes',
  n, 1, n + 1, c.email || n, 'cash', 'do-not-leak'
from (select *, row_number() over (partition by store_id order by email) as place from retail.customers) c
join generate_series(1, 10000) n on n % 300 = c.place - 1
where c.store_id = 'seattle' or n <= 300;
insert into retail.sales_transaction_items
  (store_id, transaction_id, product_id, quantity, unit_price, unit_cost, total_price)
select t.store_id, t.transaction_id, p.product_id, 1, 10, 4, 10
from retail.sales_transactions t
join lateral (
  select product_id from retail.products p where p.store_id = t.store_id limit 1
) p on true;
set session_replication_role = origin;
analyze
"""


@dataclass(frozen=True)
class Attack:
    """A text, and how it must end: reject, own_rows, capped or harmless."""

    name: str
    kind: str
    expected: str
    sql: str


def attacks() -> list[Attack]:
    """Samples of their kinds, as somebody would try them who is a principal of seattle."""
    with Path(__file__).with_name("ad_hoc_attacks.csv").open(encoding="utf-8", newline="") as file:
        return [Attack(**row) for row in csv.DictReader(file)]


@dataclass(frozen=True)
class Outcome:
    """What became of a text."""

    text: str
    refused: bool
    cut: bool
    seconds: float
    memory: int


@dataclass(frozen=True)
class AdHocWorld:
    """A retailer, a client of an analyst of seattle, and the ids of redmond's rows."""

    retailer: Retailer
    client: Client[Any]
    foreign_ids: frozenset[str]

    async def ask(self, sql: str, limit: int = 500) -> Outcome:
        """Run a text as the analyst, and watch the memory of the backends that run it."""
        peak = [0]
        watching = asyncio.create_task(_watch(await _backends(self.retailer), peak))
        began = time.perf_counter()
        result = await self.client.call_tool("run_query", {"sql": sql, "limit": limit}, raise_on_error=False)
        seconds = time.perf_counter() - began
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        answer = result.structured_content or {}
        told = "\n".join(part.text for part in result.content)
        cut = bool(answer.get("has_more") or answer.get("truncated"))
        return Outcome(told, result.is_error, cut, seconds, peak[0])

    def leaks(self, sql: str, outcome: Outcome) -> bool:
        """True if something of redmond is told that the caller did not say itself."""
        return (
            MARK in outcome.text
            or ("redmond" in outcome.text and "redmond" not in sql)
            or not self.foreign_ids.isdisjoint(_UUID.findall(outcome.text))
        )


@asynccontextmanager
async def open_world(retailer: Retailer) -> AsyncIterator[AdHocWorld]:
    """Fill an empty retailer with two stores, and serve it to an analyst of seattle."""
    await retailer.execute(_STORES)
    await retailer.execute(_ROWS)
    ids = await retailer.fetch(
        "select customer_id::text as id from retail.customers where store_id = 'redmond' union all "
        "select product_id::text from retail.products where store_id = 'redmond' union all "
        "select transaction_id::text from retail.sales_transactions where store_id = 'redmond'"
    )
    async with retailer.client("seattle", role="analyst") as client:
        yield AdHocWorld(retailer, client, frozenset(row["id"] for row in ids))


@asynccontextmanager
async def managed_retailer(admin_url: str, app_url: str) -> AsyncIterator[Retailer]:
    """A database as a managed service gives it: migrated by its owner, who is no superuser.

    Args:
        admin_url: Superuser URL of a fresh cluster's database `managed`, which is made here.
        app_url: The same for mcp_user.
    """
    async with admin_connection(admin_url.replace("/managed", "/postgres")) as connection:
        await connection.execute("create role provider login createrole createdb bypassrls")
        await connection.execute("create database managed owner provider")
    async with admin_connection(admin_url) as connection:
        await connection.execute("create extension vector")
    async with admin_connection(app_url.replace("mcp_user", "provider")) as connection:
        await migrate(connection)
        await install_key(connection, CONTEXT_KEY)
    yield Retailer(admin_url, app_url)


async def _backends(retailer: Retailer) -> list[int]:
    rows = await retailer.fetch(
        "select pid from pg_stat_activity where usename = 'mcp_sql' and datname = current_database()"
    )
    return [row["pid"] for row in rows]


async def _watch(pids: list[int], peak: list[int]) -> None:
    """Note the most memory of its own that one of these processes has."""
    while True:
        peak[0] = max([peak[0], *map(_own_memory, pids)])
        await asyncio.sleep(0.005)


def _own_memory(pid: int) -> int:
    """Bytes of a process that it shares with nobody; 0 where this system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    # A process that ends has none any more.
    own = re.search(r"RssAnon:\s+(\d+)", status)
    return int(own[1]) * 1024 if own else 0
