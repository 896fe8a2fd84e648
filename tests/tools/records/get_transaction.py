"""get_transaction."""

from __future__ import annotations

from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={"transaction": "identifier", "store_id": "identifier"},
    calls=lambda side, _query: [
        {"transaction": side.sale},
        {"transaction": side.refund},
        {"transaction": str(side.sale_id)},
    ],
    widest={"transaction": "<receipt>"},
    required={"transaction": "SEATTLE-1"},
    absent={"transaction": "SEA-20261119-0042"},
    foreign=(
        {"transaction": "sale"},
        {"transaction": "refund"},
        {"transaction": "sale_id"},
    ),
)
