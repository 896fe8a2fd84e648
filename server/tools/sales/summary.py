"""Sales totals, breakdowns and comparisons."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.db.queries import QueryFile
from server.store_scope import StoreScopes, store_scopes
from server.toolkit.annotations import READ_ONLY, drawn_as, needs
from server.toolkit.cursors import RankedPages
from server.toolkit.params import Cursor, EndDate, StartDate, StoreId
from server.toolkit.periods import resolve_period
from server.toolkit.results import PeriodUsed, Result
from server.tools.sales.models import (
    Comparison,
    Dimension,
    SalesChange,
    SalesFigures,
    SalesGroup,
    SalesSummary,
)


class _FiguresRow(Result):
    """Columns of sales_figures."""

    is_total: bool
    key: str
    label: str
    net_revenue: Decimal
    gross_revenue: Decimal
    returns_value: Decimal
    discounts: Decimal
    tax: Decimal
    units_sold: int
    units_returned: int
    transactions: int
    returns: int
    average_basket: Decimal | None
    share_percent: float | None
    before_net_revenue: Decimal
    before_gross_revenue: Decimal
    before_returns_value: Decimal
    before_discounts: Decimal
    before_tax: Decimal
    before_units_sold: int
    before_units_returned: int
    before_transactions: int
    before_returns: int
    before_average_basket: Decimal | None
    net_revenue_change: Decimal
    net_revenue_change_percent: float | None
    transactions_change: int
    transactions_change_percent: float | None
    units_sold_change: int
    units_sold_change_percent: float | None
    average_basket_change: Decimal | None
    average_basket_change_percent: float | None
    before_first_day: date | None
    before_last_day: date | None
    group_count: int

    def figures(self, prefix: str = "") -> SalesFigures:
        """The figures of this row, or with prefix `before_` those of the comparison period."""
        return SalesFigures(**{name: getattr(self, prefix + name) for name in SalesFigures.model_fields})

    def change(self) -> SalesChange:
        """The differences between the two."""
        return SalesChange(
            net_revenue=self.net_revenue_change,
            net_revenue_percent=self.net_revenue_change_percent,
            transactions=self.transactions_change,
            transactions_percent=self.transactions_change_percent,
            units_sold=self.units_sold_change,
            units_sold_percent=self.units_sold_change_percent,
            average_basket=self.average_basket_change,
            average_basket_percent=self.average_basket_change_percent,
        )

    def group(self, *, compared: bool) -> SalesGroup:
        """This row as a row of the breakdown."""
        return SalesGroup(
            key=self.key,
            label=self.label,
            figures=self.figures(),
            share_of_net_revenue_percent=self.share_percent,
            comparison_net_revenue=self.before_net_revenue if compared else None,
            net_revenue_change=self.net_revenue_change if compared else None,
            net_revenue_change_percent=self.net_revenue_change_percent if compared else None,
        )


QUERIES = QueryFile("server.tools.sales", "summary.sql")
SALES_FIGURES = QUERIES.query("sales_figures", _FiguresRow)


@tool(title="Sales summary", annotations=READ_ONLY, meta=needs("retail:read") | drawn_as("sales"), tags={"sales"})
async def summarize_sales(
    start_date: StartDate = None,
    end_date: EndDate = None,
    group_by: Annotated[
        Dimension | None,
        Field(description="Break the period down by this; leave out for totals only."),
    ] = None,
    compare_to: Annotated[
        Comparison | None,
        Field(
            description=(
                "Also compare with the period of the same length just before (previous_period) or with the same "
                "dates one year earlier (last_year)."
            )
        ),
    ] = None,
    limit: Annotated[int, Field(ge=1, le=400, description="Largest number of groups to return, 1 to 400.")] = 50,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> SalesSummary:
    """Summarize a store's sales over a period: revenue, units, receipts, average basket, returns.

    Use this tool when you need to:
    - answer "how did we do last week, compared with the week before, or with last year?"
    - see a trend (group_by day, week or month) or a split (category, brand, product, payment_method)
    - quote changes and shares: they are computed here, do not work them out yourself

    Do not use it to find single receipts; use list_transactions. For a ranking of products with
    margin and stock use list_top_products.
    Revenue is net of returns and before tax. Groups beyond `limit` follow with next_cursor.

    Example: summarize_sales(start_date="2026-11-09", end_date="2026-11-15", compare_to="previous_period")
    """
    pages = RankedPages(
        "summarize_sales",
        scopes.choose(store_id),
        {"start": start_date, "end": end_date, "group_by": group_by, "compare_to": compare_to},
        cursor,
    )
    async with scopes.enter(store_id) as store:
        period = resolve_period(start_date, end_date, store.today, store.time_zone)
        total, *groups = await store.db.all(
            SALES_FIGURES,
            period.start_date,
            period.end_date,
            store.time_zone,
            group_by,
            compare_to,
            limit,
            pages.offset,
        )
    next_cursor = pages.next_cursor(len(groups), total.group_count)
    return SalesSummary(
        store_id=store.store_id,
        currency=store.currency,
        period=period,
        totals=total.figures(),
        comparison_period=(
            PeriodUsed(start_date=total.before_first_day, end_date=total.before_last_day, time_zone=store.time_zone)
            if total.before_first_day and total.before_last_day
            else None
        ),
        comparison_totals=total.figures("before_") if compare_to else None,
        change=total.change() if compare_to else None,
        group_by=group_by,
        rows=[row.group(compared=compare_to is not None) for row in groups],
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )
