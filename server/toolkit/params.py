"""Parameters that several tools share, each with the description that a model reads."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from server.toolkit.audit_marks import Identifier
from server.toolkit.periods import Preset

StoreId = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=40,
        description=("Store, as get_store_context lists them; needed only when you have several."),
    ),
    Identifier(r"[a-z0-9][a-z0-9_-]{0,39}"),
]
Limit = Annotated[int, Field(ge=1, le=100, description="Most rows to return.")]
Cursor = Annotated[
    str | None,
    Field(
        max_length=1000,
        description=("next_cursor of the page before, with the same other arguments; leave out for the first."),
    ),
]
Period = Annotated[
    Preset | None,
    Field(
        description=(
            "Instead of dates, in the store's time zone. this_... and last_..._days end today; last_week, last_month "
            "and so on are whole ones, weeks from Monday."
        )
    ),
]


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else round(value, 10)


ROUNDED = AfterValidator(_rounded)
"""For a Decimal: more places than any price has, and no more than PostgreSQL's numeric takes (0e999999, 1e-999999)."""

# Beyond these no shop has sales, and date arithmetic would leave the calendar.
FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2200, 12, 31)

StartDate = Annotated[
    date | None,
    Field(
        ge=FIRST_DATE,
        le=LAST_DATE,
        description="First day, YYYY-MM-DD, in the store's time zone; 29 days before end_date by default.",
    ),
]
EndDate = Annotated[
    date | None,
    Field(
        ge=FIRST_DATE,
        le=LAST_DATE,
        description="Last day, inclusive; today by default.",
    ),
]
Category = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=100,
        description="Category as list_categories gives it; those below it are included.",
    ),
]
