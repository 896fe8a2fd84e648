"""What the inventory tools must answer, in plain Python from the raw rows of products and of the stock ledger."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any

from tests.tools.reference.products import LowStock, low_stock
from tests.tools.reference.rows import COST_ROLES, Row, StoreData, money, rounded, total

DAYS = 30


def stock(data: StoreData, product: Row) -> int:
    return sum(movement["quantity"] for movement in data.movements.get(product["product_id"], ()))


def units_sold(data: StoreData, product: Row, last: date) -> int:
    """Units sold less units returned in the 30 days that end with a day, at least none."""
    first = last - timedelta(days=DAYS - 1)
    return max(
        -sum(
            movement["quantity"]
            for movement in data.movements.get(product["product_id"], ())
            if movement["reason"] in ("sale", "return")
            and first <= movement["moved_at"].astimezone(data.zone).date() <= last
        ),
        0,
    )


def order_units(data: StoreData, product: Row, last: date) -> int | None:
    """Units up to the maximum, or up to the minimum and what sells while the order is under way; None without one."""
    if product["maximum_stock"] is None:
        return None
    under_way = ceil(Decimal(units_sold(data, product, last) * product["lead_time_days"]) / DAYS)
    return max(max(product["maximum_stock"], product["minimum_stock"] + under_way) - stock(data, product), 0)


def replenished(data: StoreData, first: date, last: date, *, role: str = "manager", **filters: Any) -> LowStock:
    """What list_low_stock answers besides the period."""
    found = low_stock(data, first, last, **filters)
    of = {str(product["product_id"]): product for product in data.products}
    return replace(found, rows=[row | _order(data, of[row["product_id"]], last, role) for row in found.rows])


def _order(data: StoreData, product: Row, last: date, role: str) -> Row:
    on_hand, quantity, sold = stock(data, product), order_units(data, product, last), units_sold(data, product, last)
    order_by = None
    if sold:
        days_left = floor(Decimal((on_hand - product["minimum_stock"]) * DAYS) / sold)
        order_by = (last + timedelta(days=max(days_left - product["lead_time_days"], 0))).isoformat()
    shown = role in COST_ROLES and product["cost"] is not None
    return {
        "order_by_date": order_by,
        "suggested_order_quantity": quantity,
        "order_cost": money(quantity * product["cost"]) if shown and quantity is not None else None,
        "stock_value": money(max(on_hand, 0) * product["cost"]) if shown else None,
    }


def idle_since(data: StoreData, product: Row) -> date | None:
    """Day of the latest sale, or of the first delivery of what never sold."""
    movements = data.movements.get(product["product_id"], ())
    sold = [movement["moved_at"] for movement in movements if movement["reason"] == "sale"]
    came = [movement["moved_at"] for movement in movements if movement["quantity"] > 0]
    since = max(sold) if sold else min(came, default=None)
    return since.astimezone(data.zone).date() if since else None


def dead(data: StoreData, today: date, days: int) -> list[Row]:
    """Products in stock that did not sell for so many days, the most valuable first."""
    found = []
    for product in data.products:
        since = idle_since(data, product)
        if stock(data, product) > 0 and since is not None and (today - since).days >= days:
            found.append(product)
    return sorted(found, key=lambda product: (-stock(data, product) * product["price"], product["sku_place"]))


def dead_rows(data: StoreData, today: date, days: int, role: str = "manager") -> list[Row]:
    rows = []
    for product in dead(data, today, days):
        movements = data.movements[product["product_id"]]
        sold = [
            movement["moved_at"].astimezone(data.zone).date() for movement in movements if movement["reason"] == "sale"
        ]
        on_hand, since = stock(data, product), idle_since(data, product)
        assert since is not None
        shown = role in COST_ROLES and product["cost"] is not None
        rows.append(
            {
                "product_id": str(product["product_id"]),
                "sku": product["sku"],
                "product_name": product["product_name"],
                "category": data.top_category(product),
                "is_active": product["is_active"],
                "current_stock": on_hand,
                "last_sold_date": max(sold).isoformat() if sold else None,
                "days_idle": (today - since).days,
                "retail_value": money(on_hand * product["price"]),
                "stock_value": money(on_hand * product["cost"]) if shown else None,
            }
        )
    return rows


def figures(data: StoreData, those: list[Row], today: date, days: int, role: str = "manager") -> Row:
    """Figures of some products, of those that are on sale or in stock."""
    those = [product for product in those if product["is_active"] or stock(data, product) > 0]
    units = {product["sku"]: max(stock(data, product), 0) for product in those}
    sold = sum(units_sold(data, product, today) for product in those)
    low = [p for p in those if p["is_active"] and stock(data, p) <= p["reorder_point"]]
    orders = {product["sku"]: order_units(data, product, today) or 0 for product in low}
    idle = {product["sku"] for product in dead(data, today, days)}

    def at_cost(quantities: dict[str, int]) -> str | None:
        amounts = [quantities.get(p["sku"], 0) * p["cost"] for p in those if p["cost"] is not None]
        return money(total(amounts)) if role in COST_ROLES else None

    return {
        "products": len(those),
        "units": sum(units.values()),
        "stock_value": at_cost(units),
        "retail_value": money(total(units[p["sku"]] * p["price"] for p in those)),
        "products_without_cost": sum(p["cost"] is None for p in those),
        "days_of_supply": rounded(Decimal(sum(units.values()) * DAYS) / sold, 1) if sold else None,
        "out_of_stock_products": sum(p["is_active"] and stock(data, p) <= 0 for p in those),
        "low_products": len(low),
        "low_products_without_maximum": sum(p["maximum_stock"] is None for p in low),
        "overstocked_products": sum(
            p["maximum_stock"] is not None and stock(data, p) > p["maximum_stock"] for p in those
        ),
        "dead_products": sum(p["sku"] in idle for p in those),
        "dead_stock_value": at_cost({sku: count for sku, count in units.items() if sku in idle}),
        "dead_retail_value": money(total(units[p["sku"]] * p["price"] for p in those if p["sku"] in idle)),
        "products_to_order": sum(count > 0 for count in orders.values()),
        "order_units": sum(orders.values()),
        "order_cost": at_cost(orders),
    }


def groups(data: StoreData, today: date, days: int, group_by: str, role: str = "manager") -> list[Row]:
    """Rows of a breakdown, all of them, the most valuable first."""
    members = defaultdict(list)
    for product in data.products:
        if product["is_active"] or stock(data, product) > 0:
            name = {"brand": product["brand"], "supplier": product["supplier_name"]}.get(group_by)
            members[data.top_category(product) if group_by == "category" else name].append(product)
    rows = [{"name": name, "figures": figures(data, those, today, days, role)} for name, those in members.items()]
    return sorted(rows, key=lambda row: -Decimal(row["figures"]["retail_value"]))
