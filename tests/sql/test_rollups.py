"""The daily rollups: whatever happens to receipts and what they refer to, they say what the receipts say."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.errors import NotFoundError
from server.operations.admin.rollups import sum_rollups, wrong_days
from tests.sql.acting import TwoStores, connected, enter
from tests.sql.factories import insert_category, insert_customer, insert_product
from tests.support import Retailer

Sums = dict[tuple[Any, ...], tuple[int, ...]]

PRICES = (Decimal("4.99"), Decimal("10.00"), Decimal("49.99"), Decimal("99.95"), Decimal("700.00"))
BANDS = ((10, "0 to 9.99"), (25, "10 to 24.99"), (50, "25 to 49.99"), (100, "50 to 99.99"), (250, "100 to 249.99"))
# Around a leap day, and both changes of the clock in Vienna and in Los Angeles.
MOMENTS = [
    datetime(2024, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2024, 2, 29, 8, 15, tzinfo=UTC),
    datetime(2026, 3, 8, 9, 59, tzinfo=UTC),
    datetime(2026, 3, 8, 10, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, tzinfo=UTC),
    datetime(2026, 11, 1, 8, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
    datetime(2026, 11, 2, 7, 59, tzinfo=UTC),
]


async def kept(connection: Any) -> Sums:
    """What the rollups say."""
    rows = await connection.fetch("select * from retail.daily_sales")
    return {tuple(row.values())[:4]: tuple(row.values())[4:] for row in rows}


async def expected(connection: Any) -> Sums:
    """The same, added up here line by line."""
    stores = {row["store_id"]: row for row in await connection.fetch("select * from retail.stores")}
    categories = {row["category_id"]: row for row in await connection.fetch("select * from retail.product_categories")}
    products = {row["product_id"]: row for row in await connection.fetch("select * from retail.products")}
    tiers = {
        row["customer_id"]: row["loyalty_tier"] for row in await connection.fetch("select * from retail.customers")
    }
    receipts = {row["transaction_id"]: row for row in await connection.fetch("select * from retail.sales_transactions")}
    sums: defaultdict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    seen: defaultdict[tuple[Any, ...], set[Any]] = defaultdict(set)
    for line in await connection.fetch("select * from retail.sales_transaction_items"):
        receipt, product = receipts[line["transaction_id"]], products[line["product_id"]]
        local = receipt["transaction_date"].astimezone(ZoneInfo(stores[line["store_id"]]["time_zone"]))
        own = top = categories.get(product["category_id"])
        while top and top["parent_category_id"]:
            top = categories[top["parent_category_id"]]
        members = {
            "total": "",
            "hour": f"{local.hour:02}",
            "category": top and top["category_name"],
            "subcategory": own and own["category_name"],
            "brand": product["brand"],
            "product": str(line["product_id"]),
            "product_month": str(line["product_id"]),
            "price_band": next((name for below, name in BANDS if line["unit_price"] < below), "250 and more"),
            "payment_method": receipt["payment_method"],
            "transaction_type": receipt["transaction_type"],
            "customer_tier": tiers.get(receipt["customer_id"]),
            "cashier": receipt["cashier_id"],
            "register": receipt["register_id"],
        }
        for dimension, member in members.items():
            day = local.date().replace(day=1) if dimension == "product_month" else local.date()
            key = (line["store_id"], dimension, day, "(none)" if member is None else member)
            is_sale, quantity, sign = receipt["transaction_type"] == "sale", line["quantity"], line["direction"]
            is_new = receipt["transaction_id"] not in seen[key]
            seen[key].add(receipt["transaction_id"])
            price, cost = int(100 * line["total_price"]), line["unit_cost"]
            sums[key].update(
                lines=1,
                transactions=is_new and is_sale,
                returns=is_new and not is_sale,
                units_sold=quantity if sign == 1 else 0,
                units_returned=quantity if sign == -1 else 0,
                gross=price if sign == 1 else 0,
                returned=price if sign == -1 else 0,
                discount=int(100 * line["discount_amount"]) if sign == 1 else 0,
                tax=sign * int(100 * line["tax_amount"]),
                cost=0 if cost is None else int(100 * sign * quantity * cost),
                without_cost=cost is None,
                basket=price if is_sale else 0,
                basket_units=quantity if is_sale else 0,
            )
    return {key: tuple(counts.values()) for key, counts in sums.items()}


class Till:
    """Does to two stores what tills and operators do, at random."""

    def __init__(self, world: TwoStores, mcp: Any, admin: Any, seed: int) -> None:
        self.world, self.mcp, self.admin = world, mcp, admin
        self.rng = random.Random(seed)
        self.number = 0

    async def pick(self, sql: str) -> Any:
        """A row, or None."""
        rows = await self.admin.fetch(sql)
        return self.rng.choice(rows) if rows else None

    async def sell(self) -> None:
        """A receipt with up to four lines in up to two statements, as the server's login or as an operator."""
        store_id = self.rng.choice(["seattle", "redmond"])
        customers = await self.admin.fetch("select customer_id from retail.customers where store_id = $1", store_id)
        customer = self.rng.choice([None, *(row["customer_id"] for row in customers)])
        products = await self.admin.fetch("select product_id from retail.products where store_id = $1", store_id)
        connection = self.rng.choice([self.mcp, self.admin])
        async with connection.transaction():
            if connection is self.mcp:
                await enter(connection, self.world.token(store_id))
            self.number += 1
            transaction_id = await connection.fetchval(
                "insert into retail.sales_transactions (store_id, transaction_date, customer_id, payment_method,"
                " receipt_number, cashier_id, register_id, subtotal, total_amount)"
                " values ($1, $2, $3, $4, $5, $6, $7, 0, 0) returning transaction_id",
                store_id,
                self.rng.choice(MOMENTS),
                customer,
                self.rng.choice([None, "cash", "credit_card"]),
                f"N-{self.number}",
                self.rng.choice([None, "C1", "C2"]),
                self.rng.choice([None, "R1"]),
            )
            for _ in range(self.rng.randint(1, 2)):
                picked = [self.rng.choice(products)["product_id"] for _ in range(self.rng.randint(1, 2))]
                await self.add(connection, store_id, transaction_id, picked)

    async def add(self, connection: Any, store_id: str, transaction_id: Any, products: list[Any]) -> None:
        await connection.execute(
            "insert into retail.sales_transaction_items (store_id, transaction_id, product_id, quantity, unit_price,"
            " unit_cost, discount_amount, total_price, tax_amount)"
            " select $1, $2, p, q, price, cost, 0.5, q * price - 0.5, 0.13"
            " from unnest($3::uuid[], $4::int[], $5::numeric[], $6::numeric[]) l (p, q, price, cost)",
            store_id,
            transaction_id,
            products,
            [self.rng.randint(1, 3) for _ in products],
            [self.rng.choice(PRICES) for _ in products],
            [self.rng.choice([None, Decimal("3.21")]) for _ in products],
        )

    async def add_a_line(self) -> None:
        if receipt := await self.pick("select * from retail.sales_transactions"):
            product = await self.pick(
                f"select product_id from retail.products where store_id = '{receipt['store_id']}'"
            )
            await self.add(self.admin, receipt["store_id"], receipt["transaction_id"], [product["product_id"]])

    async def bring_back(self) -> None:
        """Part of a line comes back on another day."""
        line = await self.pick("select * from retail.sales_transaction_items where direction = 1")
        if line is None:
            return
        self.number += 1
        transaction_id = await self.admin.fetchval(
            "insert into retail.sales_transactions (store_id, transaction_date, transaction_type, receipt_number,"
            " original_transaction_id, subtotal, total_amount) values ($1, $2, $3, $4, $5, 0, 0)"
            " returning transaction_id",
            line["store_id"],
            self.rng.choice(MOMENTS),
            self.rng.choice(["return", "exchange"]),
            f"N-{self.number}",
            line["transaction_id"],
        )
        await self.admin.execute(
            "insert into retail.sales_transaction_items (store_id, transaction_id, product_id, direction, quantity,"
            " unit_price, total_price, tax_amount, original_item_id) values ($1, $2, $3, -1, 1, 7, 7, 0.07, $4)",
            line["store_id"],
            transaction_id,
            line["product_id"],
            line["item_id"],
        )

    async def correct(self) -> None:
        """Receipts or lines are changed or removed by hand."""
        moment, method = self.rng.choice(MOMENTS), self.rng.choice(["cash", "digital_wallet"])
        chosen = f"where transaction_id::text ~ '[{self.rng.choice('0123456789')}]$'"
        free = "and transaction_type <> 'sale'"
        await self.admin.execute(
            self.rng.choice(
                [
                    f"update retail.sales_transactions set transaction_date = '{moment}' {chosen}",
                    f"update retail.sales_transactions set payment_method = '{method}', cashier_id = 'C3' {chosen}",
                    f"update retail.sales_transactions set notes = 'unchanged in what counts' {chosen}",
                    f"update retail.sales_transaction_items set quantity = quantity + 1,"
                    f" total_price = total_price + unit_price {chosen}",
                    f"delete from retail.sales_transactions {chosen} {free}",
                    f"delete from retail.sales_transaction_items {chosen} and direction = -1",
                ]
            )
        )

    async def reorganize(self) -> None:
        """Products, categories, customers and stores change."""
        category = await self.pick("select category_id from retail.product_categories")
        customer = await self.pick("select * from retail.customers")
        product = await self.pick("select * from retail.products")
        statements = [
            f"update retail.products set category_id = {category['category_id']} where price > 0"
            f" and product_id::text ~ '[{self.rng.choice('02468')}]$'",
            f"update retail.products set brand = '{self.rng.choice('AB')}' where store_id = '{product['store_id']}'",
            "update retail.product_categories set category_name = category_name || '+'"
            f" where category_id = {category['category_id']}",
            "update retail.stores set time_zone = case time_zone when 'Europe/Vienna' then 'America/Los_Angeles'"
            " else 'Europe/Vienna' end where store_id = 'redmond'",
        ]
        if customer:
            chosen = f"where store_id = '{customer['store_id']}' and customer_id = '{customer['customer_id']}'"
            tier = self.rng.choice(["bronze", "silver", "platinum"])
            statements += [
                f"update retail.customers set loyalty_tier = '{tier}' {chosen}",
                f"update retail.customers set loyalty_tier = '{tier}'",
                f"delete from retail.customers {chosen}",
            ]
        statement = self.rng.choice(statements)
        if statement.endswith("'seattle'") and self.rng.random() < 0.5:
            async with self.mcp.transaction():
                await enter(self.mcp, self.world.token("seattle"))
                await self.mcp.execute(statement)
        else:
            await self.admin.execute(statement)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_rollups_equal_the_receipts_whatever_happens(own_stores: TwoStores, seed: int) -> None:
    retailer = own_stores.retailer
    async with connected(retailer.app_url) as mcp, connected(retailer.admin_url) as admin:
        top = await insert_category(admin, "Garden")
        await insert_category(admin, "Pots", parent_category_id=top)
        for store_id in ("seattle", "redmond"):
            await insert_product(admin, store_id, category_id=top, brand="A")
            await insert_customer(admin, store_id, loyalty_tier="silver")
        till = Till(own_stores, mcp, admin, seed)
        happenings: list[Callable[[], Awaitable[None]]] = [
            till.sell,
            till.sell,
            till.add_a_line,
            till.bring_back,
            till.correct,
            till.reorganize,
            till.reorganize,
        ]
        for _ in range(60):
            happening = till.rng.choice(happenings)
            await happening()
            assert await kept(admin) == await expected(admin), happening.__name__
        before = await kept(admin)
        await admin.execute("update retail.daily_sales set units_sold = units_sold + 1; ")
        for store_id in ("seattle", "redmond"):
            await admin.execute(f"select retail.sum_daily_sales('{store_id}')")
        assert await kept(admin) == before
        assert len(before) > 100


async def test_writers_of_the_same_day_and_product_lose_nothing(own_stores: TwoStores) -> None:
    """Receipts of two lines in either order, several per transaction: sums are right and nobody is a victim."""
    retailer, seattle = own_stores.retailer, own_stores.seattle
    products = [seattle.product_id, seattle.unsold_product_id]

    async def write(writer: int) -> None:
        till_products = products if writer % 2 else products[::-1]
        async with connected(retailer.app_url) as connection:
            for turn in range(5):
                async with connection.transaction():
                    await enter(connection, own_stores.token("seattle"))
                    for part in range(2):
                        transaction_id = await connection.fetchval(
                            "insert into retail.sales_transactions (store_id, customer_id, receipt_number, subtotal,"
                            " total_amount) values ('seattle', $1, $2, 20, 20) returning transaction_id",
                            seattle.customer_id,
                            f"W-{writer}-{turn}-{part}",
                        )
                        for product_id in till_products:
                            await connection.execute(
                                "insert into retail.sales_transaction_items (store_id, transaction_id, product_id,"
                                " unit_price, total_price) values ('seattle', $1, $2, 10, 10)",
                                transaction_id,
                                product_id,
                            )

    await asyncio.gather(*(write(writer) for writer in range(6)))

    async with connected(retailer.admin_url) as admin:
        assert await kept(admin) == await expected(admin)
        assert await admin.fetchval("select count(*) from retail.sales_transactions where store_id = 'seattle'") == 61


async def test_truncated_receipts_leave_no_sums(own_stores: TwoStores) -> None:
    async with connected(own_stores.retailer.admin_url) as admin:
        assert await kept(admin)
        await admin.execute("truncate retail.sales_transaction_items cascade")

        assert await kept(admin) == {}


async def test_the_demo_data_is_loaded_with_its_sums(demo: Retailer) -> None:
    async with connected(demo.admin_url) as admin:
        found = await kept(admin)

        assert found == await expected(admin)
        days = {key[2] for key in found if key[1] == "total"}
        assert max(days) - min(days) == timedelta(days=364)
        assert max(days) == date(2026, 11, 19)


async def test_a_wrong_sum_is_found_and_put_right(own_stores: TwoStores) -> None:
    async with connected(own_stores.retailer.admin_url) as admin:
        assert await wrong_days(admin, None) == {"redmond": [], "seattle": []}
        right = await kept(admin)
        today = await admin.fetchval("select max(sold_on) from retail.daily_sales where store_id = 'seattle'")
        await admin.execute(
            "update retail.daily_sales set gross_cents = 0 where store_id = 'seattle' and dimension = 'brand'"
        )

        assert await wrong_days(admin, "seattle") == {"seattle": [today]}
        assert await sum_rollups(admin, "seattle") == ["seattle"]
        assert await kept(admin) == right
        with pytest.raises(NotFoundError, match="no store tacoma"):
            await sum_rollups(admin, "tacoma")
