"""get_products."""

from __future__ import annotations

from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={"products": "list of identifiers", "store_id": "identifier"},
    calls=lambda side, _query: [{"products": [side.sku, str(side.product_id)]}],
    widest={"products": "<50 skus>"},
    required={"products": ["SKU-1"]},
    repeats="products",
)
