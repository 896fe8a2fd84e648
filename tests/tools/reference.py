"""What the tools must answer, worked out in plain Python from the raw rows of one store.

No figure here comes from SQL: sums are Decimals, days come from zoneinfo, groups are dicts. Only the
order of texts is the database's, because its collation decides it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
ADDITIVE = (
    "net_revenue",
    "gross_revenue",
    "returns_value",
    "discounts",
    "tax",
    "units_sold",
    "units_returned",
)


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
        return _grouped(newest_first, lambda receipt: receipt.row["customer_id"])

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
    lines = _grouped(items, lambda item: item["transaction_id"])
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
        movements=dict(_grouped(movements, lambda movement: movement["product_id"])),
        vectors={row["product_id"]: tuple(json.loads(row["embedding"])) for row in embeddings},
    )


def _grouped(rows: Iterable[Any], key: Callable[[Any], Any]) -> defaultdict[Any, tuple[Any, ...]]:
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


# Sales


@dataclass(frozen=True)
class Figures:
    """The figures of some lines, unrounded."""

    entries: tuple[Entry, ...]

    def _net(self, column: str) -> Any:
        """Sum of a column, what came back taken off."""
        return sum((line.sign * line.row[column] for _, line in self.entries), Decimal(0))

    def _one_way(self, column: str, sign: int) -> Any:
        """Sum of a column over the goods that went this way."""
        return sum((line.row[column] for _, line in self.entries if line.sign == sign), Decimal(0))

    @cached_property
    def net_revenue(self) -> Decimal:
        return Decimal(self._net("total_price"))

    @property
    def units_sold(self) -> int:
        return int(self._one_way("quantity", 1))

    @property
    def transactions(self) -> int:
        return len({receipt.row["transaction_id"] for receipt, _ in self.entries if receipt.is_sale})

    @property
    def returns(self) -> int:
        return len({receipt.row["transaction_id"] for receipt, _ in self.entries if not receipt.is_sale})

    @property
    def average_basket(self) -> Decimal | None:
        if not self.transactions:
            return None
        revenue = total(line.row["total_price"] for receipt, line in self.entries if receipt.is_sale)
        return (revenue / self.transactions).quantize(CENT, ROUND_HALF_UP)

    def json(self) -> Row:
        """These figures as a tool gives them."""
        return {
            "net_revenue": money(self.net_revenue),
            "gross_revenue": money(self._one_way("total_price", 1)),
            "returns_value": money(self._one_way("total_price", -1)),
            "discounts": money(self._one_way("discount_amount", 1)),
            "tax": money(self._net("tax_amount")),
            "units_sold": self.units_sold,
            "units_returned": int(self._one_way("quantity", -1)),
            "transactions": self.transactions,
            "returns": self.returns,
            "average_basket": money(self.average_basket),
        }


def comparison_period(first: date, last: date, compare_to: str) -> tuple[date, date]:
    """First and last day of the period to compare with."""
    if compare_to == "last_year":
        return year_before(first), year_before(last)
    days = (last - first).days + 1
    return first - timedelta(days=days), first - timedelta(days=1)


def year_before(day: date) -> date:
    """The same date a year earlier; 28 February stands for a leap day."""
    return _in_year(day, day.year - 1)


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)


def _counterpart(day: date, first: date, last: date, compare_to: str) -> date:
    """The day of the period that a day of the comparison period is compared with."""
    if compare_to == "last_year":
        return _in_year(day, day.year + 1)
    return day + timedelta(days=(last - first).days + 1)


def bucket_start(day: date, first: date, dimension: str) -> date:
    """First day of the time bucket that a day of the period is in."""
    start = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[dimension]
    return max(start, first)


def _buckets(first: date, last: date, dimension: str) -> list[str]:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return sorted({bucket_start(day, first, dimension).isoformat() for day in days})


def summary(
    data: StoreData, first: date, last: date, group_by: str | None = None, compare_to: str | None = None
) -> Row:
    """What summarize_sales answers when all groups fit on one page."""
    now = Figures(tuple(data.entries(first, last)))
    expected: Row = {
        "store_id": data.store["store_id"],
        "currency": data.store["currency"],
        "period": _period(data, first, last),
        "totals": now.json(),
        "comparison_period": None,
        "comparison_totals": None,
        "change": None,
        "group_by": group_by,
        "rows": [],
        "has_more": False,
        "next_cursor": None,
    }
    before = None
    if compare_to:
        start, end = comparison_period(first, last, compare_to)
        before = Figures(tuple(data.entries(start, end)))
        expected |= {
            "comparison_period": _period(data, start, end),
            "comparison_totals": before.json(),
            "change": _change(now, before),
        }
    if group_by:
        expected["rows"] = _summary_rows(data, first, last, group_by, compare_to, now, before)
    return expected


def _period(data: StoreData, first: date, last: date) -> Row:
    return {"start_date": first.isoformat(), "end_date": last.isoformat(), "time_zone": data.zone.key}


def _change(now: Figures, before: Figures) -> Row:
    net_revenue = now.net_revenue - before.net_revenue
    basket = None
    if now.average_basket is not None and before.average_basket is not None:
        basket = now.average_basket - before.average_basket
    return {
        "net_revenue": money(net_revenue),
        "net_revenue_percent": percent(net_revenue, abs(before.net_revenue)),
        "transactions": now.transactions - before.transactions,
        "transactions_percent": percent(now.transactions - before.transactions, before.transactions),
        "units_sold": now.units_sold - before.units_sold,
        "units_sold_percent": percent(now.units_sold - before.units_sold, before.units_sold),
        "average_basket": money(basket),
        "average_basket_percent": None if basket is None else percent(basket, before.average_basket),
    }


def _summary_rows(
    data: StoreData,
    first: date,
    last: date,
    group_by: str,
    compare_to: str | None,
    now: Figures,
    before: Figures | None,
) -> list[Row]:
    is_time = group_by in ("day", "week", "month")

    def key(entry: Entry, day: date) -> str:
        receipt, line = entry
        if is_time:
            return bucket_start(day, first, group_by).isoformat()
        found = {
            "category": data.top_category(line.product),
            "subcategory": data.subcategory(line.product) or data.top_category(line.product),
            "brand": line.product["brand"],
            "product": line.product["sku"],
            "payment_method": receipt.row["payment_method"],
        }[group_by]
        return str(found or NONE)

    groups = _grouped(now.entries, lambda entry: key(entry, entry[0].day))
    others = _grouped(
        before.entries if before else (),
        lambda entry: key(entry, _counterpart(entry[0].day, first, last, str(compare_to))),
    )
    names = _buckets(first, last, group_by) if is_time else sorted({*groups, *others})
    label = {product["sku"]: product["product_name"] for product in data.products} if group_by == "product" else {}
    rows = []
    for name in names:
        figures, other = Figures(groups[name]), Figures(others[name])
        change = figures.net_revenue - other.net_revenue
        rows.append(
            {
                "key": name,
                "label": label.get(name, name),
                "figures": figures.json(),
                "share_of_net_revenue_percent": percent(figures.net_revenue, now.net_revenue),
                "comparison_net_revenue": money(other.net_revenue) if compare_to else None,
                "net_revenue_change": money(change) if compare_to else None,
                "net_revenue_change_percent": percent(change, abs(other.net_revenue)) if compare_to else None,
            }
        )
    return rows if is_time else sorted(rows, key=group_rank)


def group_rank(row: Row) -> tuple[Decimal, Decimal]:
    """What groups other than time buckets are ordered by; equal ones may come in any order."""
    return -Decimal(row["figures"]["net_revenue"]), -Decimal(row["comparison_net_revenue"] or 0)


def top_products(
    data: StoreData,
    first: date,
    last: date,
    rank_by: str = "revenue",
    order: str = "best",
    category: str | None = None,
) -> list[Row]:
    """Rows of list_top_products, all of them."""
    entries = data.entries(first, last)
    sold = _grouped(entries, lambda entry: entry[1].product["product_id"])
    whole = Figures(tuple(entries)).net_revenue
    ranked = []
    for product in data.products:
        lines = sold[product["product_id"]]
        if not data.is_in(product, category) or not (lines if order == "best" else product["is_active"]):
            continue
        figures = Figures(lines)
        units = sum(line.sign * line.row["quantity"] for _, line in lines)
        costs = [
            None if line.row["unit_cost"] is None else line.sign * line.row["quantity"] * line.row["unit_cost"]
            for _, line in lines
        ]
        margin = None if None in costs else figures.net_revenue - total(costs)
        value = {"revenue": figures.net_revenue, "units": Decimal(units), "margin": margin or Decimal(0)}[rank_by]
        row = {
            "product_id": str(product["product_id"]),
            "sku": product["sku"],
            "product_name": product["product_name"],
            "brand": product["brand"],
            "category": data.top_category(product),
            "net_revenue": money(figures.net_revenue),
            "units": units,
            "margin": money(margin),
            "margin_percent": None if margin is None else percent(margin, figures.net_revenue),
            "transactions": figures.transactions,
            "share_of_net_revenue_percent": percent(figures.net_revenue, whole),
            "current_stock": product["current_stock"],
            "is_active": product["is_active"],
        }
        ranked.append((-value if order == "best" else value, product["sku_place"], row))
    ranked.sort(key=lambda place: place[:2])
    return [{"rank": rank, **row} for rank, (_, _, row) in enumerate(ranked, 1)]


def pseudonym(customer: Row) -> str:
    return f"Customer {str(customer['customer_id'])[-8:].upper()}"


def shown_name(customer: Row | None, role: str) -> str | None:
    """A customer on a receipt, as a role sees it."""
    if customer is None:
        return None
    return full_name(customer) if role in NAME_ROLES else pseudonym(customer)


def full_name(customer: Row) -> str:
    return f"{customer['first_name']} {customer['last_name']}"


def receipt_row(receipt: Receipt, role: str = "manager") -> Row:
    """A receipt as list_transactions shows it."""
    row = receipt.row
    return {
        "transaction_id": str(row["transaction_id"]),
        "receipt_number": row["receipt_number"],
        "transaction_date": moment(row["transaction_date"]),
        "transaction_type": row["transaction_type"],
        "payment_method": row["payment_method"],
        "customer_id": str(row["customer_id"]) if row["customer_id"] else None,
        "customer": shown_name(receipt.customer, role),
        "units": receipt.units,
        "subtotal": money(row["subtotal"]),
        "tax_amount": money(row["tax_amount"]),
        "discount_amount": money(row["discount_amount"]),
        "total_amount": money(row["total_amount"]),
    }


def transactions(
    data: StoreData,
    first: date,
    last: date,
    *,
    transaction_type: str | None = None,
    payment_method: str | None = None,
    customer_id: str | None = None,
    sku: str | None = None,
    minimum_total: str | None = None,
) -> list[Row]:
    """Rows of list_transactions, all of them."""

    def wanted(receipt: Receipt) -> bool:
        row = receipt.row
        return (
            first <= receipt.day <= last
            and transaction_type in (None, row["transaction_type"])
            and payment_method in (None, row["payment_method"])
            and customer_id in (None, str(row["customer_id"]))
            and (sku is None or any(line.product["sku"] == sku for line in receipt.lines))
            and (minimum_total is None or abs(row["total_amount"]) >= Decimal(minimum_total))
        )

    found = [receipt for receipt in data.receipts if wanted(receipt)]
    found.sort(key=lambda receipt: (receipt.row["transaction_date"], receipt.row["transaction_id"]), reverse=True)
    return [receipt_row(receipt) for receipt in found]


def transaction(data: StoreData, receipt: Receipt) -> Row:
    """What get_transaction answers to a manager."""
    row = receipt.row
    by_id = {other.row["transaction_id"]: other for other in data.receipts}
    original = by_id.get(row["original_transaction_id"])
    later = [other.row for other in data.receipts if other.row["original_transaction_id"] == row["transaction_id"]]
    later.sort(key=lambda other: (other["transaction_date"], other["receipt_number"]))
    lines = sorted(receipt.lines, key=lambda line: (-line.sign, line.product["sku_place"], line.row["item_id"]))
    return {
        **receipt_row(receipt),
        "store_id": data.store["store_id"],
        "currency": data.store["currency"],
        "cashier_id": row["cashier_id"],
        "register_id": row["register_id"],
        "return_reason": row["return_reason"],
        "original_receipt_number": original.row["receipt_number"] if original else None,
        "later_receipt_numbers": [other["receipt_number"] for other in later],
        "notes": row["notes"],
        "lines": [
            {
                "sku": line.product["sku"],
                "product_id": str(line.product["product_id"]),
                "product_name": line.product["product_name"],
                "returned": line.sign == -1,
                "quantity": line.row["quantity"],
                "unit_price": money(line.row["unit_price"]),
                "discount_amount": money(line.row["discount_amount"]),
                "total_price": money(line.row["total_price"]),
                "tax_amount": money(line.row["tax_amount"]),
            }
            for line in lines
        ],
    }


# Customers


def _bought(data: StoreData, customer: Row) -> tuple[Receipt, ...]:
    """Receipts of a customer, newest first."""
    return data.receipts_by_customer[customer["customer_id"]]


def _products_on(receipt: Receipt) -> list[str]:
    """Names of the products on a receipt, those with the highest amount first."""
    lines = _grouped(receipt.lines, lambda line: line.product["product_id"]).values()
    ranked = sorted(
        lines, key=lambda same: (-total(line.row["total_price"] for line in same), same[0].product["sku_place"])
    )
    return [same[0].product["product_name"] for same in ranked]


def _favourites(data: StoreData, receipts: Iterable[Receipt]) -> list[Row]:
    entries = [(receipt, line) for receipt in receipts for line in receipt.lines]
    whole = Figures(tuple(entries)).net_revenue
    groups = _grouped(entries, lambda entry: data.top_category(entry[1].product))
    revenue = {category: Figures(lines).net_revenue for category, lines in groups.items()}
    places = {row["category_name"]: row["name_place"] for row in data.categories.values()}
    best = sorted(
        (category for category in groups if revenue[category] > 0),
        key=lambda category: (-revenue[category], places.get(category, 0)),
    )
    return [
        {
            "category": category,
            "net_revenue": money(revenue[category]),
            "units": sum(line.sign * line.row["quantity"] for _, line in groups[category]),
            "share_percent": percent(revenue[category], whole),
        }
        for category in best[:3]
    ]


def customer_profile(data: StoreData, customer: Row, today: date) -> Row:
    """What get_customer answers to a manager."""
    receipts = _bought(data, customer)
    sales = [receipt for receipt in receipts if receipt.is_sale]
    basket = total(receipt.row["subtotal"] for receipt in sales) / len(sales) if sales else None
    born = customer["date_of_birth"]
    return {
        "store_id": data.store["store_id"],
        "currency": data.store["currency"],
        "customer_id": str(customer["customer_id"]),
        "pseudonym": pseudonym(customer),
        "name": full_name(customer),
        "email": customer["email"],
        "phone": customer["phone"],
        "date_of_birth": born.isoformat() if born else None,
        "gender": customer["gender"],
        "erased_date": None,
        "customer_since": customer["customer_since"].isoformat(),
        "loyalty_tier": customer["loyalty_tier"],
        "lifetime_value": money(total(receipt.row["total_amount"] for receipt in receipts)),
        "orders": len(sales),
        "returns": len(receipts) - len(sales),
        "average_basket": money(basket),
        "first_purchase_date": sales[-1].day.isoformat() if sales else None,
        "last_purchase_date": sales[0].day.isoformat() if sales else None,
        "days_since_last_purchase": (today - sales[0].day).days if sales else None,
        "recent_purchases": [
            {
                "receipt_number": receipt.row["receipt_number"],
                "transaction_date": moment(receipt.row["transaction_date"]),
                "transaction_type": receipt.row["transaction_type"],
                "total_amount": money(receipt.row["total_amount"]),
                "products": _products_on(receipt)[:5],
                "product_count": len(_products_on(receipt)),
            }
            for receipt in receipts[:5]
        ],
        "favourite_categories": _favourites(data, receipts),
    }


def customers(
    data: StoreData,
    *,
    role: str = "manager",
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    loyalty_tier: str | None = None,
) -> list[Row]:
    """Rows of search_customers, all of them."""
    digits = None if phone is None else "".join(character for character in phone if character.isdigit())[-10:]

    def wanted(customer: Row) -> bool:
        first, last = customer["first_name"].lower(), customer["last_name"].lower()
        return (
            (name is None or name.lower() in f"{first} {last}" or name.lower() in f"{last} {first}")
            and email in (None, customer["email"])
            and (digits is None or (customer["phone_key"] or "").endswith(digits))
            and loyalty_tier in (None, customer["loyalty_tier"])
        )

    def rank(customer: Row) -> int:
        if name is None:
            return 0
        first, last = customer["first_name"].lower(), customer["last_name"].lower()
        orders = (f"{first} {last}", f"{last} {first}")
        if name.lower() in (first, last, *orders):
            return 0
        return 1 if any(order.startswith(name.lower()) for order in orders) else 2

    found = [customer for customer in data.customers if wanted(customer)]
    value = {
        customer["customer_id"]: total(receipt.row["total_amount"] for receipt in _bought(data, customer))
        for customer in found
    }
    found.sort(
        key=lambda customer: (
            0 if email or len(digits or "") == 10 else rank(customer),
            -value[customer["customer_id"]],
            customer["customer_id"],
        )
    )
    return [_customer_hit(data, customer, role, value[customer["customer_id"]]) for customer in found]


def _customer_hit(data: StoreData, customer: Row, role: str, value: Decimal) -> Row:
    sales = [receipt for receipt in _bought(data, customer) if receipt.is_sale]
    return {
        "customer_id": str(customer["customer_id"]),
        "pseudonym": pseudonym(customer),
        "name": full_name(customer) if role in NAME_ROLES else None,
        "email": shown_email(customer["email"], role),
        "phone": customer["phone"] if role in NAME_ROLES else None,
        "loyalty_tier": customer["loyalty_tier"],
        "customer_since": customer["customer_since"].isoformat(),
        "lifetime_value": money(value),
        "last_purchase_date": sales[0].day.isoformat() if sales else None,
    }


def shown_email(email: str, role: str) -> str | None:
    """An e-mail address as a role sees it."""
    masked = f"{email[0]}***@{email.partition('@')[2]}"
    return {"manager": email, "support": masked}.get(role)


# Products and stock


def products(
    data: StoreData,
    *,
    category: str | None = None,
    brand: str | None = None,
    min_price: str | None = None,
    max_price: str | None = None,
    in_stock: bool = False,
    min_rating: str | None = None,
    tags: Sequence[str] | None = None,
    sort: str | None = None,
) -> list[Row]:
    """Products that search_products finds without a query, all of them, in its order."""

    def wanted(product: Row) -> bool:
        return (
            product["is_active"]
            and data.is_in(product, category)
            and (brand is None or (product["brand"] or "").lower() == brand.lower())
            and (min_price is None or product["price"] >= Decimal(min_price))
            and (max_price is None or product["price"] <= Decimal(max_price))
            and (not in_stock or product["current_stock"] > 0)
            and (min_rating is None or product["rating_average"] >= Decimal(min_rating))
            and {tag.lower() for tag in tags or ()} <= {tag.lower() for tag in product["tags"]}
        )

    def place(product: Row) -> tuple[Any, ...]:
        number = {
            "price_low_to_high": product["price"],
            "price_high_to_low": -product["price"],
            "rating": -product["rating_average"],
        }.get(str(sort), 0)
        return number, product["name_place"]

    return sorted((product for product in data.products if wanted(product)), key=place)


def shortened(text: str | None, longest: int) -> str | None:
    """A text as the tools cut it."""
    return text if text is None or len(text) <= longest else text[: longest - 1] + "…"


def product_hit(data: StoreData, product: Row) -> Row:
    """A product as search_products shows it without a query."""
    return {
        "product_id": str(product["product_id"]),
        "sku": product["sku"],
        "product_name": product["product_name"],
        "brand": product["brand"],
        "category": data.top_category(product),
        "subcategory": data.subcategory(product),
        "price": money(product["price"]),
        "current_stock": _stock(data, product),
        "in_stock": _stock(data, product) > 0,
        "rating": float(product["rating_average"]) if product["rating_count"] else None,
        "rating_count": product["rating_count"],
        "short_description": shortened(product["product_description"], 300),
        "score": None,
        "similarity": None,
        "word_score": None,
        "matched_words": [],
        "exact_match": False,
    }


def product_details(data: StoreData, product: Row, role: str = "manager") -> Row:
    """A product as get_products shows it."""
    cost = product["cost"] if role in COST_ROLES else None
    price = product["price"]
    hit = product_hit(data, product)
    same = ("product_id", "sku", "product_name", "brand", "category", "subcategory", "price", "in_stock", "rating")
    plain = ("model", "color", "size", "dimensions_cm", "tags", "rating_count", "minimum_stock", "reorder_point")
    plain += ("maximum_stock", "lead_time_days", "supplier_name", "supplier_sku", "is_active", "is_featured")
    return {
        **{name: hit[name] for name in same},
        **{name: product[name] for name in plain},
        "product_description": shortened(product["product_description"], 2000),
        "weight_kg": None if product["weight_kg"] is None else float(product["weight_kg"]),
        "attributes": json.loads(product["metadata"]),
        "cost": money(cost),
        "margin_percent": None if cost is None else percent(price - cost, price),
        "current_stock": _stock(data, product),
        "updated_at": moment(product["updated_at"]),
    }


def _stock(data: StoreData, product: Row) -> int:
    return sum(movement["quantity"] for movement in data.movements.get(product["product_id"], ()))


def category_tree(data: StoreData) -> list[Row]:
    """Rows of list_categories."""
    below = defaultdict(list)
    for product in data.products:
        if product["is_active"]:
            for category in data.lineage(product):
                below[category["category_id"]].append(product)
    rows = []
    for category_id, found in below.items():
        path = data.lineage({"category_id": category_id})
        category = path[0]
        row = {
            "category": category["category_name"],
            "parent_category": path[1]["category_name"] if len(path) > 1 else None,
            "level": len(path),
            "description": category["description"],
            "active_products": len(found),
            "in_stock_products": sum(_stock(data, product) > 0 for product in found),
            "lowest_price": money(min(product["price"] for product in found)),
            "highest_price": money(max(product["price"] for product in found)),
        }
        rows.append(([above["name_place"] for above in reversed(path)], row))
    return [row for _, row in sorted(rows, key=lambda place: place[0])]


@dataclass(frozen=True)
class LowStock:
    """What list_low_stock answers besides the period."""

    rows: list[Row]
    low_products: int
    out_of_stock_products: int


def low_stock(
    data: StoreData,
    first: date,
    last: date,
    *,
    category: str | None = None,
    brand: str | None = None,
    max_days_of_supply: int | None = None,
    include_without_sales: bool = True,
) -> LowStock:
    """Products that run out, all of them, most urgent first."""
    days = (last - first).days + 1
    on_sale = products(data, category=category, brand=brand)
    ranked = []
    for product in on_sale:
        movements = data.movements.get(product["product_id"], ())
        day = {movement["movement_id"]: movement["moved_at"].astimezone(data.zone).date() for movement in movements}
        sold = -sum(
            movement["quantity"]
            for movement in movements
            if movement["reason"] in ("sale", "return") and first <= day[movement["movement_id"]] <= last
        )
        sale_days = [day[movement["movement_id"]] for movement in movements if movement["reason"] == "sale"]
        stock = _stock(data, product)
        sells = sold > 0
        supply = Decimal(max(stock, 0) * days) / sold if sells else None
        if max_days_of_supply is None:
            is_low = stock <= product["reorder_point"]
        else:
            is_low = supply is not None and supply <= max_days_of_supply
        if not is_low or not (sells or include_without_sales):
            continue
        row = {
            "product_id": str(product["product_id"]),
            "sku": product["sku"],
            "product_name": product["product_name"],
            "brand": product["brand"],
            "category": data.top_category(product),
            "current_stock": stock,
            "reorder_point": product["reorder_point"],
            "minimum_stock": product["minimum_stock"],
            "maximum_stock": product["maximum_stock"],
            "units_sold": sold,
            "daily_velocity": rounded(Decimal(max(sold, 0)) / days, 2),
            "days_of_supply": None if supply is None else rounded(supply, 1),
            "lead_time_days": product["lead_time_days"],
            "will_run_out_before_delivery": sells
            and (stock <= 0 or (supply is not None and supply < product["lead_time_days"])),
            "suggested_order_quantity": max(product["maximum_stock"] - stock, 0),
            "supplier_name": product["supplier_name"],
            "last_sold_date": max(sale_days).isoformat() if sale_days else None,
        }
        # What lasts the shortest first, sold out being no day at all and the faster the sooner; then the rest.
        urgency = (supply is None, supply or 0, -max(sold, 0))
        ranked.append((*urgency, stock, product["sku_place"], row))
    ranked.sort(key=lambda place: place[:-1])
    stocks = [(_stock(data, product), product["reorder_point"]) for product in on_sale]
    return LowStock(
        rows=[place[-1] for place in ranked],
        low_products=sum(stock <= reorder_point for stock, reorder_point in stocks),
        out_of_stock_products=sum(stock <= 0 for stock, _ in stocks),
    )


def similarity(one: Sequence[float], other: Sequence[float]) -> float:
    """Cosine of the angle between two vectors."""
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (sum(a * a for a in one) * sum(b * b for b in other)) ** 0.5
