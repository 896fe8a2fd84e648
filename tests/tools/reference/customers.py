"""Customers: profiles and searches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from tests.tools.reference.receipts import full_name, pseudonym
from tests.tools.reference.rows import NAME_ROLES, Receipt, Row, StoreData, grouped, moment, money, percent, total
from tests.tools.reference.sales import net_revenue


def _bought(data: StoreData, customer: Row) -> tuple[Receipt, ...]:
    """Receipts of a customer, newest first."""
    return data.receipts_by_customer[customer["customer_id"]]


def _products_on(receipt: Receipt) -> list[str]:
    """Names of the products on a receipt, those with the highest amount first."""
    lines = grouped(receipt.lines, lambda line: line.product["product_id"]).values()
    ranked = sorted(
        lines, key=lambda same: (-total(line.row["total_price"] for line in same), same[0].product["sku_place"])
    )
    return [same[0].product["product_name"] for same in ranked]


def _favourites(data: StoreData, receipts: Iterable[Receipt]) -> list[Row]:
    entries = [(receipt, line) for receipt in receipts for line in receipt.lines]
    whole = net_revenue(entries)
    groups = grouped(entries, lambda entry: data.top_category(entry[1].product))
    revenue = {category: net_revenue(lines) for category, lines in groups.items()}
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
