"""What Citus demands of tables that it is to distribute by store_id, asked of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sql.acting import connected
from tests.support import Retailer

RULES = (Path(__file__).parent / "citus.sql").read_text(encoding="utf-8")
TENANT_TABLES = {
    "customers",
    "daily_sales",
    "product_embeddings",
    "product_words",
    "products",
    "sales_transaction_items",
    "sales_transactions",
    "stock_movements",
    "stores",
}
# What docs/scaling.md says would have to change first: nothing of it is a key.
TO_CHANGE = {
    "policy with a subquery": TENANT_TABLES,
    "trigger": {*TENANT_TABLES, "product_categories"} - {"daily_sales", "product_words"},
    "reference that would change store_id": {"sales_transactions_store_id_customer_id_fkey"},
}
# One violation of each rule that holds, in a schema of its own.
VIOLATIONS = {
    "key without store_id": "create table t.a (store_id text, id int primary key)",
    "distributed by what is generated, or of a collation or type that cannot be hashed alike": (
        "create table t.a (id text, store_id text generated always as (id) stored)"
    ),
    "reference to a table that is on no other node": "create table t.a (store_id text references retail.stores)",
    "reference from a table that is everywhere to one that is not": (
        "create table t.a (store_id text primary key); create table t.b (a text references t.a)"
    ),
    "reference between stores' rows without store_id at the same place of both keys": (
        "create table t.a (store_id text, id text, unique (id, store_id));"
        "create table t.b (store_id text, id text, foreign key (store_id, id) references t.a (id, store_id))"
    ),
    "parts of parts": (
        "create table t.a (store_id text) partition by list (store_id);"
        "create table t.b partition of t.a for values in ('b') partition by list (store_id)"
    ),
    "rule": "create table t.a (store_id text); create rule r as on delete to t.a do instead nothing",
}


async def broken(retailer: Retailer, schema: str) -> dict[str, set[str]]:
    """Objects by the rule that they break."""
    found: dict[str, set[str]] = {}
    async with connected(retailer.admin_url) as connection:
        for rule, name in await connection.fetch(RULES, schema):
            found.setdefault(rule, set()).add(name)
    return found


async def test_only_what_is_documented_keeps_the_stores_from_being_distributed(migrated: Retailer) -> None:
    tables = await migrated.fetch("""
        select relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'store_id'
        where relnamespace = 'retail'::regnamespace and relkind in ('r', 'p')
    """)
    assert {row["relname"] for row in tables} == TENANT_TABLES

    assert await broken(migrated, "retail") == TO_CHANGE


@pytest.mark.parametrize("rule", VIOLATIONS)
async def test_a_broken_rule_is_noticed(migrated: Retailer, rule: str) -> None:
    await migrated.execute(f"create schema t; {VIOLATIONS[rule]}")
    try:
        assert rule in await broken(migrated, "t")
    finally:
        await migrated.execute("drop schema t cascade")
