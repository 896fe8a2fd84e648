"""Every change of an audited table leaves one row that says who did what, without a personal value."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.sql.acting import TwoStores, connected, enter, inside, login_name
from tests.sql.factories import insert_customer, insert_transaction
from tests.sql.personal import ZELDA
from tests.support import Retailer

# Values that occur nowhere else, so that one search of the log's whole text finds a leak.
TRACES = [*(str(value) for value in ZELDA.values()), "2079460958", "442079460958"]
NOTE = "Mrs Quackenbush wants a call back"


@dataclass(frozen=True)
class Change:
    """A change of one row of seattle.

    Attributes:
        key: The table's id column.
        columns: Columns that the log must show: of an update exactly these, else at least these.
        by_server: Whether the server's login may do it; an operator can do everything.
    """

    table: str
    action: str
    key: str
    statement: str
    columns: set[str]
    by_server: bool = True


CHANGES = [
    Change(
        "customers",
        "INSERT",
        "customer_id",
        "insert into retail.customers (store_id, first_name, last_name, email)"
        " values ('seattle', 'New', 'Customer', 'new@example.com')",
        {"first_name", "email", "loyalty_tier", "store_id"},
    ),
    Change(
        "customers",
        "UPDATE",
        "customer_id",
        "update retail.customers set loyalty_tier = 'platinum' where loyalty_tier = 'gold'",
        {"loyalty_tier", "updated_at"},
    ),
    Change(
        "customers",
        "DELETE",
        "customer_id",
        "delete from retail.customers where loyalty_tier = 'bronze'",
        {"first_name", "email", "loyalty_tier", "store_id"},
    ),
    Change(
        "products",
        "INSERT",
        "product_id",
        "insert into retail.products (store_id, sku, product_name, price) values ('seattle', 'NEW', 'New', 1)",
        {"sku", "price", "metadata", "store_id"},
    ),
    Change(
        "products",
        "UPDATE",
        "product_id",
        "update retail.products set price = 99, brand = 'Acme' where sku = 'SOLD'",
        {"price", "brand", "updated_at"},
    ),
    Change(
        "products",
        "DELETE",
        "product_id",
        "delete from retail.products where sku = 'UNSOLD'",
        {"sku", "price", "metadata", "store_id"},
    ),
    Change(
        "sales_transactions",
        "INSERT",
        "transaction_id",
        "insert into retail.sales_transactions (store_id, receipt_number, subtotal, total_amount)"
        " values ('seattle', 'NEW', 1, 1)",
        {"receipt_number", "total_amount", "store_id"},
    ),
    Change(
        "sales_transactions",
        "UPDATE",
        "transaction_id",
        "update retail.sales_transactions set cashier_id = 'C-9' where store_id = 'seattle'",
        {"cashier_id"},
        by_server=False,
    ),
    Change(
        "sales_transactions",
        "DELETE",
        "transaction_id",
        "delete from retail.sales_transactions where store_id = 'seattle'",
        {"receipt_number", "total_amount", "store_id"},
        by_server=False,
    ),
    Change(
        "sales_transaction_items",
        "INSERT",
        "item_id",
        "insert into retail.sales_transaction_items (store_id, transaction_id, product_id, unit_price, total_price)"
        " select store_id, transaction_id, product_id, 1, 1 from retail.sales_transaction_items",
        {"unit_price", "quantity", "store_id"},
    ),
    Change(
        "sales_transaction_items",
        "UPDATE",
        "item_id",
        "update retail.sales_transaction_items set tax_amount = 1 where store_id = 'seattle'",
        {"tax_amount"},
        by_server=False,
    ),
    Change(
        "sales_transaction_items",
        "DELETE",
        "item_id",
        "delete from retail.sales_transaction_items where store_id = 'seattle'",
        {"unit_price", "quantity", "store_id"},
        by_server=False,
    ),
]


@asynccontextmanager
async def till(world: TwoStores, *, by_server: bool = True) -> AsyncIterator[Any]:
    """A connection in a transaction of seattle's manager that commits."""
    url = world.retailer.app_url if by_server else world.retailer.admin_url
    async with connected(url) as connection, connection.transaction():
        await enter(connection, world.token("seattle"))
        yield connection


async def last_change(world: TwoStores) -> int:
    """Where the log ends now."""
    return int(await world.retailer.value("select coalesce(max(change_id), 0) from audit.row_change"))


async def changes_since(world: TwoStores, position: int, table: str) -> list[dict[str, Any]]:
    """Rows of the log about one table, with their images decoded."""
    rows = await world.retailer.fetch(
        "select * from audit.row_change where change_id > $1 and table_name = $2 order by change_id", position, table
    )
    return [row | {image: json.loads(row[image] or "null") for image in ("old_values", "new_values")} for row in rows]


async def whole_log(retailer: Retailer) -> str:
    """Every character of the audit log."""
    tables = [
        await retailer.value(f"select string_agg(to_jsonb(t)::text, ' ') from {table} t")
        for table in ("audit.row_change", "audit.operation")
    ]
    return " ".join(text or "" for text in tables)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.action} {change.table}")
async def test_change_leaves_exactly_one_row(own_stores: TwoStores, change: Change) -> None:
    before = await last_change(own_stores)
    keys_before = await keys_of(own_stores, change)

    async with till(own_stores, by_server=change.by_server) as connection:
        await connection.execute(change.statement)

    (logged,) = await changes_since(own_stores, before, change.table)
    assert (logged["action"], logged["store_id"]) == (change.action, "seattle")
    assert (logged["principal_id"], logged["subject"], logged["role"]) == (
        own_stores.principals["manager", "seattle"],
        "manager of seattle",
        "manager",
    )
    assert logged["db_user"] == login_name(
        own_stores.retailer.app_url if change.by_server else own_stores.retailer.admin_url
    )
    if change.action == "UPDATE":
        assert logged["record_id"] in keys_before
    else:
        assert {logged["record_id"]} == keys_before ^ await keys_of(own_stores, change)


async def keys_of(world: TwoStores, change: Change) -> set[Any]:
    rows = await world.retailer.fetch(f"select {change.key} as key from retail.{change.table}")
    return {row["key"] for row in rows}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.action} {change.table}")
async def test_images_fit_the_change(own_stores: TwoStores, change: Change) -> None:
    before = await last_change(own_stores)

    async with till(own_stores, by_server=change.by_server) as connection:
        await connection.execute(change.statement)

    (logged,) = await changes_since(own_stores, before, change.table)
    old, new = (set(image) if image is not None else None for image in (logged["old_values"], logged["new_values"]))
    if change.action == "UPDATE":
        assert old == new == change.columns
    else:
        full, absent = (new, old) if change.action == "INSERT" else (old, new)
        assert absent is None
        assert full is not None
        assert full >= change.columns


async def test_update_is_logged_with_the_values_before_and_after(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)

    async with till(own_stores) as connection:
        await connection.execute("update retail.products set price = 99 where sku = 'SOLD'")

    (logged,) = await changes_since(own_stores, before, "products")
    assert (logged["old_values"]["price"], logged["new_values"]["price"]) == (10, 99)


async def test_update_that_clears_a_value_is_logged(own_stores: TwoStores) -> None:
    async with till(own_stores) as connection:
        await connection.execute("update retail.products set brand = 'Acme' where sku = 'SOLD'")
    before = await last_change(own_stores)

    async with till(own_stores) as connection:
        await connection.execute("update retail.products set brand = null where sku = 'SOLD'")

    (logged,) = await changes_since(own_stores, before, "products")
    assert (logged["old_values"]["brand"], logged["new_values"]["brand"]) == ("Acme", None)


async def test_sale_is_logged_with_the_stock_and_the_value_that_it_changed(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)
    seattle = own_stores.seattle

    async with till(own_stores) as connection:
        transaction_id = await insert_transaction(connection, "seattle", customer_id=seattle.customer_id)
        await connection.execute(
            "insert into retail.sales_transaction_items"
            " (store_id, transaction_id, product_id, unit_price, total_price) values ($1, $2, $3, 10, 10)",
            "seattle",
            transaction_id,
            seattle.product_id,
        )

    logged = await own_stores.retailer.fetch(
        "select table_name, action from audit.row_change where change_id > $1", before
    )
    assert sorted((row["table_name"], row["action"]) for row in logged) == [
        ("customers", "UPDATE"),
        ("products", "UPDATE"),
        ("sales_transaction_items", "INSERT"),
        ("sales_transactions", "INSERT"),
    ]


async def test_bulk_insert_leaves_a_row_for_each(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)

    async with till(own_stores) as connection:
        await connection.execute(
            "insert into retail.products (store_id, sku, product_name, price)"
            " select 'seattle', 'BULK-' || n, 'Bulk', 1 from generate_series(1, 1000) n"
        )

    logged = await changes_since(own_stores, before, "products")
    assert len({row["record_id"] for row in logged}) == len(logged) == 1000


async def test_write_that_was_rolled_back_leaves_nothing(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)

    async with connected(own_stores.retailer.app_url) as connection, inside(connection, own_stores):
        await connection.execute("delete from retail.customers")

    assert await last_change(own_stores) == before


async def test_write_that_a_policy_refused_leaves_nothing(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with till(own_stores) as connection:
            await connection.execute(
                "insert into retail.products (store_id, sku, product_name, price) values ('redmond', 'X', 'X', 1)"
            )

    assert await last_change(own_stores) == before


async def test_operators_write_without_a_store_is_logged_under_the_login(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)

    await own_stores.retailer.execute(
        "update retail.products set price = 1 where store_id = 'redmond' and sku = 'SOLD'"
    )

    (logged,) = await changes_since(own_stores, before, "products")
    assert (logged["principal_id"], logged["subject"], logged["role"]) == (None, None, None)
    assert (logged["store_id"], logged["db_user"]) == ("redmond", login_name(own_stores.retailer.admin_url))


async def test_planted_context_does_not_put_another_name_in_the_log(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)

    async with connected(own_stores.retailer.admin_url) as connection, connection.transaction():
        await connection.execute(
            "select set_config('retail.context', $1, true)", "0" * 64 + "C|0|0|0|1|manager|redmond"
        )
        await connection.execute("update retail.products set price = 1 where store_id = 'redmond' and sku = 'SOLD'")

    (logged,) = await changes_since(own_stores, before, "products")
    assert logged["subject"] is None


async def test_log_holds_no_personal_value(own_stores: TwoStores) -> None:
    seattle = own_stores.seattle
    async with till(own_stores) as connection:
        await connection.execute(
            "insert into retail.customers"
            " (store_id, first_name, last_name, email, phone, date_of_birth, gender)"
            " values ('seattle', $1, $2, $3, $4, $5, $6)",
            *ZELDA.values(),
        )
        await connection.execute("update retail.customers set gender = 'other' where loyalty_tier = 'bronze'")
        await connection.execute("delete from retail.customers where loyalty_tier = 'bronze'")
        await connection.execute(
            "insert into retail.sales_transactions (store_id, receipt_number, subtotal, total_amount, notes)"
            " values ('seattle', 'NOTED', 1, 1, $1)",
            NOTE,
        )
    await own_stores.retailer.execute(
        f"update retail.customers set phone = '{ZELDA['phone']}' where customer_id = '{seattle.customer_id}'"
    )

    log = await whole_log(own_stores.retailer)

    assert [trace for trace in [*TRACES, NOTE] if trace in log] == []
    assert log.count("keyed:") > 6


async def test_equal_values_of_two_customers_have_different_pseudonyms(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)

    async with connected(own_stores.retailer.admin_url) as connection:
        for number in range(2):
            await insert_customer(connection, "seattle", **ZELDA | {"email": f"{number}@example.com"})

    first, second = (row["new_values"] for row in await changes_since(own_stores, before, "customers"))
    assert [column for column in ZELDA if first[column] == second[column]] == []
    assert all(first[column].startswith("keyed:") for column in ZELDA)


async def test_value_that_comes_back_has_its_pseudonym_again(own_stores: TwoStores) -> None:
    before = await last_change(own_stores)

    async with till(own_stores) as connection:
        for first_name in ("Zeldamaria", "Other", "Zeldamaria"):
            await connection.execute(
                "update retail.customers set first_name = $1 where loyalty_tier = 'gold'", first_name
            )

    first, other, again = (
        row["new_values"]["first_name"] for row in await changes_since(own_stores, before, "customers")
    )
    assert first == again != other


async def test_change_without_a_salt_is_refused_rather_than_logged_unsalted(own_stores: TwoStores) -> None:
    async with connected(own_stores.retailer.admin_url) as operator:
        await operator.execute("create table retail.unsalted (store_id text, id uuid, name text)")
        await operator.execute(
            "create trigger unsalted after insert on retail.unsalted for each row"
            " execute function retail.audit_trigger('id', 'name')"
        )

        with pytest.raises(asyncpg.CheckViolationError):
            await operator.execute("insert into retail.unsalted values ('seattle', $1, 'Zelda')", uuid4())


async def test_operators_action_is_logged_under_the_login(own_stores: TwoStores) -> None:
    await own_stores.retailer.execute("""select audit.record_operation('maintenance', 'seattle', '{"rows": 1}')""")

    (logged,) = await own_stores.retailer.fetch(
        "select action, user_name, store_id, metadata from retail.audit_log where log_id like 'operation-%'"
    )
    assert tuple(logged.values()) == (
        "maintenance",
        login_name(own_stores.retailer.admin_url),
        "seattle",
        '{"rows": 1}',
    )
