"""Two stores side by side: whatever the one may not tell of the other carries a mark."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from server.config import Settings
from server.db.operator import admin_connection
from server.embeddings import build_embedder
from server.embeddings.all_stores import embed_products
from tests.sql.factories import insert_category
from tests.support import Retailer
from tests.tools.asking import Callers
from tests.tools.shop import Goods, Shop

MARK = "do-not-leak"
DAY = "2026-11-10"
PERIOD: dict[str, Any] = {"start_date": "2026-11-01", "end_date": "2026-11-19"}


@dataclass(frozen=True)
class Side:
    """Keys of one of the two stores, and the personal values of its customer."""

    store_id: str
    customer_id: UUID
    product_id: UUID
    sale_id: UUID
    sku: str
    brand: str
    sale: str
    refund: str
    first_name: str
    last_name: str
    email: str
    phone: str
    date_of_birth: date
    gender: str


@dataclass(frozen=True)
class Neighbours:
    """The retailer with the stores seattle and redmond, and its clients."""

    retailer: Retailer
    acting: Callers
    seattle: Side
    redmond: Side


async def open_neighbours(retailer: Retailer, acting: Callers) -> Neighbours:
    """Fill both stores alike; in Redmond the mark is in every text."""
    async with admin_connection(retailer.admin_url) as connection:
        tools = await insert_category(connection, "Tools")
        hammers = await insert_category(connection, "Hammers", parent_category_id=tools)
        only_redmond = await insert_category(connection, f"Category {MARK}")
        seattle = await Shop.open(retailer, connection, "seattle")
        redmond = await Shop.open(retailer, connection, "redmond", store_name=f"Redmond {MARK}")
        sides = Neighbours(
            retailer,
            acting,
            await _fill(seattle, hammers, "seattle-own", "+1 206-555-0123"),
            await _fill(redmond, hammers, MARK, "+1 425-555-0199"),
        )
        stand = await redmond.product(
            f"{MARK}-only", product_name=f"{MARK} hammer stand", category_id=only_redmond, stock=3
        )
        # Before the period that both stores are alike in.
        await redmond.receipt("2026-10-15 10:00", Goods(stand, 1))
    await embed_products(retailer.admin_url, build_embedder(Settings(_env_file=None)))
    return sides


async def _fill(shop: Shop, category_id: int, mark: str, phone: str) -> Side:
    side: dict[str, Any] = {
        "store_id": shop.store_id,
        "sku": f"{mark}-9001",
        "brand": f"{mark} forge",
        "sale": f"{mark}-sale",
        "refund": f"{mark}-refund",
        "first_name": f"{mark}-Ada".title(),
        "last_name": f"Lovelace-{mark}",
        "email": f"ada.{mark}@example.com",
        "phone": phone,
        "date_of_birth": date(1815, 12, 10),
        "gender": f"gender {mark}",
    }
    product = {
        "product_name": f"Claw hammer {mark}",
        "product_description": f"A hammer for nails, {mark}.",
        "category_id": category_id,
        "brand": side["brand"],
        "model": f"model {mark}",
        "color": f"color {mark}",
        "size": f"size {mark}",
        "supplier_name": f"supplier {mark}",
        "supplier_sku": f"supplier-{mark}",
        "tags": [f"tag {mark}"],
        "metadata": json.dumps({"secret": mark}),
        "price": "20.00",
        "cost": 12,
        "maximum_stock": 1000,
    }
    hammer = await shop.product(side["sku"], stock=4, **product)
    personal = ("first_name", "last_name", "email", "phone", "date_of_birth", "gender")
    customer = await shop.customer(**{name: side[name] for name in personal}, loyalty_tier="gold")
    # Two, so that a list of them has a second page.
    for name in ("Bea", "Cleo"):
        await shop.customer(first_name=f"{mark}-{name}", last_name=f"Baker-{mark}", loyalty_tier="platinum")
    written = {
        "customer_id": customer,
        "payment_method": "cash",
        "cashier_id": f"cashier {mark}",
        "register_id": f"register {mark}",
    }
    sale = await shop.receipt(
        f"{DAY} 12:00",
        Goods(hammer, 3, "20.00", tax="6.00", cost="12.00"),
        receipt_number=side["sale"],
        notes=f"note {mark}",
        **written,
    )
    await shop.receipt(
        f"{DAY} 15:00",
        Goods(hammer, 1, "20.00", tax="2.00", cost="12.00", original=sale.items[0]),
        receipt_number=side["refund"],
        transaction_type="return",
        original_transaction_id=sale.transaction_id,
        return_reason=f"reason {mark}",
        **written,
    )
    return Side(customer_id=customer, product_id=hammer, sale_id=sale.transaction_id, **side)
