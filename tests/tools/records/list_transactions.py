"""list_transactions."""

from __future__ import annotations

from tests.tools.neighbours import PERIOD
from tests.tools.periods import EMPTY_PERIOD, YEAR
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "period": "number",
        "start_date": "number",
        "end_date": "number",
        "transaction_type": "number",
        "payment_method": "number",
        "customer_id": "number",
        "sku": "identifier",
        "minimum_total": "number",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda side, _query: [
        PERIOD,
        {**PERIOD, "customer_id": str(side.customer_id)},
        {**PERIOD, "sku": side.sku},
    ],
    widest={**YEAR, "limit": 100},
    empty=(EMPTY_PERIOD,),
    foreign=(
        {**PERIOD, "customer_id": "customer_id"},
        {**PERIOD, "sku": "sku"},
    ),
    pages=PERIOD,
)
