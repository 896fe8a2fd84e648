"""Sales totals, breakdowns and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.calls.principal import COST_ROLES
from server.errors import InvalidInputError, NotAllowedError
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScope, StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope, with_widget
from server.toolkit.cursors import RankedPages
from server.toolkit.params import Category, Cursor, EndDate, Period, StartDate, StoreId
from server.toolkit.periods import resolve_period
from server.toolkit.terms import TransactionType
from server.tools.sales.aggregates import Filters, Sums, read_sums
from server.tools.sales.comparison import groups, totals
from server.tools.sales.dimensions import Dimension
from server.tools.sales.metrics import COST_METRICS, DEFAULT_METRICS, Measures, Metric
from server.tools.sales.models import PaymentMethod, SalesSummary
from server.tools.sales.params import CompareEndDate, CompareStartDate, CompareTo, GroupBy, Metrics
from server.tools.sales.time_buckets import Periods, resolve_periods


@tool(
    title="Sales summary",
    annotations=READ_ONLY,
    meta=requires_scope("retail:read") | with_widget("sales"),
    tags={"sales"},
)
async def summarize_sales(
    period: Period = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    group_by: GroupBy = None,
    metrics: Metrics = None,
    compare_to: CompareTo = None,
    compare_start_date: CompareStartDate = None,
    compare_end_date: CompareEndDate = None,
    category: Category = None,
    brand: Annotated[
        str | None, Field(min_length=1, max_length=100, description="Only products of this brand.")
    ] = None,
    payment_method: Annotated[PaymentMethod | None, Field(description="Only receipts paid this way.")] = None,
    transaction_type: Annotated[TransactionType | None, Field(description="Only receipts of this kind.")] = None,
    limit: Annotated[int, Field(ge=1, le=400, description="Most groups to return.")] = 50,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> SalesSummary:
    """Summarize sales over a period: revenue, units, receipts, baskets, margin, returns, by what you like.

    Use this tool when you need to:
    - answer "how did we do last week, compared with the week before, or with last year?"
    - see a trend (group_by day to quarter), a pattern (hour, weekday) or a split by any dimension, or two at once
    - quote changes, shares and ranks: they are computed here, do not work them out yourself

    Do not use it for single receipts; use list_transactions. Products with stock and margin: list_top_products.
    The dimension store covers all your stores of one currency. Revenue is net of returns and before tax.

    Example: summarize_sales(period="last_month", group_by=["category"], compare_to="previous_period")
    """
    dimensions = list(dict.fromkeys(group_by or ()))
    wanted = list(dict.fromkeys(metrics or DEFAULT_METRICS))
    of_stores = Dimension.STORE in dimensions
    store_ids = scopes.choose_several([store_id] if store_id else None) if of_stores else [scopes.choose(store_id)]
    filters = Filters(category, brand, payment_method, transaction_type)
    pages = RankedPages(
        "summarize_sales",
        ",".join(store_ids),
        {
            "period": (period, start_date, end_date),
            "group_by": dimensions,
            "metrics": wanted,
            "compare_to": (compare_to, compare_start_date, compare_end_date),
            "filters": (category, brand, payment_method, transaction_type),
        },
        cursor,
    )
    periods: Periods | None = None
    found: list[tuple[StoreScope, Sums]] = []
    async with scopes.enter_each(store_ids) as stores:
        async for store in stores:
            check_metrics(wanted, store)
            if periods is None:
                days = resolve_period(start_date, end_date, store.today, store.time_zone, period)
                periods = resolve_periods(days, period, compare_to, compare_start_date, compare_end_date)
            by = [dimension for dimension in dimensions if dimension is not Dimension.STORE]
            found.append((store, await read_sums(store, periods, by, filters)))
    assert periods is not None
    sums = _of_stores(found, dimensions) if of_stores else found[0][1]
    page, count = groups(sums, periods, dimensions, wanted, pages.offset, limit) if dimensions else ([], 0)
    next_cursor = pages.next_cursor(len(page), count)
    return SalesSummary(
        store_id=store_ids[0] if len(store_ids) == 1 else None,
        currency=found[0][0].currency,
        period=periods.now,
        comparison_period=periods.before,
        group_by=dimensions,
        totals=totals(sums, wanted, is_compared=periods.before is not None),
        rows=page,
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )


def check_metrics(metrics: Sequence[Metric], store: StoreScope) -> None:
    """Refuse costs to a role that does not see them.

    Raises:
        NotAllowedError: One of the metrics tells them.
    """
    if store.role not in COST_ROLES and not COST_METRICS.isdisjoint(metrics):
        raise NotAllowedError(
            f"Your role in {store.store_id} ({store.role}) does not see costs and margins. "
            "Ask for other metrics, or ask a store manager."
        )


def _of_stores(found: Sequence[tuple[StoreScope, Sums]], dimensions: Sequence[Dimension]) -> Sums:
    """Put the sums of several stores together; a receipt is of one store, so that its count adds up too."""
    currencies = sorted({store.currency for store, _ in found})
    if len(currencies) > 1:
        raise InvalidInputError(
            f"Your stores have different currencies ({', '.join(currencies)}), which are never added up. "
            "Use compare_stores, or pass store_id."
        )
    place = dimensions.index(Dimension.STORE)
    together = Sums(
        total=Measures.total([sums.total for _, sums in found]),
        total_before=Measures.total([sums.total_before for _, sums in found]),
    )
    for store, sums in found:
        parts = sums.groups, sums.groups_before
        if len(dimensions) == 1:
            parts = {(): sums.total}, {(): sums.total_before}
        for target, part in zip((together.groups, together.groups_before), parts, strict=True):
            for key, measures in part.items():
                # A store that sold nothing is shown, but had no rank to lose.
                if measures.lines or target is together.groups:
                    target[*key[:place], store.store_id, *key[place:]] = measures
        together.labels |= {**sums.labels, store.store_id: store.store_name}
    return together
