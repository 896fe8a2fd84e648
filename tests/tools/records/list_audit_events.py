"""list_audit_events."""

from __future__ import annotations

from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "start_date": "number",
        "end_date": "number",
        "kind": "number",
        "tool_name": "identifier",
        "who": "text",
        "outcome": "number",
        "about_id": "number",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda _side, _query: [],
    widest={"who": "filler", "limit": 100},
    role="auditor",
    foreign=({"kind": "row_change", "about_id": "customer_id"},),
    pages={"kind": "row_change"},
    about_people="who",
)
