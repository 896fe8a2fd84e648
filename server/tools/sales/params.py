"""Parameters that the sales tools share."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from server.toolkit.params import FIRST_DATE, LAST_DATE
from server.tools.sales.dimensions import Dimension
from server.tools.sales.metrics import Metric
from server.tools.sales.time_buckets import Comparison


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


# One of them may come alone, as people write it.
ALONE = BeforeValidator(_as_list)

GroupBy = Annotated[
    # The bound stands with the list: beside None it would come out as one of a text's length.
    Annotated[list[Dimension], Field(max_length=2)] | None,
    ALONE,
    Field(description="Break the period down by one or two of these; leave out for totals only."),
]
Metrics = Annotated[
    Annotated[list[Metric], Field(max_length=len(Metric))] | None,
    ALONE,
    Field(
        description=(
            "What to tell; groups are ranked by the first one. Default: net_revenue, units_sold, transactions, "
            "average_basket. cost, margin and margin_rate are for managers and analysts."
        ),
    ),
]
CompareTo = Annotated[
    Comparison | None,
    Field(
        description=(
            "Also compare with the period just before (of a named month, quarter or year, the one before it) or with "
            "the same dates one year earlier."
        )
    ),
]
CompareStartDate = Annotated[
    date | None,
    Field(ge=FIRST_DATE, le=LAST_DATE, description="Compare with other days instead: their first, YYYY-MM-DD."),
]
CompareEndDate = Annotated[
    date | None, Field(ge=FIRST_DATE, le=LAST_DATE, description="Last of the days to compare with, inclusive.")
]
