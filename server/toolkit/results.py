"""Pieces of results that several tools share."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Result(BaseModel):
    """Base of everything that a tool returns or reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Money = Annotated[Decimal, Field(description="Amount as a decimal string, in the currency named beside it.")]
Currency = Annotated[str, Field(description="ISO 4217 code of every amount in this result.")]
NextCursor = Annotated[str | None, Field(description="Pass as cursor to get the next page; null when there is none.")]
HasMore = Annotated[bool, Field(description="True when more rows match than were returned.")]


class PeriodUsed(Result):
    """The days a result is about, in the store's time zone."""

    start_date: date = Field(description="First day, inclusive.")
    end_date: date = Field(description="Last day, inclusive.")
    time_zone: str = Field(description="IANA time zone in which the days are counted.")
