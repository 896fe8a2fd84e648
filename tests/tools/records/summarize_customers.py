"""summarize_customers."""

from __future__ import annotations

from tests.tools.neighbours import PERIOD
from tests.tools.periods import YEAR
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "view": "number",
        "period": "number",
        "start_date": "number",
        "end_date": "number",
        "lapse_days": "number",
        "store_id": "identifier",
    },
    calls=lambda _side, _query: [PERIOD, *({"view": view} for view in ("segments", "cohorts", "value"))],
    widest={**YEAR, "view": "cohorts"},
    names_nothing=True,
    same_for_all=True,
)
