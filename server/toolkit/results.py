"""Pieces of results that several tools share."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from server.toolkit.untrusted import warn_in_descriptions


class Result(BaseModel):
    """Base of everything that a tool returns or reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=warn_in_descriptions)


class Truncated(Result):
    """Says what an answer lacks because it was too large to be sent whole."""

    field: str = Field(description="Name of the list that was cut; of several, with commas between them.")
    left_out: int = Field(description="How many of its last rows are missing here; of several, in all.")
    advice: str = Field(description="How to get them.")


class Answer(Result):
    """Base of what a tool returns as a whole."""

    truncated: Truncated | None = Field(
        default=None,
        exclude_if=lambda mark: mark is None,
        description="Only there when this answer was cut for its size: what is missing, and how to get it.",
    )


Money = Annotated[
    Decimal,
    Field(
        description="Amount as a decimal string, in the currency named beside it.",
        json_schema_extra={"pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    ),
]
Currency = Annotated[str, Field(description="ISO 4217 code of every amount in this result.")]
NextCursor = Annotated[str | None, Field(description="Pass as cursor to get the next page; null when there is none.")]
HasMore = Annotated[bool, Field(description="True when more rows match than were returned.")]


class PeriodUsed(Result):
    """The days a result is about, in the store's time zone."""

    start_date: date = Field(description="First day, inclusive.")
    end_date: date = Field(description="Last day, inclusive.")
    time_zone: str = Field(description="IANA time zone in which the days are counted.")
