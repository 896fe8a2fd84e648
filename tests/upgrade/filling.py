"""A database with a little of everything, as a release leaves it to the next one."""

from __future__ import annotations

from seed.demo import DemoOptions, load_demo
from server.config import Settings
from server.db.operator import admin_connection
from server.embeddings import build_embedder
from server.embeddings.all_stores import embed_products
from server.operations.admin.audit import seal
from server.operations.admin.principals import ExternalIdentity, add_principal, grant_store
from tests.support import DEMO_AS_OF, Retailer, answer
from tests.transport.shop import eventually

STORES = ("seattle", "redmond")
_SMALL = DemoOptions(stores=2, customers=20, products=12, transactions=40, days=60, as_of=DEMO_AS_OF)
_TABLES = """
select c.oid::regclass::text as name
from pg_class c
where c.relnamespace = any(array['retail', 'guard', 'audit', 'migrations']::regnamespace[])
  and c.relkind in ('r', 'p') and not c.relispartition
"""
_HASHES = "select md5(row({})::text) as hash"
# A backup leaves the signing key out.
_EMPTY_ON_PURPOSE = {"guard.context_key"}


async def fill(retailer: Retailer) -> None:
    """Two stores with sales and embeddings, principals, calls of theirs and a sealed audit log."""
    await load_demo(retailer.admin_url, _SMALL)
    await embed_products(retailer.admin_url, build_embedder(Settings(_env_file=None)))
    async with admin_connection(retailer.admin_url) as connection:
        await add_principal(connection, "ann", ExternalIdentity("https://login.example.com", "ann"))
        await grant_store(connection, "ann", STORES[0], "manager")
        # The demo's own rows were loaded past the triggers that write the audit log.
        await connection.execute("update retail.products set price = price + 1, updated_at = now()")
    for store_id in STORES:
        async with retailer.client(store_id) as client:
            await answer(client, "summarize_sales")

    async def calls_are_logged() -> bool:
        return await retailer.value("select count(*) from audit.tool_call") == len(STORES)

    await eventually(calls_are_logged)
    async with admin_connection(retailer.admin_url) as connection:
        await seal(connection)


async def table_names(retailer: Retailer) -> list[str]:
    """Every table of ours, a partitioned one as a whole."""
    return sorted(row["name"] for row in await retailer.fetch(_TABLES))


async def empty_tables(retailer: Retailer) -> set[str]:
    """Tables without a row that ought to have some."""
    names = set(await table_names(retailer)) - _EMPTY_ON_PURPOSE
    return {name for name in names if await retailer.value(f"select not exists (select from {name})")}


async def row_hashes(retailer: Retailer, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """A checksum per row and table, over these columns."""
    return {
        name: [
            row["hash"] for row in await retailer.fetch(f"{_HASHES.format(', '.join(known))} from {name} order by 1")
        ]
        for name, known in columns.items()
    }


async def columns_of(retailer: Retailer) -> dict[str, list[str]]:
    """Names of every table's columns."""
    rows = await retailer.fetch(f"""
        select t.name, array_agg(a.attname::text order by a.attnum) as columns
        from ({_TABLES}) t
        join pg_attribute a on a.attrelid = t.name::regclass and a.attnum > 0 and not a.attisdropped
        group by t.name
    """)
    return {row["name"]: row["columns"] for row in rows}
