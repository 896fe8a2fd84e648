"""A store to be filled by hand: prices, receipts and returns that a test writes out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastmcp import Client

from tests.sql.factories import insert_customer, insert_item, insert_product, insert_store, insert_transaction
from tests.support import Retailer


@dataclass(frozen=True)
class Goods:
    """A line to be written; `original` is the line that goods coming back were sold with."""

    product: UUID
    quantity: int = 1
    price: str = "10.00"
    discount: str = "0.00"
    tax: str = "0.00"
    cost: str | None = None
    original: UUID | None = None

    @property
    def sign(self) -> int:
        return -1 if self.original else 1

    @property
    def total(self) -> Decimal:
        return self.quantity * Decimal(self.price) - Decimal(self.discount)


@dataclass(frozen=True)
class Receipt:
    """A receipt that was written, with the ids of its lines."""

    transaction_id: UUID
    items: tuple[UUID, ...]


@dataclass(frozen=True)
class Shop:
    """One store of a retailer, filled as the superuser."""

    retailer: Retailer
    connection: Any
    store_id: str
    zone: ZoneInfo

    @classmethod
    async def open(
        cls,
        retailer: Retailer,
        connection: Any,
        store_id: str = "seattle",
        *,
        time_zone: str = "America/Los_Angeles",
        **columns: Any,
    ) -> Shop:
        """Make a store without anything in it."""
        await insert_store(connection, store_id, time_zone=time_zone, **columns)
        return cls(retailer, connection, store_id, ZoneInfo(time_zone))

    @asynccontextmanager
    async def client(self, **settings: Any) -> AsyncIterator[Client[Any]]:
        """A client of this store's manager, unless another role is named."""
        async with self.retailer.client(self.store_id, **settings) as client:
            yield client

    async def product(self, sku: str, **columns: Any) -> UUID:
        if "price" in columns:
            columns["price"] = Decimal(columns["price"])
        return await insert_product(self.connection, self.store_id, sku=sku, **columns)

    async def customer(self, first_name: str, last_name: str, **columns: Any) -> UUID:
        return await insert_customer(
            self.connection, self.store_id, first_name=first_name, last_name=last_name, **columns
        )

    async def receipt(self, when: str, *goods: Goods, fold: int = 0, **columns: Any) -> Receipt:
        """Write a receipt at a local time; its amounts are the signed sums of its lines."""
        local = datetime.fromisoformat(when).replace(fold=fold, tzinfo=self.zone)
        subtotal = sum((line.sign * line.total for line in goods), Decimal(0))
        tax = sum((line.sign * Decimal(line.tax) for line in goods), Decimal(0))
        transaction_id = await insert_transaction(
            self.connection,
            self.store_id,
            transaction_date=local,
            subtotal=subtotal,
            tax_amount=tax,
            discount_amount=sum((line.sign * Decimal(line.discount) for line in goods), Decimal(0)),
            total_amount=subtotal + tax,
            **columns,
        )
        items = [await self._item(transaction_id, line) for line in goods]
        return Receipt(transaction_id, tuple(items))

    async def _item(self, transaction_id: UUID, line: Goods) -> UUID:
        return await insert_item(
            self.connection,
            self.store_id,
            transaction_id,
            line.product,
            direction=line.sign,
            quantity=line.quantity,
            unit_price=Decimal(line.price),
            unit_cost=None if line.cost is None else Decimal(line.cost),
            total_price=line.total,
            discount_amount=Decimal(line.discount),
            tax_amount=Decimal(line.tax),
            original_item_id=line.original,
        )
