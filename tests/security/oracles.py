"""Questions that the server's login can put to the database about keys and values of another store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.sql.acting import TwoStores, inside
from tests.sql.factories import insert_customer, insert_embedding, insert_item, insert_product, insert_transaction


@dataclass(frozen=True)
class Things:
    """Keys and values of one row in each table of a store, none of which another store has."""

    store_id: str
    customer_id: UUID
    product_id: UUID
    transaction_id: UUID
    item_id: UUID
    embedding_id: UUID
    email: str
    last_name: str
    phone: str
    sku: str
    brand: str
    receipt: str


def things_of_nobody() -> Things:
    """Keys and values that no store has, of a store that does not exist."""
    return Things(
        "nowhere",
        *(uuid4() for _ in range(5)),
        email="nobody@example.com",
        last_name="Nobody",
        phone="+1 206-555-9999",
        sku="SKU nowhere",
        brand="nowhere",
        receipt="R nowhere",
    )


async def add_things(operator: Any, store_id: str, phone: str) -> Things:
    """Give a store such rows."""
    values = {
        "email": f"only@{store_id}.example.com",
        "last_name": f"Only {store_id}",
        "phone": phone,
        "sku": f"SKU {store_id}",
        "brand": store_id,
        "receipt": f"R {store_id}",
    }
    customer = await insert_customer(
        operator, store_id, **{key: values[key] for key in ("email", "last_name", "phone")}
    )
    product = await insert_product(operator, store_id, sku=values["sku"], brand=values["brand"])
    embedding = await insert_embedding(operator, store_id, product)
    sale = await insert_transaction(operator, store_id, customer_id=customer, receipt_number=values["receipt"])
    item = await insert_item(operator, store_id, sale, product)
    return Things(store_id, customer, product, sale, item, embedding, **values)


_CUSTOMER = "insert into retail.customers (store_id, first_name, last_name, email"
_PRODUCT = "insert into retail.products (store_id, product_name, price, sku"
_SALE = "insert into retail.sales_transactions (store_id, subtotal, total_amount, receipt_number"
_LINE = "insert into retail.sales_transaction_items (store_id, unit_price, total_price, transaction_id, product_id"
_MOVE = "insert into retail.stock_movements (store_id, quantity, reason, product_id"
_VECTOR = """insert into retail.product_embeddings
    (store_id, embedding_text, embedding, dimensions, content_hash, embedding_model, product_id"""
_A_VECTOR = "'seattle', 'x', '[1,0,0]', 3, repeat('0', 64), 'other'"

# Each runs in seattle's context: {own} are things of seattle, {it} are those that are asked about.
REFERENCES = {
    "receipt to customer": _SALE + ", customer_id) values ('seattle', 1, 1, 'NEW', '{it.customer_id}')",
    "return to its sale": _SALE
    + ", transaction_type, original_transaction_id) values ('seattle', 1, 1, 'NEW', 'return', '{it.transaction_id}')",
    "line to receipt": _LINE + ") values ('seattle', 1, 1, '{it.transaction_id}', '{own.product_id}')",
    "line to product": _LINE + ") values ('seattle', 1, 1, '{own.transaction_id}', '{it.product_id}')",
    "returned line to the line sold": _LINE
    + ", direction, original_item_id)"
    + " values ('seattle', 1, 1, '{own.transaction_id}', '{own.product_id}', -1, '{it.item_id}')",
    "movement to product": _MOVE + ") values ('seattle', 1, 'purchase', '{it.product_id}')",
    "movement to line": _MOVE + ", item_id) values ('seattle', -1, 'sale', '{own.product_id}', '{it.item_id}')",
    "embedding to product": _VECTOR + f") values ({_A_VECTOR}, '{{it.product_id}}')",
}
UNIQUE_VALUES = {
    "key of a customer": _CUSTOMER + ", customer_id) values ('seattle', 'New', 'New', 'new@x.y', '{it.customer_id}')",
    "e-mail": _CUSTOMER + ") values ('seattle', 'New', 'New', '{it.email}')",
    "key of a product": _PRODUCT + ", product_id) values ('seattle', 'New', 1, 'NEW', '{it.product_id}')",
    "sku": _PRODUCT + ") values ('seattle', 'New', 1, '{it.sku}')",
    "sku, conflict passed over": _PRODUCT + ") values ('seattle', 'New', 1, '{it.sku}') on conflict do nothing",
    "key of a receipt": _SALE + ", transaction_id) values ('seattle', 1, 1, 'NEW', '{it.transaction_id}')",
    "receipt number": _SALE + ") values ('seattle', 1, 1, '{it.receipt}')",
    "key of a line": _LINE
    + ", item_id) values ('seattle', 1, 1, '{own.transaction_id}', '{own.product_id}', '{it.item_id}')",
    "key of an embedding": _VECTOR
    + f", embedding_id) values ({_A_VECTOR}, '{{own.product_id}}', '{{it.embedding_id}}')",
}
ROWS_MOVED = {
    "product given away": "update retail.products set store_id = '{it.store_id}' where product_id = '{own.product_id}'",
    "product given away onto a key": "update retail.products set store_id = '{it.store_id}',"
    " product_id = '{it.product_id}' where sku = 'UNSOLD'",
    "embedding given away": "update retail.product_embeddings set store_id = '{it.store_id}'",
    "product put there": _PRODUCT + ") values ('{it.store_id}', 'New', 1, 'NEW')",
    "product put there onto a sku": _PRODUCT + ") values ('{it.store_id}', 'New', 1, '{it.sku}')",
    "product put there unless it is there": _PRODUCT
    + ") values ('{it.store_id}', 'New', 1, '{it.sku}') on conflict do nothing",
    "product changed there": _PRODUCT
    + ") values ('{it.store_id}', 'New', 1, '{it.sku}') on conflict (store_id, sku) do update set price = 1",
    "product moved there by a conflict": _PRODUCT
    + ") values ('seattle', 'New', 1, 'UNSOLD') on conflict (store_id, sku) do update set store_id = '{it.store_id}'",
    "customer put there": _CUSTOMER + ") values ('{it.store_id}', 'New', 'New', '{it.email}')",
    "receipt put there": _SALE + ") values ('{it.store_id}', 1, 1, '{it.receipt}')",
    "merge into it": "merge into retail.products p using (values ('{it.store_id}', '{it.sku}')) v (store_id, sku)"
    " on p.store_id = v.store_id and p.sku = v.sku when matched then update set price = 1"
    " when not matched then insert (store_id, sku, product_name, price) values (v.store_id, v.sku, 'New', 1)",
}
CHANGES = {
    "product priced": "update retail.products set price = 99 where product_id = '{it.product_id}'",
    "customer renamed": "update retail.customers set first_name = 'X' where customer_id = '{it.customer_id}'",
    "customer deleted": "delete from retail.customers where customer_id = '{it.customer_id}'",
    "embedding deleted": "delete from retail.product_embeddings where embedding_id = '{it.embedding_id}'",
}
READS = {
    "product by key": "select count(*) from retail.products where product_id = '{it.product_id}'",
    "product locked": "select 1 from retail.products where product_id = '{it.product_id}' for update",
    "customer by key": "select count(*) from retail.customer_card where customer_id = '{it.customer_id}'",
    "receipt by number": "select count(*) from retail.sales_transactions where receipt_number = '{it.receipt}'",
    "notes of a receipt": "select count(*) from retail.transaction_notes where transaction_id = '{it.transaction_id}'",
    "line by key": "select count(*) from retail.sales_transaction_items where item_id = '{it.item_id}'",
    "movements of a line": "select count(*) from retail.stock_movements where item_id = '{it.item_id}'",
    "rows by store": "select count(*) from retail.stores where store_id = '{it.store_id}'",
    "customer by name": "select count(*) from retail.match_customers('{it.last_name}', null, null, null)",
    "customer by e-mail": "select count(*) from retail.match_customers(null, '{it.email}', null, null)",
    "customer by phone": "select count(*) from retail.match_customers(null, null, '{it.phone}', null)",
    "products by vector": "select count(*) from retail.search_products_by_similarity('[1,0,0]') f"
    " join retail.products p using (product_id) where p.brand = '{it.brand}'",
}
# Errors that speak of the row that they happened on.
ERROR_TEXTS = {
    "division": "select 1 / (case when p.sku = '{it.sku}' then 0 else 1 end) as zero from retail.products p",
    "cast": "select p.sku::int from retail.products p where p.sku = '{it.sku}'",
    "cast of every name": "select count((p.brand || 'x')::int) from retail.products p where p.brand = '{it.brand}'",
    "regular expression": "select p.sku ~ (case when p.brand = '{it.brand}' then '[' else 'x' end)"
    " from retail.products p",
    "json": "select (p.brand || '[')::json from retail.products p where p.brand = '{it.brand}'",
    "check constraint": "update retail.products set price = -1 where sku = '{it.sku}'",
    "too long": "update retail.products set size = repeat('x', 51) where sku = '{it.sku}'",
}
QUESTIONS = REFERENCES | UNIQUE_VALUES | ROWS_MOVED | CHANGES | READS | ERROR_TEXTS


async def told(connection: Any, world: TwoStores, question: str, own: Things, it: Things) -> str:
    """All that seattle's manager is told, with the keys and values that were in the question left out."""
    async with inside(connection, world, "seattle"):
        try:
            text = question.format(own=own, it=it)
            found = await connection.fetch(text) if text.startswith("select") else await connection.execute(text)
            seen = str([tuple(row) for row in found] if isinstance(found, list) else found)
        except asyncpg.PostgresError as error:
            seen = str({name: value for name, value in error.as_dict().items() if not name.startswith("server_source")})
    for name in Things.__dataclass_fields__:
        seen = seen.replace(str(getattr(it, name)), f"<{name}>")
    return seen
