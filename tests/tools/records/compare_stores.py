"""compare_stores."""

from __future__ import annotations

from tests.tools.neighbours import PERIOD
from tests.tools.periods import YEAR
from tests.tools.record import ToolRecord

RECORD = ToolRecord(
    kept={
        "period": "number",
        "start_date": "number",
        "end_date": "number",
        "metrics": "list of numbers",
        "compare_to": "number",
        "compare_start_date": "number",
        "compare_end_date": "number",
        "stores": "list of identifiers",
    },
    calls=lambda _side, _query: [{**PERIOD, "compare_to": "previous_period"}],
    widest=YEAR,
    naming="stores",
    needs_no_store=True,
)
