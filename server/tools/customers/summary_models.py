"""Results of summarize_customers: figures about groups of people, never about one."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from server.toolkit.results import Answer, Currency, Money, PeriodUsed, Result
from server.tools.customers.models import LoyaltyTier, Segment

Percent = Annotated[float | None, Field(description="In percent, 12.5 meaning 12.5 %; null when it cannot be told.")]
Few = Annotated[bool, Field(description="True when fewer than 5 people are behind this row: too few to conclude from.")]


class CustomerView(StrEnum):
    """Sides of a clientele."""

    ACTIVITY = "activity"
    SEGMENTS = "segments"
    COHORTS = "cohorts"
    VALUE = "value"


class CustomerActivity(Result):
    """Who bought in a period. A buyer is a known customer with a sale receipt in it."""

    buyers: int = Field(description="Customers who bought.")
    new_customers: int = Field(description="Buyers whose first purchase ever is in the period.")
    returning_customers: int = Field(description="Buyers who had bought before the period.")
    won_back_customers: int = Field(description="Customers who bought again after more than lapse_days without.")
    lapsed_customers: int = Field(description="Customers for whom lapse_days without a purchase were full in it.")
    repeat_buyers: int = Field(description="Buyers with two sale receipts or more in the period.")
    orders: int = Field(description="Sale receipts of known customers.")
    new_net_revenue: Money = Field(description="From customers new in the period: less returns, before tax.")
    returning_net_revenue: Money = Field(description="From customers of before: less returns, before tax.")
    anonymous_net_revenue: Money = Field(description="From receipts without a customer: less returns, before tax.")
    net_revenue_per_buyer: Money | None = Field(
        description="Net revenue of known customers divided by buyers; null without one."
    )
    few_people: list[str] = Field(description="Those of these figures that are about 1 to 4 people: handle with care.")


class ActivityChange(Result):
    """Difference from the earlier period to this one; positive means more now."""

    buyers: int = Field(description="Change of buyers.")
    buyers_percent: Percent
    new_customers: int = Field(description="Change of new_customers.")
    new_customers_percent: Percent
    returning_customers: int = Field(description="Change of returning_customers.")
    returning_customers_percent: Percent
    lapsed_customers: int = Field(description="Change of lapsed_customers.")
    lapsed_customers_percent: Percent


class TierShare(Result):
    """A tier of the loyalty programme."""

    loyalty_tier: LoyaltyTier
    customers: int = Field(description="Customers of this tier today, buyers or not.")
    share_of_customers_percent: Percent
    buyers: int = Field(description="Those of them who bought in the period.")
    net_revenue: Money = Field(description="From them in the period: less returns, before tax.")
    share_of_net_revenue_percent: Percent
    is_few: Few


class SegmentShare(Result):
    """A segment by recency, frequency and monetary value, as of today."""

    segment: Segment = Field(description="Pass to search_customers for the people in it.")
    definition: str = Field(
        description=(
            "R is the score of the latest purchase, FM the mean of those of number and value of purchases, rounded "
            "up; 5 are the best fifth of the store's buyers, 1 the last."
        )
    )
    customers: int = Field(description="Customers in it.")
    share_of_customers_percent: Percent
    lifetime_value: Money = Field(description="Paid less refunded by them since ever, tax included.")
    share_of_lifetime_value_percent: Percent
    average_lifetime_value: Money | None = Field(description="Per customer; null when the segment is empty.")
    average_orders: float | None = Field(description="Sale receipts per customer since ever.")
    average_days_since_last_purchase: float | None = Field(description="Days from the latest purchase to today.")
    is_few: Few


class Cohort(Result):
    """Customers who bought for the first time in the same month."""

    cohort_month: date = Field(description="First day of the month of first purchase.")
    customers: int = Field(description="Customers who bought first in that month.")
    retained: list[int] = Field(
        description="How many of them bought in the first month after it, the second, and so on to last_month."
    )
    retained_percent: list[float | None] = Field(description="The same as shares of customers, in percent.")
    is_few: Few


class CohortTable(Result):
    """What the cohorts have in common."""

    first_month: date = Field(description="First day of the first month of first purchase.")
    last_month: date = Field(
        description="First day of the last month looked at; months that are not over are left out."
    )
    customers: int = Field(description="Customers of all cohorts.")
    retained_percent: list[float | None] = Field(
        description="Of all cohorts old enough: shares in percent that bought in the first month after, the second, ..."
    )


class ValueBand(Result):
    """A tenth of the buyers by lifetime value."""

    band: int = Field(description="1 for the most valuable tenth.")
    customers: int = Field(description="Buyers in it; a tenth of all, give or take one.")
    lowest_value: Money = Field(description="Lowest lifetime value in it.")
    highest_value: Money = Field(description="Highest lifetime value in it.")
    lifetime_value: Money = Field(description="Sum of its lifetime values.")
    share_percent: Percent = Field(description="Share of the lifetime value of all buyers, in percent.")
    share_with_those_above_percent: Percent = Field(description="That share together with all bands above, in percent.")
    is_few: Few


class ValueFigures(Result):
    """Lifetime value (paid less refunded since ever, tax included) of all buyers."""

    buyers: int = Field(description="Customers who ever bought.")
    customers_without_purchase: int = Field(description="Customers who never bought.")
    lifetime_value: Money = Field(description="Sum over all buyers.")
    mean_value: Money | None = Field(description="Per buyer; null without one.")
    median_value: Money | None = Field(description="Half of the buyers have at most this value; null without one.")


class CustomerSummary(Answer):
    """One side of a store's clientele; the fields of other views are null or empty."""

    store_id: str = Field(description="The store that this is about.")
    currency: Currency
    view: CustomerView = Field(description="The side that was asked for.")
    note: str | None = Field(description="What to know before reading the figures; null when there is nothing.")
    period: PeriodUsed | None = Field(description="activity: the days that were asked about.")
    lapse_days: int | None = Field(description="activity: days without a purchase that make a customer lapsed.")
    activity: CustomerActivity | None = Field(description="activity: who bought in the period.")
    earlier_period: PeriodUsed | None = Field(description="activity: the period just before.")
    earlier_activity: CustomerActivity | None = Field(description="activity: the same figures of that period.")
    change: ActivityChange | None = Field(description="activity: from the earlier period to this one.")
    tiers: list[TierShare] = Field(description="activity: tiers of the loyalty programme, lowest first.")
    segments: list[SegmentShare] = Field(description="segments: all of them, best first, empty ones too.")
    cohort_table: CohortTable | None = Field(description="cohorts: all of them together.")
    cohorts: list[Cohort] = Field(description="cohorts: retention by month of first purchase, oldest first.")
    value: ValueFigures | None = Field(description="value: all buyers together.")
    value_bands: list[ValueBand] = Field(description="value: tenths of the buyers, most valuable first.")
