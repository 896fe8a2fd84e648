"""search_products."""

from __future__ import annotations

from tests.tools.neighbours import MARK
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "query": "text",
        "mode": "number",
        "category": "text",
        "brand": "text",
        "min_price": "number",
        "max_price": "number",
        "in_stock": "number",
        "min_rating": "number",
        "tags": "list of texts",
        "attributes": "text",
        "sort": "number",
        "facets": "number",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda side, query: [
        {},
        {"brand": side.brand},
        *({"query": query, "mode": mode} for mode in ("hybrid", "semantic", "keyword", "rrf")),
        {"query": "hamer", "facets": True},
    ],
    widest={"limit": 100},
    empty=(
        {},
        {"query": "hammer", "mode": "hybrid"},
        {"query": "hammer", "mode": "semantic"},
        {"query": "hammer", "mode": "keyword"},
        {"query": "hammer", "mode": "rrf"},
    ),
    foreign=(
        {"query": "sku", "mode": "keyword"},
        {"brand": "brand"},
    ),
    only_there=(
        {"category": f"Category {MARK}"},
        {"tags": [f"tag {MARK}"]},
        {"attributes": {"secret": MARK}},
    ),
    pages={},
    unchanged={"query": "hammer", "facets": True},
    same_for_all=True,
)
