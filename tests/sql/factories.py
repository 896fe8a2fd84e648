"""Rows for tests, inserted as the superuser: each function fills in what a test does not care about."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from server.calls.principal import Role

_serial = itertools.count(1)


@dataclass(frozen=True)
class Sale:
    """A receipt with one line."""

    transaction_id: UUID
    item_id: UUID


@dataclass(frozen=True)
class StoreRows:
    """Keys of the rows that `fill_store` makes.

    Attributes:
        customer_id: Ada, who bought something.
        product_id: The product that she bought, with an embedding.
        unsold_product_id: A product that nothing refers to.
    """

    store_id: str
    customer_id: UUID
    product_id: UUID
    unsold_product_id: UUID
    transaction_id: UUID
    item_id: UUID


async def insert_store(connection: Any, store_id: str, **columns: Any) -> str:
    values = {"store_id": store_id, "store_name": store_id.title(), **columns}
    return str(await _insert(connection, "stores", "store_id", values))


async def insert_category(connection: Any, category_name: str, **columns: Any) -> int:
    return int(
        await _insert(connection, "product_categories", "category_id", {"category_name": category_name, **columns})
    )


async def insert_customer(connection: Any, store_id: str, **columns: Any) -> UUID:
    number = next(_serial)
    values = {
        "store_id": store_id,
        "first_name": "Grace",
        "last_name": "Hopper",
        "email": f"customer{number}@example.com",
        **columns,
    }
    return await _insert(connection, "customers", "customer_id", values)


async def insert_product(connection: Any, store_id: str, *, stock: int = 0, **columns: Any) -> UUID:
    """A product; its stock comes in as an opening movement."""
    number = next(_serial)
    values = {
        "store_id": store_id,
        "sku": f"SKU-{number}",
        "product_name": f"Product {number}",
        "price": 10,
        **columns,
    }
    product_id = await _insert(connection, "products", "product_id", values)
    if stock:
        await insert_movement(connection, store_id, product_id, quantity=stock)
    return product_id


async def insert_movement(connection: Any, store_id: str, product_id: UUID, **columns: Any) -> int:
    values = {"store_id": store_id, "product_id": product_id, "quantity": 1, "reason": "opening", **columns}
    return await _insert(connection, "stock_movements", "movement_id", values)


async def insert_transaction(connection: Any, store_id: str, *, amount: int = 10, **columns: Any) -> UUID:
    """A receipt without lines."""
    values = {
        "store_id": store_id,
        "receipt_number": f"R-{next(_serial)}",
        "subtotal": amount,
        "total_amount": amount,
        **columns,
    }
    return await _insert(connection, "sales_transactions", "transaction_id", values)


async def insert_item(connection: Any, store_id: str, transaction_id: UUID, product_id: UUID, **columns: Any) -> UUID:
    """A line of a receipt, at 10 a unit."""
    values = {
        "store_id": store_id,
        "transaction_id": transaction_id,
        "product_id": product_id,
        "quantity": 1,
        "unit_price": 10,
        **columns,
    }
    values.setdefault("total_price", values["quantity"] * values["unit_price"])
    return await _insert(connection, "sales_transaction_items", "item_id", values)


async def insert_sale(connection: Any, store_id: str, product_id: UUID, *, quantity: int = 1, **columns: Any) -> Sale:
    """A receipt with one line."""
    transaction_id = await insert_transaction(connection, store_id, amount=10 * quantity, **columns)
    return Sale(transaction_id, await insert_item(connection, store_id, transaction_id, product_id, quantity=quantity))


async def insert_return(connection: Any, store_id: str, product_id: UUID, sale: Sale, *, quantity: int = 1) -> Sale:
    """Goods that came back from a sale, to a customer whom the receipt does not name."""
    transaction_id = await insert_transaction(
        connection,
        store_id,
        amount=-10 * quantity,
        transaction_type="return",
        original_transaction_id=sale.transaction_id,
    )
    item_id = await insert_item(
        connection,
        store_id,
        transaction_id,
        product_id,
        quantity=quantity,
        direction=-1,
        original_item_id=sale.item_id,
    )
    return Sale(transaction_id, item_id)


async def insert_embedding(
    connection: Any, store_id: str, product_id: UUID, vector: tuple[float, ...] = (1, 0, 0), **columns: Any
) -> UUID:
    values = {
        "store_id": store_id,
        "product_id": product_id,
        "embedding_text": "a product",
        "embedding": str(list(vector)),
        "embedding_model": "test",
        "dimensions": len(vector),
        "content_hash": "0" * 64,
        **columns,
    }
    return await _insert(connection, "product_embeddings", "embedding_id", values)


async def insert_principal(connection: Any, subject: str, access: Mapping[str, Role], **columns: Any) -> int:
    """A principal with one role in each store of `access`."""
    values = {"subject": subject, **columns}
    principal_id = await _insert(connection, "principal", "principal_id", values, schema="guard")
    for store_id, role in access.items():
        await connection.execute(
            "insert into guard.store_access (principal_id, store_id, role) values ($1, $2, $3)",
            principal_id,
            store_id,
            role,
        )
    return int(principal_id)


async def fill_store(connection: Any, store_id: str) -> StoreRows:
    """A store with something in every table: one row, but two customers, products and stock movements."""
    await insert_store(connection, store_id)
    customer_id = await insert_customer(
        connection,
        store_id,
        first_name="Ada",
        last_name="Lovelace",
        email=f"ada@{store_id}.example.com",
        phone="+1 206-555-0123",
        loyalty_tier="gold",
    )
    await insert_customer(connection, store_id)
    product_id = await insert_product(connection, store_id, sku="SOLD", stock=5)
    unsold_product_id = await insert_product(connection, store_id, sku="UNSOLD")
    await insert_embedding(connection, store_id, product_id)
    sale = await insert_sale(connection, store_id, product_id, customer_id=customer_id)
    return StoreRows(store_id, customer_id, product_id, unsold_product_id, sale.transaction_id, sale.item_id)


async def _insert(connection: Any, table: str, key: str, values: Mapping[str, Any], *, schema: str = "retail") -> Any:
    columns = ", ".join(values)
    places = ", ".join(f"${position}" for position in range(1, len(values) + 1))
    return await connection.fetchval(
        f"insert into {schema}.{table} ({columns}) values ({places}) returning {key}", *values.values()
    )
