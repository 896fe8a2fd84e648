"""list_low_stock."""

from __future__ import annotations

from tests.tools.neighbours import MARK
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "category": "text",
        "brand": "text",
        "max_days_of_supply": "number",
        "include_without_sales": "number",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda side, _query: [{}, {"brand": side.brand}],
    widest={"limit": 100},
    empty=(
        {},
        {"max_days_of_supply": 7},
    ),
    foreign=({"brand": "brand"},),
    only_there=({"category": f"Category {MARK}"},),
    pages={},
)
