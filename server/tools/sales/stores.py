"""Stores beside each other."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.tenancy.dependencies import store_scopes
from server.tenancy.selection import MOST_STORES
from server.tenancy.store_scope import StoreScope, StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.audit_marks import Identifier
from server.toolkit.params import EndDate, Period, StartDate
from server.toolkit.periods import resolve_period
from server.tools.sales.aggregates import Filters, Sums, read_sums
from server.tools.sales.comparison import compared, ranks, share
from server.tools.sales.metrics import DEFAULT_METRICS, DEFINITIONS, Measures
from server.tools.sales.models import CurrencyTotal, StoreComparison, StoreSales
from server.tools.sales.params import CompareEndDate, CompareStartDate, CompareTo, Metrics
from server.tools.sales.summary import check_metrics
from server.tools.sales.time_buckets import Periods, resolve_periods

StoreName = Annotated[str, Field(min_length=1, max_length=40), Identifier(r"[a-z0-9][a-z0-9_-]{0,39}")]


@tool(title="Stores compared", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"sales", "stores"})
async def compare_stores(
    period: Period = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    metrics: Metrics = None,
    compare_to: CompareTo = None,
    compare_start_date: CompareStartDate = None,
    compare_end_date: CompareEndDate = None,
    stores: Annotated[
        list[StoreName] | None,
        Field(max_length=MOST_STORES, description="Only these, as listed by get_store_context. Default: all yours."),
    ] = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> StoreComparison:
    """Compare your stores over a period: each with its figures, share, rank and change.

    Use this tool when you need to:
    - answer "which store did best last month, and which lost ground?"
    - see stores of different currencies side by side; their amounts are never added up

    Do not use it for one store, or for stores by category or month; use summarize_sales, which has the dimension store.
    Days are the same dates in each store's own time zone.

    Example: compare_stores(period="last_month", metrics=["net_revenue", "margin_rate"], compare_to="previous_period")
    """
    wanted = list(dict.fromkeys(metrics or DEFAULT_METRICS))
    first = wanted[0]
    periods: Periods | None = None
    found: defaultdict[str, list[tuple[StoreScope, Sums]]] = defaultdict(list)
    async with scopes.enter_each(scopes.choose_several(stores)) as entered:
        async for store in entered:
            check_metrics(wanted, store)
            if periods is None:
                days = resolve_period(start_date, end_date, store.today, store.time_zone, period)
                periods = resolve_periods(days, period, compare_to, compare_start_date, compare_end_date)
            found[store.currency].append((store, await read_sums(store, periods, (), Filters())))
    assert periods is not None
    is_compared = periods.before is not None
    rows: list[StoreSales] = []
    totals: list[CurrencyTotal] = []
    for currency, same in sorted(found.items()):
        whole = Measures.total([sums.total for _, sums in same])
        whole_before = Measures.total([sums.total_before for _, sums in same])
        rank = ranks({store.store_id: sums.total for store, sums in same}, first)
        rank_before = ranks(
            {store.store_id: sums.total_before for store, sums in same if sums.total_before.lines}, first
        )
        totals.append(
            CurrencyTotal(
                currency=currency,
                stores=len(same),
                **compared(whole, whole_before if is_compared else None, wanted),
            )
        )
        rows += [
            StoreSales(
                store_id=store.store_id,
                store_name=store.store_name,
                currency=currency,
                time_zone=store.time_zone,
                share_percent=share(sums.total, DEFINITIONS[first].of(whole), first),
                rank=rank[store.store_id],
                rank_change=rank_before[store.store_id] - rank[store.store_id]
                if store.store_id in rank_before
                else None,
                **compared(sums.total, sums.total_before if is_compared else None, wanted),
            )
            for store, sums in sorted(same, key=lambda entry: (rank[entry[0].store_id], entry[0].store_id))
        ]
    return StoreComparison(period=periods.now, comparison_period=periods.before, rows=rows, totals=totals)
