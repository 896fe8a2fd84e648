"""The raw rows of one store, and how the tools write values."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.support import Retailer

Row = dict[str, Any]

CENT = Decimal("0.01")
NONE = "(none)"
COST_ROLES = {"manager", "analyst"}
NAME_ROLES = {"manager", "support"}


@dataclass(frozen=True)
class Line:
    """A line of a receipt; `sign` is 1 for goods to the customer and -1 for goods back."""

    row: Row
    product: Row

    @property
    def sign(self) -> int:
        return int(self.row["direction"])


@dataclass(frozen=True)
class Receipt:
    """A receipt with its lines, and the day it was written in the store's time zone."""

    row: Row
    day: date
    customer: Row | None
    lines: tuple[Line, ...]

    @property
    def is_sale(self) -> bool:
        return bool(self.row["transaction_type"] == "sale")

    @property
    def units(self) -> int:
        return sum(line.sign * line.row["quantity"] for line in self.lines)


Entry = tuple[Receipt, Line]


@dataclass(frozen=True)
class StoreData:
    """Everything one store has."""

    store: Row
    zone: ZoneInfo
    categories: dict[int, Row]
    products: tuple[Row, ...]
    customers: tuple[Row, ...]
    receipts: tuple[Receipt, ...]
    movements: dict[UUID, tuple[Row, ...]]
    vectors: dict[UUID, tuple[float, ...]]

    def entries(self, first: date, last: date) -> list[Entry]:
        """Lines of the receipts of a period."""
        return [(receipt, line) for receipt in self.receipts if first <= receipt.day <= last for line in receipt.lines]

    @cached_property
    def receipts_by_customer(self) -> defaultdict[UUID | None, tuple[Receipt, ...]]:
        """Receipts, newest first."""
        newest_first = sorted(
            self.receipts,
            key=lambda receipt: (receipt.row["transaction_date"], receipt.row["transaction_id"]),
            reverse=True,
        )
        return grouped(newest_first, lambda receipt: receipt.row["customer_id"])

    def lineage(self, product: Row) -> list[Row]:
        """Categories of a product, its own first, the top-level one last."""
        found = []
        category_id = product["category_id"]
        while category_id is not None:
            found.append(self.categories[category_id])
            category_id = found[-1]["parent_category_id"]
        return found

    def top_category(self, product: Row) -> str | None:
        lineage = self.lineage(product)
        return lineage[-1]["category_name"] if lineage else None

    def subcategory(self, product: Row) -> str | None:
        lineage = self.lineage(product)
        return lineage[0]["category_name"] if len(lineage) > 1 else None

    def is_in(self, product: Row, category: str | None) -> bool:
        """Whether a product is in a category or below it; every product is in None."""
        return category is None or category.lower() in [c["category_name"].lower() for c in self.lineage(product)]


async def load(retailer: Retailer, store_id: str) -> StoreData:
    """Read one store as the superuser."""

    async def rows(sql: str) -> list[Row]:
        return await retailer.fetch(sql, store_id)

    (store,) = await rows("select * from retail.stores where store_id = $1")
    categories = await retailer.fetch(
        "select *, dense_rank() over (order by category_name) as name_place from retail.product_categories"
    )
    products = await rows(
        "select p.*, row_number() over (order by sku) as sku_place,"
        " row_number() over (order by product_name, product_id) as name_place"
        " from retail.products p where store_id = $1"
    )
    customers = await rows("select * from retail.customers where store_id = $1")
    transactions = await rows("select * from retail.sales_transactions where store_id = $1")
    items = await rows("select * from retail.sales_transaction_items where store_id = $1")
    movements = await rows("select * from retail.stock_movements where store_id = $1")
    embeddings = await rows("select product_id, embedding::text from retail.product_embeddings where store_id = $1")

    zone = ZoneInfo(store["time_zone"])
    product_of = {product["product_id"]: product for product in products}
    customer_of = {customer["customer_id"]: customer for customer in customers}
    lines = grouped(items, lambda item: item["transaction_id"])
    return StoreData(
        store=store,
        zone=zone,
        categories={category["category_id"]: category for category in categories},
        products=tuple(products),
        customers=tuple(customers),
        receipts=tuple(
            Receipt(
                row=transaction,
                day=transaction["transaction_date"].astimezone(zone).date(),
                customer=customer_of.get(transaction["customer_id"]),
                lines=tuple(
                    Line(item, product_of[item["product_id"]]) for item in lines[transaction["transaction_id"]]
                ),
            )
            for transaction in transactions
        ),
        movements=dict(grouped(movements, lambda movement: movement["product_id"])),
        vectors={row["product_id"]: tuple(json.loads(row["embedding"])) for row in embeddings},
    )


def grouped(rows: Iterable[Any], key: Callable[[Any], Any]) -> defaultdict[Any, tuple[Any, ...]]:
    groups: defaultdict[Any, tuple[Any, ...]] = defaultdict(tuple)
    collected: defaultdict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        collected[key(row)].append(row)
    groups.update({found: tuple(members) for found, members in collected.items()})
    return groups


def money(amount: Decimal | None) -> str | None:
    """An amount as the tools write it."""
    return None if amount is None else str((amount + 0).quantize(CENT, ROUND_HALF_UP))


def rounded(number: Decimal, places: int) -> float:
    return float(number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def percent(part: Decimal | int, whole: Decimal | int | None) -> float | None:
    """`part` in percent of `whole`, to two decimals; None of nothing."""
    return rounded(100 * Decimal(part) / Decimal(whole), 2) if whole else None


def moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def total(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


def period(data: StoreData, first: date, last: date) -> Row:
    return {"start_date": first.isoformat(), "end_date": last.isoformat(), "time_zone": data.zone.key}
