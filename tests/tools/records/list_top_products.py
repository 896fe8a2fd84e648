"""list_top_products."""

from __future__ import annotations

from tests.tools.neighbours import MARK, PERIOD
from tests.tools.periods import EMPTY_PERIOD, YEAR
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "period": "number",
        "start_date": "number",
        "end_date": "number",
        "rank_by": "number",
        "order": "number",
        "category": "text",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda _side, _query: [PERIOD, {**PERIOD, "order": "slowest", "rank_by": "margin"}],
    widest={**YEAR, "limit": 100},
    empty=(
        EMPTY_PERIOD,
        {**EMPTY_PERIOD, "order": "slowest", "rank_by": "margin"},
    ),
    only_there=({**PERIOD, "category": f"Category {MARK}", "order": "slowest"},),
    pages={**PERIOD, "order": "slowest"},
    unchanged=PERIOD,
)
