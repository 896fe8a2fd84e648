"""get_customer."""

from __future__ import annotations

from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={"customer_id": "number", "store_id": "identifier"},
    calls=lambda side, _query: [{"customer_id": str(side.customer_id)}],
    widest={"customer_id": "<customer>"},
    required={"customer_id": "00000000-0000-4000-8000-000000000000"},
    absent={"customer_id": "00000000-0000-4000-8000-000000000000"},
    foreign=({"customer_id": "customer_id"},),
)
