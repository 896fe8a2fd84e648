"""Parameters that several tools share, each with the description that a model reads."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from server.audit.arguments import Identifier
from server.toolkit.periods import Preset

StoreId = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=40,
        description=(
            "Store to ask about, as listed by get_store_context. Leave out for your own store; needed only when "
            "you have several."
        ),
    ),
    Identifier(r"[a-z0-9][a-z0-9_-]{0,39}"),
]
Limit = Annotated[int, Field(ge=1, le=100, description="Largest number of rows to return, 1 to 100.")]
Cursor = Annotated[
    str | None,
    Field(
        max_length=1000,
        description=(
            "next_cursor of the previous page, unchanged, with the same other arguments. Leave out for the first page."
        ),
    ),
]
Period = Annotated[
    Preset | None,
    Field(
        description=(
            "Period by name in the store's time zone, instead of start_date and end_date. this_... and last_..._days "
            "end today; last_week, last_month, last_quarter and last_year are whole calendar ones, weeks from Monday."
        )
    ),
]
# Beyond these no shop has sales, and date arithmetic would leave the calendar.
FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2200, 12, 31)

StartDate = Annotated[
    date | None,
    Field(
        ge=FIRST_DATE,
        le=LAST_DATE,
        description="First day of the period, YYYY-MM-DD, in the store's time zone. Default: 29 days before end_date.",
    ),
]
EndDate = Annotated[
    date | None,
    Field(
        ge=FIRST_DATE,
        le=LAST_DATE,
        description="Last day of the period, inclusive, YYYY-MM-DD. Default: today in the store's time zone.",
    ),
]
Category = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=100,
        description="Category name as list_categories gives it; a top-level category includes its subcategories.",
    ),
]
