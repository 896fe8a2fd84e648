"""What came back: how much of it, why, of what, from whom."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.db.queries import QueryFile
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.cursors import RankedPages
from server.toolkit.params import Cursor, EndDate, Limit, Period, StartDate, StoreId
from server.toolkit.periods import previous_days, resolve_period
from server.toolkit.results import PeriodUsed, Result
from server.tools.sales.returns_models import (
    ReturnChange,
    ReturnDimension,
    ReturnFigures,
    ReturnGroup,
    ReturnSummary,
)

_TIME = (ReturnDimension.DAY, ReturnDimension.WEEK, ReturnDimension.MONTH)


class _ReturnsRow(Result):
    """Columns of returns."""

    is_total: bool
    key: str
    label: str
    customer_id: UUID | None
    units_returned: int
    units_sold: int
    return_rate_percent: float | None
    returns_value: Decimal
    receipts: int
    is_few: bool
    share_of_returned_units_percent: float | None
    earlier_units_returned: int
    earlier_units_sold: int
    earlier_return_rate_percent: float | None
    earlier_returns_value: Decimal
    earlier_receipts: int
    earlier_is_few: bool
    units_returned_change: int
    units_returned_change_percent: float | None
    return_rate_change_points: float | None
    group_count: int

    def figures(self, prefix: str = "") -> ReturnFigures:
        """The figures of this row, or with prefix `earlier_` those of the earlier period."""
        return ReturnFigures(**{name: getattr(self, prefix + name) for name in ReturnFigures.model_fields})

    def change(self) -> ReturnChange:
        """The differences between the two."""
        return ReturnChange(
            units_returned=self.units_returned_change,
            units_returned_percent=self.units_returned_change_percent,
            return_rate_points=self.return_rate_change_points,
        )

    def group(self, group_by: ReturnDimension) -> ReturnGroup:
        """This row as a row of the breakdown, without the figures that its dimension cannot have."""
        absent: set[str] = {"units_sold"} if group_by is ReturnDimension.REASON else set()
        if group_by in _TIME:
            absent |= {"earlier_units_returned", "units_returned_change"}
        shown: dict[str, Any] = {name: getattr(self, name) for name in ReturnGroup.model_fields}
        return ReturnGroup(**shown | dict.fromkeys(absent))


class _Delays(Result):
    """Columns of return_delays."""

    median_days_to_return: float | None
    units_sold_and_returned: int
    sold_and_returned_percent: float | None


QUERIES = QueryFile("server.tools.sales", "returns.sql")
RETURNS = QUERIES.query("returns", _ReturnsRow)
RETURN_DELAYS = QUERIES.query("return_delays", _Delays)


@tool(title="Returns summary", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"sales", "returns"})
async def summarize_returns(
    period: Period = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    group_by: Annotated[ReturnDimension, Field(description="Break the returns down by this.")] = ReturnDimension.REASON,
    limit: Limit = 10,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> ReturnSummary:
    """Summarize a store's returns over a period: return rate, value, reasons, products, customers.

    Use this tool when you need to:
    - answer "how much comes back, why, and is it getting worse?" (with the period before)
    - find the products, categories or customers with the most returns (group_by)

    Do not use it for single receipts; use list_transactions with transaction_type="return".
    The return rate is units returned by units sold in the same period; sold_and_returned_percent follows
    the units sold in the period until now.

    Example: summarize_returns(period="last_month", group_by="product")
    """
    asked = {"period": period, "start": start_date, "end": end_date, "group_by": group_by}
    pages = RankedPages("summarize_returns", scopes.choose(store_id), asked, cursor)
    async with scopes.enter(store_id) as store:
        used = resolve_period(start_date, end_date, store.today, store.time_zone, period)
        days = (used.start_date, used.end_date)
        earlier = previous_days(*days, period)
        await store.enable_analytic_settings()
        total, *groups = await store.db.all(RETURNS, *days, *earlier, store.time_zone, group_by, limit, pages.offset)
        delays = await store.db.one(RETURN_DELAYS, *days, store.time_zone, total.units_sold)
    next_cursor = pages.next_cursor(len(groups), total.group_count)
    return ReturnSummary(
        store_id=store.store_id,
        currency=store.currency,
        period=used,
        totals=total.figures(),
        **dict(delays),
        earlier_period=PeriodUsed(start_date=earlier[0], end_date=earlier[1], time_zone=store.time_zone),
        earlier_totals=total.figures("earlier_"),
        change=total.change(),
        group_by=group_by,
        rows=[row.group(group_by) for row in groups],
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )
