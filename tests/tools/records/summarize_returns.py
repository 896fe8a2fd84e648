"""summarize_returns."""

from __future__ import annotations

from tests.tools.neighbours import PERIOD
from tests.tools.periods import EMPTY_PERIOD, YEAR
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "period": "number",
        "start_date": "number",
        "end_date": "number",
        "group_by": "number",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda _side, _query: [
        {**PERIOD, "group_by": group_by} for group_by in ("reason", "product", "category", "customer", "day")
    ],
    widest={**YEAR, "group_by": "product", "limit": 100},
    empty=(
        {**EMPTY_PERIOD, "group_by": "reason"},
        {**EMPTY_PERIOD, "group_by": "product"},
        {**EMPTY_PERIOD, "group_by": "customer"},
    ),
    pages_alike=True,
)
