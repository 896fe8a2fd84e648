"""Days that tests of all tools ask about."""

from __future__ import annotations

from typing import Any

from tests.support import DEMO_AS_OF

EMPTY_PERIOD: dict[str, Any] = {"start_date": "2026-10-30", "end_date": "2026-11-02"}
"""Four days over the end of a month, in a store without a sale."""
BEFORE: dict[str, Any] = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
"""Before everything that both neighbours have."""
YEAR: dict[str, Any] = {
    "start_date": str(DEMO_AS_OF.replace(year=DEMO_AS_OF.year - 1)),
    "end_date": str(DEMO_AS_OF),
}
"""The demo's last year."""
