"""Products ranked by their sales."""

from __future__ import annotations

from typing import Annotated, Any

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.calls.principal import COST_ROLES
from server.db.queries import QueryFile
from server.errors import NotAllowedError
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.cursors import RankedPages
from server.toolkit.params import Category, Cursor, EndDate, Limit, Period, StartDate, StoreId
from server.toolkit.periods import previous_days, resolve_period
from server.toolkit.results import PeriodUsed
from server.tools.sales.models import ProductRank, ProductRanking, RankBy, RankOrder
from server.tools.sales.rollup_ranges import ranges_of


class _RankedRow(ProductRank):
    """Columns of top_products."""

    product_count: int

    def rank_only(self) -> ProductRank:
        """This row without the count that repeats in every row."""
        return ProductRank(**self.model_dump(exclude={"product_count"}))


QUERIES = QueryFile("server.tools.sales", "products.sql")
TOP_PRODUCTS = QUERIES.query("top_products", _RankedRow)


@tool(
    title="Best and slowest products",
    annotations=READ_ONLY,
    meta=requires_scope("retail:read"),
    tags={"sales", "products"},
)
async def list_top_products(
    period: Period = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    rank_by: Annotated[RankBy, Field(description="Figure that decides the order.")] = RankBy.REVENUE,
    order: Annotated[
        RankOrder,
        Field(description="best: most sold first. slowest: least sold first, products without any sale included."),
    ] = RankOrder.BEST,
    category: Category = None,
    limit: Limit = 10,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> ProductRanking:
    """Rank products by revenue, units or margin over a period, best or slowest first, with their trend.

    Use this tool when you need to:
    - answer "what are our best sellers?" or "what earns the most margin?"
    - find slow movers that tie up stock (order="slowest")
    - see who climbed or fell: each row has its change and rank change since the period before

    Do not use it for totals or trends; use summarize_sales. To find a product by name use
    search_products.
    Revenue is net of returns and before tax. Further rows follow with next_cursor.

    Example: list_top_products(period="year_to_date", rank_by="margin", limit=5)
    """
    pages = RankedPages(
        "list_top_products",
        scopes.choose(store_id),
        {"period": (period, start_date, end_date), "rank_by": rank_by, "order": order, "category": category},
        cursor,
    )
    async with scopes.enter(store_id) as store:
        sees_margins = store.role in COST_ROLES
        if rank_by is RankBy.MARGIN and not sees_margins:
            raise NotAllowedError(
                f"Your role ({store.role}) does not see margins. Rank by revenue or units, or ask a store manager."
            )
        days = resolve_period(start_date, end_date, store.today, store.time_zone, period)
        start, end = previous_days(days.start_date, days.end_date, period)
        previous = PeriodUsed(start_date=start, end_date=end, time_zone=store.time_zone)
        rows = await store.db.all(
            TOP_PRODUCTS,
            *_spans(days, previous),
            rank_by,
            order,
            category,
            limit,
            pages.offset,
            sees_margins,
        )
    next_cursor = pages.next_cursor(len(rows), rows[0].product_count if rows else 0)
    return ProductRanking(
        store_id=store.store_id,
        currency=store.currency,
        period=days,
        previous_period=previous,
        rank_by=rank_by,
        order=order,
        rows=[row.rank_only() for row in rows],
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )


def _spans(now: PeriodUsed, before: PeriodUsed) -> tuple[list[Any], ...]:
    """Both periods in spans, as parallel lists."""
    spans = [
        (period is now, span) for period in (now, before) for span in ranges_of(period.start_date, period.end_date)
    ]
    return (
        [is_current for is_current, _ in spans],
        [span.dimension for _, span in spans],
        [span.first for _, span in spans],
        [span.last for _, span in spans],
        [span.sign for _, span in spans],
    )
