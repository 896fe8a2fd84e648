"""Products and stock."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tests.tools.reference.rows import COST_ROLES, Row, StoreData, moment, money, percent, rounded


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
            "suggested_order_quantity": None
            if product["maximum_stock"] is None
            else max(product["maximum_stock"] - stock, 0),
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
