"""Which products are bought with which."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.db.queries import QueryFile
from server.errors import NotFoundError
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.audit_marks import Identifier
from server.toolkit.cursors import RankedPages
from server.toolkit.params import Cursor, EndDate, Limit, Period, StartDate, StoreId
from server.toolkit.periods import Preset, resolve_period
from server.toolkit.results import Result
from server.tools.sales.baskets_models import BoughtTogether, BoughtTogetherPage, PairOrder


class _PairRow(BoughtTogether):
    """Columns of bought_with and bought_pairs."""

    total_matches: int

    def pair_only(self) -> BoughtTogether:
        """This row without the count that repeats in every row."""
        return BoughtTogether(**self.model_dump(exclude={"total_matches"}))


class _SaleReceipts(Result):
    """Columns of sale_receipts."""

    baskets: int
    product_id: UUID | None


QUERIES = QueryFile("server.tools.sales", "baskets.sql")
SALE_RECEIPTS = QUERIES.query("sale_receipts", _SaleReceipts)
BOUGHT_TOGETHER = QUERIES.query("bought_together", _PairRow)


@tool(title="Bought together", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"sales", "products"})
async def list_bought_together(
    sku: Annotated[
        str | None,
        Field(min_length=1, max_length=50, description="Product to ask about; leave out for the best pairs of all."),
        Identifier(),
    ] = None,
    period: Period = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    min_baskets: Annotated[int, Field(ge=2, le=10_000, description="Leave out pairs on fewer receipts.")] = 5,
    sort: Annotated[
        PairOrder,
        Field(description="lift: oftener than by chance; confidence: share of the first's baskets; baskets: most."),
    ] = PairOrder.LIFT,
    limit: Limit = 10,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> BoughtTogetherPage:
    """List products that are bought together, with support, confidence and lift over real baskets.

    Use this tool when you need to:
    - answer "what do people buy with this?" (sku)
    - find the strongest pairs of the store, for bundles and offers

    Do not use it for products that are alike; use search_products.
    Without a period the last 365 days count. Further rows follow with next_cursor.

    Example: list_bought_together(sku="ELE-1042", min_baskets=10)
    """
    preset = Preset.LAST_365_DAYS if period is None and start_date is None and end_date is None else period
    asked = {"sku": sku, "period": preset, "start": start_date, "end": end_date}
    pages = RankedPages(
        "list_bought_together", scopes.choose(store_id), asked | {"min": min_baskets, "sort": sort}, cursor
    )
    async with scopes.enter(store_id) as store:
        used = resolve_period(start_date, end_date, store.today, store.time_zone, preset)
        days = (used.start_date, used.end_date, store.time_zone)
        await store.enable_analytic_settings()
        found = await store.db.one(SALE_RECEIPTS, *days, sku)
        if sku is not None and found.product_id is None:
            raise NotFoundError(f"No product with this SKU in {store.store_id}. Find it with search_products.")
        rows = await store.db.all(
            BOUGHT_TOGETHER, *days, found.product_id, min_baskets, sort, limit, pages.offset, found.baskets
        )
    total = rows[0].total_matches if rows else 0
    next_cursor = pages.next_cursor(len(rows), total)
    return BoughtTogetherPage(
        store_id=store.store_id,
        period=used,
        all_baskets=found.baskets,
        min_baskets=min_baskets,
        sort=sort,
        total_matches=total,
        rows=[row.pair_only() for row in rows],
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )
