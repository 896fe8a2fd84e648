"""get_store_context over the demo retailer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from server.embeddings import LOCAL_MODEL
from tests.support import answer
from tests.tools.asking import Callers
from tests.tools.conftest import DEMO_STORES
from tests.tools.reference.rows import StoreData


@pytest.mark.parametrize("store_id", DEMO_STORES)
async def test_the_store_is_described_as_it_is(
    demo_as: Callers, demo_data: dict[str, StoreData], store_id: str
) -> None:
    data = demo_data[store_id]
    days = [receipt.day for receipt in data.receipts]
    active = [product["product_id"] for product in data.products if product["is_active"]]

    found = await answer(await demo_as(store_id), "get_store_context")

    today = found["current_store"].pop("today")
    assert found["current_store"] == {
        **{name: data.store[name] for name in ("store_id", "store_name", "store_location", "store_type", "region")},
        "currency": "USD",
        "time_zone": "America/Los_Angeles",
        "first_sale_date": min(days).isoformat(),
        "last_sale_date": max(days).isoformat(),
        "customers": len(data.customers),
        "active_products": len(active),
        "products_not_searchable_by_meaning": len(set(active) - set(data.vectors)),
        "products_searchable_by_older_texts": 0,
        "embedding_model": LOCAL_MODEL,
    }
    assert found["your_stores"] == [{"store_id": store_id, "store_name": data.store["store_name"], "role": "manager"}]
    # A midnight may fall between the answer and this line.
    now = datetime.now(UTC).astimezone(data.zone).date()
    assert now - date.fromisoformat(today) in (timedelta(0), timedelta(days=1))
