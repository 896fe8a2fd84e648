"""list_bought_together."""

from __future__ import annotations

from tests.tools.neighbours import PERIOD
from tests.tools.periods import EMPTY_PERIOD, YEAR
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "sku": "identifier",
        "period": "number",
        "start_date": "number",
        "end_date": "number",
        "min_baskets": "number",
        "sort": "number",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda side, _query: [{**PERIOD, "min_baskets": 2}, {**PERIOD, "min_baskets": 2, "sku": side.sku}],
    widest={**YEAR, "min_baskets": 2, "limit": 100},
    empty=(EMPTY_PERIOD,),
    foreign=({**PERIOD, "min_baskets": 2, "sku": "sku"},),
    names_nothing=True,
    same_for_all=True,
    pages_alike=True,
)
