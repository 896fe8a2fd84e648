"""Who may do what to which table of the retail schema, in whose store: every combination, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from tests.sql.acting import REFUSED, TwoStores, enter, inside, rolled_back

# Which of the reasons for SQLSTATE 42501 it was.
NO_GRANT = "permission denied for"
NO_POLICY = "new row violates row-level security policy"
NO_CONTEXT = "no store context"

Outcome = int | str
OWN, OTHER, NONE = "own store", "other store", "no context"
SITUATIONS = (OWN, OTHER, NONE)

# Rows of the store $1, for use by the inserts below.
KEYS = """
with ids (store_id, customer_id, product_id, transaction_id, item_id) as (
  values ($1::text, $2::uuid, $3::uuid, $4::uuid, $5::uuid)
)
"""


@dataclass(frozen=True)
class Table:
    """What mcp_user may do to a table inside its own store: how many rows each statement affects, or why not.

    Attributes:
        select, insert, update, delete: Rows affected, or the reason for the refusal.
        new_row: Columns, and the values that an insert gives them.
        change: The assignment of an update.
        removable: Rows that a delete is for, where others are referred to.
    """

    select: Outcome
    insert: Outcome
    update: Outcome
    delete: Outcome
    new_row: tuple[str, str]
    change: str
    removable: str = "true"

    def statement(self, command: str, table: str) -> str:
        """One statement against the store $1."""
        columns, values = self.new_row
        return {
            "select": f"select store_id from retail.{table} where store_id = $1",
            "insert": f"{KEYS} insert into retail.{table} ({columns}) select {values} from ids",
            "update": f"update retail.{table} set {self.change} where store_id = $1",
            "delete": f"delete from retail.{table} where store_id = $1 and {self.removable}",
        }[command]

    def expected(self, command: str, situation: str) -> Outcome:
        """Outcome of a statement: what mcp_user may do in its own store is refused or finds nothing elsewhere."""
        own: Outcome = getattr(self, command)
        if own == NO_GRANT or situation == OWN:
            return own
        if situation == NONE:
            return NO_CONTEXT
        return NO_POLICY if command == "insert" else 0


TABLES = {
    "stores": Table(
        select=1,
        insert=NO_GRANT,
        update=NO_GRANT,
        delete=NO_GRANT,
        new_row=("store_id, store_name", "store_id, 'New'"),
        change="store_name = 'Renamed'",
    ),
    "customers": Table(
        select=2,
        insert=1,
        update=2,
        delete=2,
        new_row=("store_id, first_name, last_name, email", "store_id, 'New', 'Customer', 'new@example.com'"),
        change="loyalty_tier = 'silver'",
    ),
    "products": Table(
        select=2,
        insert=1,
        update=2,
        delete=1,
        new_row=("store_id, sku, product_name, price", "store_id, 'NEW', 'New', 1"),
        change="price = 1",
        removable="sku = 'UNSOLD'",
    ),
    "sales_transactions": Table(
        select=1,
        insert=1,
        update=NO_GRANT,
        delete=NO_GRANT,
        new_row=(
            "store_id, customer_id, receipt_number, subtotal, total_amount",
            "store_id, customer_id, 'NEW', 1, 1",
        ),
        change="subtotal = 1",
    ),
    "sales_transaction_items": Table(
        select=1,
        insert=1,
        update=NO_GRANT,
        delete=NO_GRANT,
        new_row=(
            "store_id, transaction_id, product_id, unit_price, total_price",
            "store_id, transaction_id, product_id, 1, 1",
        ),
        change="quantity = 1",
    ),
    "stock_movements": Table(
        select=2,
        insert=1,
        update=NO_GRANT,
        delete=NO_GRANT,
        new_row=("store_id, product_id, quantity, reason", "store_id, product_id, 1, 'purchase'"),
        change="quantity = 1",
    ),
    # One sale: a row per dimension, and one for the product's month.
    "daily_sales": Table(
        select=13,
        insert=NO_GRANT,
        update=NO_GRANT,
        delete=NO_GRANT,
        new_row=("store_id, dimension, sold_on, member", "store_id, 'brand', now(), 'New'"),
        change="gross_cents = 1",
    ),
    "product_embeddings": Table(
        select=1,
        insert=1,
        update=1,
        delete=1,
        new_row=(
            "store_id, product_id, embedding_text, embedding, embedding_model, dimensions, content_hash",
            "store_id, product_id, 'text', '[1,2,3]', 'other', 3, 'hash'",
        ),
        change="embedding_text = 'changed'",
    ),
    "product_words": Table(
        select=1,
        insert=1,
        update=NO_GRANT,
        delete=NO_GRANT,
        new_row=("store_id, word, stem", "store_id, 'trowels', 'trowel'"),
        change="stem = 'changed'",
    ),
}
SHARED_TABLES = {"product_categories"}
VIEWS_FOR_THE_SERVER = {
    "customer_card",
    "customer_scores",
    "transaction_notes",
    "category_tree",
    "receipt_lines",
    "sold_lines",
    "vector_indexes",
}
VIEWS_FOR_OTHERS = {"audit_log", "table_stats", "index_usage", "slow_queries"}


async def outcome(connection: Any, statement: str, *arguments: object) -> Outcome:
    """Rows that a statement affected, or the first words of its refusal."""
    try:
        async with connection.transaction():
            prepared = await connection.prepare(statement)
            await prepared.fetch(*arguments)
            return int(prepared.get_statusmsg().split()[-1])
    except asyncpg.InsufficientPrivilegeError as error:
        reasons = [reason for reason in (NO_GRANT, NO_POLICY, NO_CONTEXT) if str(error).startswith(reason)]
        return reasons[0] if reasons else str(error)


async def act(connection: Any, world: TwoStores, situation: str, statement: str) -> Outcome:
    """Outcome of a statement about one store, as somebody in a situation; leaves nothing behind."""
    target = world.rows("redmond" if situation == OTHER else "seattle")
    keys = (target.store_id, target.customer_id, target.product_id, target.transaction_id, target.item_id)
    async with rolled_back(connection):
        if situation != NONE:
            await enter(connection, world.token("seattle"))
        return await outcome(connection, statement, *(keys if "$5" in statement else keys[:1]))


async def test_every_relation_of_the_retail_schema_is_in_this_file(operator: Any) -> None:
    relations = await operator.fetch(
        "select relname, relkind::text from pg_class "
        "where relnamespace = 'retail'::regnamespace and relkind not in ('i', 'S')"
    )
    assert {row["relname"] for row in relations if row["relkind"] == "r"} == set(TABLES) | SHARED_TABLES
    assert {row["relname"] for row in relations if row["relkind"] != "r"} == VIEWS_FOR_THE_SERVER | VIEWS_FOR_OTHERS
    assert {row["relkind"] for row in relations} == {"r", "v"}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("command", ["select", "insert", "update", "delete"])
@pytest.mark.parametrize("table", TABLES)
async def test_server_login_is_held_to_its_store(
    mcp: Any, two_stores: TwoStores, table: str, command: str, situation: str
) -> None:
    statement = TABLES[table].statement(command, table)

    assert await act(mcp, two_stores, situation, statement) == TABLES[table].expected(command, situation)


@pytest.mark.parametrize("table", TABLES)
async def test_unfiltered_read_shows_the_own_store_only(mcp: Any, two_stores: TwoStores, table: str) -> None:
    async with inside(mcp, two_stores, "redmond"):
        stores = [row["store_id"] for row in await mcp.fetch(f"select store_id from retail.{table}")]

    assert stores == ["redmond"] * TABLES[table].select


@pytest.mark.parametrize("table", TABLES)
async def test_unfiltered_read_without_context_is_an_error(mcp: Any, table: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=NO_CONTEXT):
        await mcp.fetch(f"select store_id from retail.{table}")


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("table", TABLES)
async def test_force_holds_the_owner_too(operator: Any, two_stores: TwoStores, table: str, situation: str) -> None:
    statement = TABLES[table].statement("select", table)
    async with rolled_back(operator):
        await operator.execute("set local role retail_owner")

        assert await act(operator, two_stores, situation, statement) == TABLES[table].expected("select", situation)


@pytest.mark.parametrize("table", [*TABLES, *SHARED_TABLES])
async def test_server_login_cannot_truncate(mcp: Any, two_stores: TwoStores, table: str) -> None:
    async with inside(mcp, two_stores):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=NO_GRANT):
            await mcp.execute(f"truncate retail.{table} cascade")


@pytest.mark.parametrize(("view", "rows"), [("customer_card", 2), ("customer_scores", 1), ("transaction_notes", 1)])
@pytest.mark.parametrize("situation", [OWN, OTHER, NONE])
async def test_masking_view_shows_the_own_store_only(
    mcp: Any, two_stores: TwoStores, situation: str, view: str, rows: int
) -> None:
    statement = f"select store_id from retail.{view} where store_id = $1"
    expected: dict[str, Outcome] = {OWN: rows, OTHER: 0, NONE: NO_CONTEXT}

    assert await act(mcp, two_stores, situation, statement) == expected[situation]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into retail.customer_card (store_id, customer_since) values ($1, now())",
        "update retail.customer_card set loyalty_tier = 'gold' where store_id = $1",
        "delete from retail.customer_card where store_id = $1",
        "insert into retail.transaction_notes (store_id, notes) values ($1, 'x')",
        "update retail.transaction_notes set notes = 'x' where store_id = $1",
        "delete from retail.transaction_notes where store_id = $1",
    ],
)
async def test_masking_view_cannot_be_written(mcp: Any, two_stores: TwoStores, statement: str) -> None:
    async with inside(mcp, two_stores):
        with pytest.raises(asyncpg.PostgresError, match=f"{NO_GRANT}|cannot (insert|update|delete)"):
            await mcp.execute(statement, "seattle")


@pytest.mark.parametrize("view", sorted(VIEWS_FOR_OTHERS))
async def test_views_for_operators_and_auditors_are_closed_to_the_server(
    mcp: Any, two_stores: TwoStores, view: str
) -> None:
    async with inside(mcp, two_stores):
        assert await outcome(mcp, f"select 1 from retail.{view}") == NO_GRANT


@pytest.mark.parametrize("situation", [OWN, NONE])
async def test_categories_are_readable_with_and_without_a_store(
    mcp: Any, two_stores: TwoStores, situation: str
) -> None:
    statement = "select category_name from retail.product_categories where $1 <> ''"

    assert await act(mcp, two_stores, situation, statement) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "insert into retail.product_categories (category_name) values ('New')",
        "update retail.product_categories set is_active = false",
        "delete from retail.product_categories",
    ],
)
async def test_categories_cannot_be_written(mcp: Any, two_stores: TwoStores, statement: str) -> None:
    async with inside(mcp, two_stores):
        assert await outcome(mcp, statement) == NO_GRANT


async def test_refusals_carry_the_sqlstate_that_the_server_waits_for(mcp: Any) -> None:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await mcp.fetch("select store_id from retail.products")

    assert refusal.value.sqlstate == REFUSED
