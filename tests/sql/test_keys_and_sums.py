"""References, unique values and sums: none of them crosses from one store into another.

What the server's login is told when it tries is in tests/security/test_oracles.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.sql.acting import TwoStores, inside, rolled_back
from tests.sql.factories import (
    Sale,
    StoreRows,
    insert_customer,
    insert_embedding,
    insert_item,
    insert_movement,
    insert_product,
    insert_return,
    insert_sale,
    insert_transaction,
)

Insert = Callable[[Any, StoreRows, StoreRows], Awaitable[Any]]

# Each inserts a row into the store `own` that refers to a row of the store `other`.
REFERENCES: dict[str, Insert] = {
    "transaction to customer": lambda db, own, other: insert_transaction(
        db, own.store_id, customer_id=other.customer_id
    ),
    "return to its sale": lambda db, own, other: insert_transaction(
        db, own.store_id, transaction_type="return", original_transaction_id=other.transaction_id
    ),
    "line to transaction": lambda db, own, other: insert_item(db, own.store_id, other.transaction_id, own.product_id),
    "line to product": lambda db, own, other: insert_item(db, own.store_id, own.transaction_id, other.product_id),
    "returned line to the line sold": lambda db, own, other: insert_item(
        db, own.store_id, own.transaction_id, own.product_id, direction=-1, original_item_id=other.item_id
    ),
    "movement to product": lambda db, own, other: insert_movement(db, own.store_id, other.product_id),
    "movement to line": lambda db, own, other: insert_movement(
        db, own.store_id, own.product_id, item_id=other.item_id, reason="sale"
    ),
    "embedding to product": lambda db, own, other: insert_embedding(
        db, own.store_id, other.product_id, embedding_model="other"
    ),
}
ABSENT = UUID(int=0)


@pytest.mark.parametrize("insert", REFERENCES.values(), ids=REFERENCES)
async def test_reference_within_a_store_is_accepted(operator: Any, two_stores: TwoStores, insert: Insert) -> None:
    async with rolled_back(operator):
        await insert(operator, two_stores.seattle, two_stores.seattle)


@pytest.mark.parametrize("insert", REFERENCES.values(), ids=REFERENCES)
async def test_reference_into_another_store_is_refused(operator: Any, two_stores: TwoStores, insert: Insert) -> None:
    async with rolled_back(operator):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await insert(operator, two_stores.seattle, two_stores.redmond)


async def test_every_reference_is_tried_in_this_file(operator: Any) -> None:
    references = await operator.fetchval(
        "select count(*) from pg_constraint where contype = 'f' and connamespace = 'retail'::regnamespace"
        " and cardinality(conkey) > 1"
    )

    assert references == len(REFERENCES)


UNIQUE_VALUES: dict[str, Callable[[Any, str], Awaitable[Any]]] = {
    "e-mail": lambda db, store_id: insert_customer(db, store_id, email="same@example.com"),
    "sku": lambda db, store_id: insert_product(db, store_id, sku="SAME"),
    "receipt number": lambda db, store_id: insert_transaction(db, store_id, receipt_number="SAME"),
}


@pytest.mark.parametrize("insert", UNIQUE_VALUES.values(), ids=UNIQUE_VALUES)
async def test_two_stores_may_use_the_same_value(
    operator: Any, two_stores: TwoStores, insert: Callable[[Any, str], Awaitable[Any]]
) -> None:
    async with rolled_back(operator):
        await insert(operator, "seattle")
        await insert(operator, "redmond")


@pytest.mark.parametrize("insert", UNIQUE_VALUES.values(), ids=UNIQUE_VALUES)
async def test_one_store_may_use_a_value_once(
    operator: Any, two_stores: TwoStores, insert: Callable[[Any, str], Awaitable[Any]]
) -> None:
    async with rolled_back(operator):
        await insert(operator, "seattle")

        with pytest.raises(asyncpg.UniqueViolationError):
            await insert(operator, "seattle")


@pytest.mark.parametrize(
    "statement",
    [
        "update retail.products set current_stock = 1000",
        "insert into retail.products (store_id, sku, product_name, price, current_stock)"
        " values ('seattle', 'NEW', 'New', 1, 1000)",
        "update retail.customers set total_lifetime_value = 1000",
        "update retail.customers set purchase_count = 1000",
        "update retail.customers set first_purchase_at = now()",
        "update retail.customers set last_purchase_at = now()",
        "insert into retail.customers (store_id, first_name, last_name, email, total_lifetime_value)"
        " values ('seattle', 'New', 'Customer', 'new@example.com', 1000)",
    ],
)
async def test_server_login_cannot_write_a_sum(mcp: Any, two_stores: TwoStores, statement: str) -> None:
    async with inside(mcp, two_stores):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table"):
            await mcp.execute(statement)


STOCK = "select current_stock from retail.products where product_id = $1"
LEDGER = "select coalesce(sum(quantity), 0) from retail.stock_movements where product_id = $1"
VALUE = "select total_lifetime_value from retail.customers where customer_id = $1"


async def test_stock_is_the_sum_of_the_movements(operator: Any, two_stores: TwoStores) -> None:
    async with rolled_back(operator):
        product_id = await insert_product(operator, "seattle", stock=50)
        sale = await insert_sale(operator, "seattle", product_id, quantity=7)
        await insert_return(operator, "seattle", product_id, sale, quantity=2)
        await insert_movement(operator, "seattle", product_id, quantity=-5, reason="adjustment")

        assert await operator.fetchval(STOCK, product_id) == 50 - 7 + 2 - 5
        assert await operator.fetchval(LEDGER, product_id) == 50 - 7 + 2 - 5


async def test_movements_of_one_statement_are_summed_per_product_and_store(
    operator: Any, two_stores: TwoStores
) -> None:
    async with rolled_back(operator):
        seattle = await insert_product(operator, "seattle")
        redmond = await insert_product(operator, "redmond")
        await operator.execute(
            "insert into retail.stock_movements (store_id, product_id, quantity, reason) values"
            " ('seattle', $1, 3, 'purchase'), ('redmond', $2, 10, 'purchase'), ('seattle', $1, 4, 'purchase')",
            seattle,
            redmond,
        )

        assert [await operator.fetchval(STOCK, product_id) for product_id in (seattle, redmond)] == [7, 10]


async def test_line_enters_the_ledger_with_its_receipts_date(operator: Any, two_stores: TwoStores) -> None:
    async with rolled_back(operator):
        product_id = await insert_product(operator, "seattle")
        sale = await insert_sale(operator, "seattle", product_id, quantity=3)

        (movement,) = await operator.fetch("select * from retail.stock_movements where item_id = $1", sale.item_id)
        sold_at = await operator.fetchval(
            "select transaction_date from retail.sales_transactions where transaction_id = $1", sale.transaction_id
        )
    assert (movement["quantity"], movement["reason"], movement["moved_at"]) == (-3, "sale", sold_at)


async def test_only_who_is_bound_by_no_policy_may_leave_the_ledger_out(
    operator: Any, mcp: Any, two_stores: TwoStores
) -> None:
    """An import of history enters the ledger itself; a till that says so is not believed."""
    movements = "select count(*) from retail.stock_movements where item_id = $1"
    entered = "select set_config('retail.stock_is_entered', 'yes', true)"
    async with rolled_back(operator):
        await operator.execute(entered)
        product_id = await insert_product(operator, "seattle", stock=50)
        sale = await insert_sale(operator, "seattle", product_id, quantity=7)
        assert await operator.fetchval(movements, sale.item_id) == 0

    async with inside(mcp, two_stores):
        await mcp.execute(entered)
        product_id = await insert_product(mcp, "seattle")
        sale = await insert_sale(mcp, "seattle", product_id, quantity=7)
        assert await mcp.fetchval(movements, sale.item_id) == 1
        assert await mcp.fetchval(STOCK, product_id) == -7


async def test_lifetime_value_is_the_sum_of_the_transactions(operator: Any, two_stores: TwoStores) -> None:
    async with rolled_back(operator):
        customer_id = await insert_customer(operator, "seattle")
        sale = Sale(await insert_transaction(operator, "seattle", amount=100, customer_id=customer_id), ABSENT)
        await insert_transaction(operator, "seattle", amount=50, customer_id=customer_id)
        await insert_transaction(
            operator,
            "seattle",
            amount=-30,
            customer_id=customer_id,
            transaction_type="return",
            original_transaction_id=sale.transaction_id,
        )

        assert await operator.fetchval(VALUE, customer_id) == 120


PURCHASES = """
select purchase_count, first_purchase_at, last_purchase_at from retail.customers where customer_id = $1
"""


async def test_purchases_are_the_sales_whatever_order_they_are_entered_in(operator: Any, two_stores: TwoStores) -> None:
    async with rolled_back(operator):
        customer_id = await insert_customer(operator, "seattle")
        early, middle, late = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
        assert tuple(await operator.fetchrow(PURCHASES, customer_id)) == (0, None, None)

        of_ada = {"amount": 0, "customer_id": customer_id}
        sale_id = await insert_transaction(operator, "seattle", transaction_date=middle, **of_ada)
        assert tuple(await operator.fetchrow(PURCHASES, customer_id)) == (1, middle, middle)

        for when in (late, early):
            await insert_transaction(operator, "seattle", transaction_date=when, **of_ada)
        returned = {"transaction_type": "return", "original_transaction_id": sale_id}
        await insert_transaction(operator, "seattle", transaction_date=late + timedelta(days=1), **of_ada, **returned)
        assert tuple(await operator.fetchrow(PURCHASES, customer_id)) == (3, early, late)


async def test_sale_without_a_customer_changes_nobodys_value(operator: Any, two_stores: TwoStores) -> None:
    async with rolled_back(operator):
        before = await operator.fetchval("select sum(total_lifetime_value) from retail.customers")
        await insert_transaction(operator, "seattle", amount=100)

        assert await operator.fetchval("select sum(total_lifetime_value) from retail.customers") == before


async def test_server_login_keeps_the_sums_too(mcp: Any, two_stores: TwoStores) -> None:
    seattle = two_stores.seattle
    async with inside(mcp, two_stores):
        stock, value = await mcp.fetchval(STOCK, seattle.product_id), await mcp.fetchval(VALUE, seattle.customer_id)
        sale = await mcp.fetchval(
            "insert into retail.sales_transactions (store_id, customer_id, receipt_number, subtotal, total_amount)"
            " values ('seattle', $1, 'NEW', 20, 20) returning transaction_id",
            seattle.customer_id,
        )
        await mcp.execute(
            "insert into retail.sales_transaction_items"
            " (store_id, transaction_id, product_id, quantity, unit_price, total_price)"
            " values ('seattle', $1, $2, 2, 10, 20)",
            sale,
            seattle.product_id,
        )

        assert await mcp.fetchval(STOCK, seattle.product_id) == stock - 2
        assert await mcp.fetchval(VALUE, seattle.customer_id) == value + 20
