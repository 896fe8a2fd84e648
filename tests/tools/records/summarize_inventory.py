"""summarize_inventory."""

from __future__ import annotations

from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={"group_by": "number", "dead_after_days": "number", "limit": "number", "store_id": "identifier"},
    calls=lambda _side, _query: [{"group_by": group_by} for group_by in ("category", "brand", "supplier")],
    widest={"group_by": "brand", "limit": 50},
)
