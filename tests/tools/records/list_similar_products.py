"""list_similar_products."""

from __future__ import annotations

from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={"product": "identifier", "in_stock": "number", "limit": "number", "store_id": "identifier"},
    calls=lambda side, _query: [{"product": side.sku}],
    widest={"product": "<sku>", "limit": 100},
    absent={"product": "HG-HOSE-0001"},
    foreign=(
        {"product": "sku"},
        {"product": "product_id"},
    ),
)
