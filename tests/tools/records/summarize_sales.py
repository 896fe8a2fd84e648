"""summarize_sales."""

from __future__ import annotations

from tests.tools.neighbours import MARK, PERIOD
from tests.tools.periods import BEFORE, EMPTY_PERIOD, YEAR
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "period": "number",
        "start_date": "number",
        "end_date": "number",
        "group_by": "list of numbers",
        "metrics": "list of numbers",
        "compare_to": "number",
        "compare_start_date": "number",
        "compare_end_date": "number",
        "category": "text",
        "brand": "text",
        "payment_method": "number",
        "transaction_type": "number",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda side, _query: [
        PERIOD,
        *(
            {**PERIOD, "group_by": group_by, "compare_to": "previous_period"}
            for group_by in ("day", "category", "subcategory", "brand", "product", "payment_method")
        ),
        {**PERIOD, "group_by": ["new_or_returning", "product"], "brand": side.brand},
    ],
    widest={**YEAR, "group_by": "product", "compare_to": "previous_period", "limit": 400},
    empty=(
        {**EMPTY_PERIOD, "group_by": "category"},
        {**EMPTY_PERIOD, "group_by": "subcategory"},
        {**EMPTY_PERIOD, "group_by": "brand"},
        {**EMPTY_PERIOD, "group_by": "product"},
        {**EMPTY_PERIOD, "group_by": "payment_method"},
    ),
    only_there=(
        {**BEFORE, "category": f"Category {MARK}", "group_by": "product"},
        {**PERIOD, "brand": f"{MARK} forge", "group_by": "product"},
    ),
    pages={**PERIOD, "group_by": "day"},
    unchanged={**PERIOD, "group_by": "product"},
    same_for_all=True,
)
