"""search_customers."""

from __future__ import annotations

from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "name": "text",
        "email": "text",
        "phone": "text",
        "loyalty_tier": "number",
        "segment": "number",
        "limit": "number",
        "cursor": "text",
        "store_id": "identifier",
    },
    calls=lambda side, _query: [
        {"name": side.first_name},
        {"name": f"{side.last_name}, {side.first_name}"},
        {"email": side.email},
        {"phone": side.phone},
        {"loyalty_tier": "gold"},
        {"segment": "new"},
    ],
    widest={"loyalty_tier": "gold", "limit": 100},
    empty=(
        {"name": "ann"},
        {"email": "ann@example.com"},
        {"phone": "206 555 0123"},
        {"loyalty_tier": "gold"},
        {"segment": "champions"},
        {"segment": "at_risk"},
        {"segment": "lost"},
    ),
    foreign=(
        {"name": "last_name"},
        {"email": "email"},
        {"phone": "phone"},
    ),
    pages={"loyalty_tier": "platinum"},
)
