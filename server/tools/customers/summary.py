"""The clientele as a whole: who comes, who stays, who is gone, and what they are worth."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.db.queries import QueryFile
from server.errors import InvalidInputError
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScope, StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.params import EndDate, Period, StartDate, StoreId
from server.toolkit.periods import Preset, months_later, previous_days, resolve_period
from server.toolkit.results import PeriodUsed, Result
from server.tools.customers.summary_models import (
    ActivityChange,
    Cohort,
    CohortTable,
    CustomerActivity,
    CustomerSummary,
    CustomerView,
    SegmentShare,
    TierShare,
    ValueBand,
    ValueFigures,
)

_FEW = 5
_COHORTS = 12
_COUNTS_OF_PEOPLE = (
    "buyers",
    "new_customers",
    "returning_customers",
    "won_back_customers",
    "lapsed_customers",
    "repeat_buyers",
)


class _ActivityRow(Result):
    """Columns of customer_activity."""

    buyers: int
    new_customers: int
    returning_customers: int
    won_back_customers: int
    lapsed_customers: int
    repeat_buyers: int
    orders: int
    new_net_revenue: Decimal
    returning_net_revenue: Decimal
    anonymous_net_revenue: Decimal
    net_revenue_per_buyer: Decimal | None
    before_buyers: int
    before_new_customers: int
    before_returning_customers: int
    before_won_back_customers: int
    before_lapsed_customers: int
    before_repeat_buyers: int
    before_orders: int
    before_new_net_revenue: Decimal
    before_returning_net_revenue: Decimal
    before_anonymous_net_revenue: Decimal
    before_net_revenue_per_buyer: Decimal | None
    buyers_change: int
    buyers_change_percent: float | None
    new_customers_change: int
    new_customers_change_percent: float | None
    returning_customers_change: int
    returning_customers_change_percent: float | None
    lapsed_customers_change: int
    lapsed_customers_change_percent: float | None

    def activity(self, prefix: str = "") -> CustomerActivity:
        """The figures of the period, or with prefix `before_` those of the earlier one."""
        figures = {name: getattr(self, prefix + name) for name in CustomerActivity.model_fields if name != "few_people"}
        return CustomerActivity(**figures, few_people=[name for name in _COUNTS_OF_PEOPLE if 0 < figures[name] < _FEW])

    def change(self) -> ActivityChange:
        """The differences between the two."""
        compared = ("buyers", "new_customers", "returning_customers", "lapsed_customers")
        return ActivityChange(
            **{name: getattr(self, f"{name}_change") for name in compared},
            **{f"{name}_percent": getattr(self, f"{name}_change_percent") for name in compared},
        )


class _CohortRow(Result):
    """Columns of cohorts."""

    cohort_month: date | None
    customers: int
    retained: list[int]
    retained_percent: list[float | None]
    is_few: bool


QUERIES = QueryFile("server.tools.customers", "summary.sql")
CUSTOMER_ACTIVITY = QUERIES.query("customer_activity", _ActivityRow)
TIER_MIX = QUERIES.query("tier_mix", TierShare)
SEGMENTS = QUERIES.query("segments", SegmentShare)
VALUE_BANDS = QUERIES.query("value_bands", ValueBand)
VALUE_FIGURES = QUERIES.query("value_figures", ValueFigures)
COHORTS = QUERIES.query("cohorts", _CohortRow)


@tool(title="Customer summary", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"customers"})
async def summarize_customers(
    view: Annotated[
        CustomerView,
        Field(
            description=(
                "activity: who came, stayed and lapsed in a period, and tiers. segments: RFM, as of today. cohorts: "
                "retention by month of first purchase. value: tenths by lifetime value."
            )
        ),
    ] = CustomerView.ACTIVITY,
    period: Period = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    lapse_days: Annotated[
        int, Field(ge=7, le=1_096, description="activity: days without a purchase that make a customer lapsed.")
    ] = 180,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> CustomerSummary:
    """Summarize a store's customers: new, returning, lapsed, RFM segments, retention, lifetime value.

    Use this tool when you need to:
    - answer "how many new customers did we win, how many did we lose?" (with the period before)
    - see who the clientele is (segments), whether it stays (cohorts), on whom revenue rests (value)

    Do not use it to list people; use search_customers, with segment.
    The period is for activity and cohorts; cohorts take whole months, twelve by default. No answer names
    a person; is_few and few_people mark figures about fewer than 5.

    Example: summarize_customers(view="activity", period="last_month")
    """
    async with scopes.enter(store_id) as store:
        await store.enable_analytic_settings()
        if view is CustomerView.ACTIVITY:
            asked = resolve_period(start_date, end_date, store.today, store.time_zone, period)
            found = await _activity(store, asked, period, lapse_days)
        elif view is CustomerView.COHORTS:
            found = await _cohorts(store, *_whole_months(store, start_date, end_date, period))
        elif view is CustomerView.SEGMENTS:
            found = await _segments(store)
        else:
            found = {"value": await store.db.one(VALUE_FIGURES), "value_bands": await store.db.all(VALUE_BANDS)}
    parts: dict[str, Any] = {name: None for name in CustomerSummary.model_fields if name != "truncated"}
    lists: dict[str, Any] = {"tiers": [], "segments": [], "cohorts": [], "value_bands": []}
    return CustomerSummary(**parts | lists | found | _about(store, view))


def _about(store: StoreScope, view: CustomerView) -> dict[str, Any]:
    return {"store_id": store.store_id, "currency": store.currency, "view": view}


async def _activity(store: StoreScope, asked: PeriodUsed, preset: Preset | None, lapse_days: int) -> dict[str, Any]:
    first, last = previous_days(asked.start_date, asked.end_date, preset)
    row = await store.db.one(
        CUSTOMER_ACTIVITY, asked.start_date, asked.end_date, first, last, store.time_zone, store.today, lapse_days
    )
    return {
        "period": asked,
        "lapse_days": lapse_days,
        "activity": row.activity(),
        "earlier_period": PeriodUsed(start_date=first, end_date=last, time_zone=store.time_zone),
        "earlier_activity": row.activity("before_"),
        "change": row.change(),
        "tiers": await store.db.all(TIER_MIX, asked.start_date, asked.end_date, store.time_zone),
    }


async def _segments(store: StoreScope) -> dict[str, Any]:
    rows = await store.db.all(SEGMENTS, store.time_zone, store.today)
    scored = any(row.customers for row in rows)
    return {
        "segments": rows,
        "note": None if scored else "Fewer than five customers ever bought here: too few to tell fifths apart.",
    }


async def _cohorts(store: StoreScope, first: date, last: date) -> dict[str, Any]:
    *rows, whole = await store.db.all(COHORTS, first, last, store.time_zone)
    return {
        "cohorts": [Cohort(**dict(row)) for row in rows],
        "cohort_table": CohortTable(
            first_month=first, last_month=last, customers=whole.customers, retained_percent=whole.retained_percent
        ),
    }


def _whole_months(
    store: StoreScope, start_date: date | None, end_date: date | None, preset: Preset | None
) -> tuple[date, date]:
    """First and last month that a period touches and that are over; a running month would look like a loss."""
    asked = resolve_period(start_date, end_date, store.today, store.time_zone, preset)
    day_after = min(asked.end_date + timedelta(days=1), store.today)
    last = months_later(day_after.replace(day=1), -1)
    first = asked.start_date.replace(day=1) if start_date or preset else months_later(last, 1 - _COHORTS)
    if first > last:
        raise InvalidInputError(
            f"Cohorts take whole months, and the period from {asked.start_date} to {asked.end_date} ends before "
            f"{first:%B %Y} does. Choose an earlier start_date, or leave out the period for the last twelve months."
        )
    return first, last
