"""Two worlds for the chaos driver: the server's own isolation, and one without its defences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from pydantic import BaseModel, TypeAdapter

from server.calls.principal import Principal, Role, StoreAccess
from server.db.connection import StoreConnection
from server.db.operator import admin_connection
from server.db.pool import Database
from server.db.queries import Query
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_context import SET_STORE_CONTEXT
from server.tenancy.store_scope import StoreScopes
from tests.security.chaos_world import Entered, Store, World, rows
from tests.support import CONTEXT_KEY, Retailer

STORES = tuple(Store(f"store-{number}", number) for number in (1, 2, 3, 4, 5))
ROLE: Role = "manager"

# A store's number is in every row of it: in a text, a date, a price or a quantity, as the table allows.
_SEED = """
insert into retail.stores (store_id, store_name, region)
select 'store-' || n, 'Store ' || n, n::text from generate_series(1, 5) n;
insert into retail.customers (store_id, first_name, last_name, email, customer_since)
select s.store_id, 'Chaos', s.region, 'seeded-' || n || '@example.com', date '2000-01-01' + s.region::int
from retail.stores s, generate_series(1, 3) n;
insert into retail.products (store_id, sku, product_name, brand, price)
select s.store_id, 'SKU-' || n, 'Lamp', s.region, s.region::int from retail.stores s, generate_series(1, 3) n;
insert into retail.stock_movements (store_id, product_id, quantity, reason)
select p.store_id, p.product_id, p.price::int, 'opening' from retail.products p;
insert into retail.sales_transactions (store_id, cashier_id, receipt_number, subtotal, total_amount)
select s.store_id, s.region, 'seeded', s.region::int, s.region::int from retail.stores s;
insert into retail.sales_transaction_items
  (store_id, transaction_id, product_id, quantity, unit_price, total_price)
select t.store_id, t.transaction_id, p.product_id, p.price::int, p.price, p.price * p.price
from retail.sales_transactions t
join retail.products p on p.store_id = t.store_id and p.sku = 'SKU-1';
insert into retail.product_embeddings
  (store_id, product_id, embedding_text, embedding, embedding_model, dimensions, content_hash)
select p.store_id, p.product_id, p.brand, '[1,0,0]', 'chaos', 3, repeat('0', 64) from retail.products p;
"""

# Distinct, because an honest answer is then one row however much was written before.
READS = tuple(
    rows(f"select distinct r.store_id, r.marker from ({sql}) r")
    for sql in (
        "select store_id, region as marker from retail.stores",
        "select store_id, (customer_since - date '2000-01-01')::text as marker from retail.customers",
        "select store_id, last_name as marker from retail.customer_card",
        "select store_id, brand as marker from retail.products",
        "select store_id, cashier_id as marker from retail.sales_transactions",
        "select store_id, unit_price::int::text as marker from retail.sales_transaction_items",
        "select store_id, abs(quantity)::text as marker from retail.stock_movements",
        "select store_id, embedding_text as marker from retail.product_embeddings",
        "select c.store_id, c.last_name as marker from retail.match_customers('seeded', null, null, null) m "
        "right join retail.customer_card c using (customer_id) where c.first_name = 'Chaos'",
        "select p.store_id, p.brand as marker from retail.search_products_by_similarity('[1,0,0]') f "
        "join retail.products p using (product_id)",
        # A query that names another store gets its own or nothing.
        "select p.store_id, p.brand as marker from retail.products p "
        "where p.store_id in ('store-1', 'store-2', 'store-3', 'store-4', 'store-5')",
    )
)

WRITES = tuple(
    map(
        rows,
        (
            "insert into retail.customers (store_id, first_name, last_name, email, customer_since) "
            "values ($1, 'Written', $2::int::text, 'c' || $3::text || '@example.com', date '2000-01-01' + $2::int) "
            "returning store_id, $2::int::text as marker",
            "insert into retail.customers (store_id, first_name, last_name, email, customer_since) "
            "select guard.store(), 'Written', $2::int::text, 'c' || $3::text || '@example.com', "
            "date '2000-01-01' + $2::int where $1::text is not null "
            "returning store_id, $2::int::text as marker",
            "insert into retail.sales_transactions (store_id, cashier_id, receipt_number, subtotal, total_amount) "
            "values ($1, $2::int::text, 'r' || $3::text, $2::int, $2::int) "
            "returning store_id, $2::int::text as marker",
            "insert into retail.sales_transactions (store_id, cashier_id, receipt_number, subtotal, total_amount) "
            "select guard.store(), $2::int::text, 'r' || $3::text, $2::int, $2::int where $1::text is not null "
            "returning store_id, $2::int::text as marker",
            # Triggers write the ledger and the stock in the same store.
            "insert into retail.sales_transaction_items "
            "(store_id, item_id, transaction_id, product_id, quantity, unit_price, total_price) "
            "select $1, $3::text::uuid, t.transaction_id, p.product_id, $2::int, $2::int, $2::int * $2::int "
            "from retail.sales_transactions t join retail.products p on p.store_id = t.store_id and p.sku = 'SKU-1' "
            "where t.receipt_number = 'seeded' "
            "returning store_id, unit_price::int::text as marker",
        ),
    )
)

# As the superuser: rows whose number is not their store's, over every table that calls write, triggers included.
MISPLACED = """
select count(*) from (
  select store_id, last_name as marker from retail.customers
  union all select store_id, (customer_since - date '2000-01-01')::text from retail.customers
  union all select store_id, cashier_id from retail.sales_transactions
  union all select store_id, unit_price::int::text from retail.sales_transaction_items
  union all select store_id, abs(quantity)::text from retail.stock_movements
) r
where r.store_id <> 'store-' || r.marker
"""
STORED = """
select store_id, substr(split_part(email, '@', 1), 2) as serial from retail.customers where first_name = 'Written'
union all
select store_id, substr(receipt_number, 2) from retail.sales_transactions where receipt_number <> 'seeded'
union all
select store_id, item_id::text from retail.sales_transaction_items
"""
MISPLACED_AUDIT = """
select count(*) from audit.row_change c
where c.principal_id is not null
  and (c.subject not in (c.store_id, 'everywhere') or c.store_id <> 'store-' || coalesce(
    c.new_values ->> 'cashier_id', (date(c.new_values ->> 'customer_since') - date '2000-01-01')::text,
    (c.new_values ->> 'unit_price')::numeric::int::text, substr(c.store_id, 7)))
"""


async def defended(retailer: Retailer, database: Database) -> World:
    """The server's own way into the stores, with a principal for each store and one for all of them."""
    signer = ContextSigner(CONTEXT_KEY)
    async with admin_connection(retailer.admin_url) as connection:
        await connection.execute(_SEED)

        async def principal(subject: str, stores: tuple[Store, ...]) -> Principal:
            principal_id = await connection.fetchval(
                "insert into guard.principal (subject) values ($1) returning principal_id", subject
            )
            for store in stores:
                await connection.execute(
                    "insert into guard.store_access (principal_id, store_id, role) values ($1, $2, $3)",
                    principal_id,
                    store.store_id,
                    ROLE,
                )
            return Principal(
                principal_id, subject, tuple(StoreAccess(store.store_id, store.store_id, ROLE) for store in stores)
            )

        everywhere = await principal("everywhere", STORES)
        alone = {store: await principal(store.store_id, (store,)) for store in STORES}

    def enter(store: Store, write: bool, shared: bool) -> AbstractAsyncContextManager[Entered]:
        scopes = StoreScopes(database, signer, everywhere if shared else alone[store])
        return scopes.enter(store.store_id, write=write)

    async def switch(db: StoreConnection, store: Store) -> None:
        await db.one(SET_STORE_CONTEXT, signer.sign(everywhere.principal_id, store.store_id))

    return World(database, retailer.admin_url, STORES, READS, WRITES, "retail.context", enter, switch)


# What many servers do: the store in a plain setting of the session, and a policy that believes it.
_UNDEFENDED = """
create schema chaos;
grant usage on schema chaos to mcp_user;
create table chaos.customers (store_id text not null, number integer not null, serial text);
alter table chaos.customers enable row level security;
create policy by_setting on chaos.customers to mcp_user
  using (store_id = current_setting('chaos.store', true))
  with check (store_id = current_setting('chaos.store', true));
grant select, insert on chaos.customers to mcp_user;
insert into chaos.customers (store_id, number)
select 'store-' || n, n from generate_series(1, 5) n, generate_series(1, 3);
"""
UNDEFENDED_MISPLACED = "select count(*) from chaos.customers where store_id <> 'store-' || number"


class _Set(BaseModel):
    store: str


_SET_STORE = Query("set_store", "select set_config('chaos.store', $1, false) as store", _Set, TypeAdapter(list[_Set]))


@dataclass(frozen=True)
class _Naive:
    db: StoreConnection


async def undefended(retailer: Retailer, database: Database) -> World:
    """The same pool, with the context as an unsigned setting of the session."""
    await retailer.execute(_UNDEFENDED)

    @asynccontextmanager
    async def enter(store: Store, write: bool, shared: bool) -> AsyncIterator[Entered]:
        async with database.transaction(write=write) as connection:
            await switch(connection, store)
            yield _Naive(connection)

    async def switch(db: StoreConnection, store: Store) -> None:
        await db.one(_SET_STORE, store.store_id)

    reads = (rows("select distinct store_id, number::text as marker from chaos.customers"),)
    writes = (
        rows(
            "insert into chaos.customers (store_id, number, serial) "
            "select current_setting('chaos.store'), $2::int, $3::text where $1::text is not null "
            "returning store_id, number::text as marker"
        ),
    )
    return World(database, retailer.admin_url, STORES, reads, writes, "chaos.store", enter, switch)
