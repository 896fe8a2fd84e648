"""Results of summarize_returns."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from server.toolkit.results import Answer, Currency, HasMore, Money, NextCursor, PeriodUsed, Result
from server.toolkit.untrusted import NameText
from server.tools.sales.models import Percent


class ReturnDimension(StrEnum):
    """What returns can be broken down by."""

    REASON = "reason"
    PRODUCT = "product"
    CATEGORY = "category"
    CUSTOMER = "customer"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class ReturnFigures(Result):
    """Returns of a whole period. Goods given back in an exchange are returns, too."""

    units_returned: int = Field(description="Units that came back in the period, whenever they had been sold.")
    units_sold: int = Field(description="Units sold in the period, before returns.")
    return_rate_percent: Percent = Field(
        description="units_returned as a share of units_sold, both of the same period, in percent; null without a sale."
    )
    returns_value: Money = Field(description="Goods returned, a positive amount: after discounts, before tax.")
    receipts: int = Field(description="Receipts on which something came back.")
    is_few: bool = Field(description="True when those receipts are fewer than 5: too few to conclude from.")


class ReturnChange(Result):
    """Difference from the earlier period to this one; positive means more now."""

    units_returned: int = Field(description="Change of units_returned.")
    units_returned_percent: Percent = Field(description="That change in percent; null when nothing came back before.")
    return_rate_points: float | None = Field(description="Change of return_rate_percent in percentage points.")


class ReturnGroup(Result):
    """One row of a breakdown."""

    key: NameText = Field(description="First day of a time bucket, SKU, customer id, else the group's name.")
    label: NameText = Field(description="The group's name; of a customer the pseudonym where your role sees no names.")
    customer_id: UUID | None = Field(description="Of a customer: pass to get_customer; null for other groups.")
    units_returned: int = Field(description="Units that came back in the period.")
    units_sold: int | None = Field(description="Units sold in the period; null for reasons.")
    return_rate_percent: Percent = Field(
        description="units_returned as a share of units_sold, in percent; null for reasons and without a sale."
    )
    returns_value: Money = Field(description="Goods returned, a positive amount: after discounts, before tax.")
    receipts: int = Field(description="Receipts on which something came back.")
    share_of_returned_units_percent: Percent = Field(description="Share of all units returned, in percent.")
    earlier_units_returned: int | None = Field(description="In the earlier period; null for time buckets.")
    units_returned_change: int | None = Field(description="Units returned now less those of the earlier period.")
    is_few: bool = Field(description="True when those receipts are fewer than 5: too few to conclude from.")


class ReturnSummary(Answer):
    """Returns of one store over one period."""

    store_id: str = Field(description="The store these figures are about.")
    currency: Currency
    period: PeriodUsed = Field(description="The days that were asked about.")
    totals: ReturnFigures = Field(description="The whole period, whatever part of the breakdown is shown.")
    median_days_to_return: float | None = Field(
        description="Half of the lines that came back in the period did so within so many days of their sale."
    )
    units_sold_and_returned: int = Field(description="Of the units sold in the period, those back by now.")
    sold_and_returned_percent: Percent = Field(
        description="units_sold_and_returned as a share of units_sold, in percent; still grows for the last weeks."
    )
    earlier_period: PeriodUsed = Field(description="The period just before, to compare with.")
    earlier_totals: ReturnFigures = Field(description="The whole earlier period.")
    change: ReturnChange = Field(description="From the earlier period to this one.")
    group_by: ReturnDimension = Field(description="Dimension of the rows.")
    rows: list[ReturnGroup] = Field(
        description="Groups with a return in either period: time in order and without gaps, others by units returned."
    )
    has_more: HasMore
    next_cursor: NextCursor
