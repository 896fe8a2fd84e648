"""get_store_context."""

from __future__ import annotations

from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={"store_id": "identifier"},
    calls=lambda _side, _query: [{}],
    widest={},
    needs_no_store=True,
)
