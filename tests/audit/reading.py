"""Reading the audit log of tool calls as the superuser."""

from __future__ import annotations

import json
from typing import Any

from tests.support import Retailer
from tests.transport.shop import eventually

VISIBLE_WITHIN_SECONDS = 2.0


async def calls_of(retailer: Retailer, condition: str = "true") -> list[dict[str, Any]]:
    """Entries of tool calls in the order in which they were written, arguments decoded."""
    rows = await retailer.fetch(f"select * from audit.tool_call where {condition} order by call_number")
    return [row | {"arguments": json.loads(row["arguments"])} for row in rows]


async def entered(retailer: Retailer, count: int = 1, seconds: float = VISIBLE_WITHIN_SECONDS) -> list[dict[str, Any]]:
    """All entries, as soon as there are as many as this; fails the test if they are late, or too many."""

    async def enough_entries() -> list[dict[str, Any]] | None:
        found = await calls_of(retailer)
        return found if len(found) >= count else None

    found = await eventually(enough_entries, seconds)
    assert found is not None
    assert len(found) == count
    return found
