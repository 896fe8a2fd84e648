"""What runs out, and how much to order."""

from __future__ import annotations

from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.calls.principal import COST_ROLES
from server.db.queries import QueryFile
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope, with_widget
from server.toolkit.cursors import RankedPages
from server.toolkit.params import Category, Cursor, Limit, StoreId
from server.toolkit.periods import resolve_period
from server.toolkit.results import Result
from server.tools.inventory.models import LowStockPage, LowStockProduct


class _RankedRow(LowStockProduct):
    """Columns of low_stock."""

    total_matches: int

    def product_only(self) -> LowStockProduct:
        """This row without the count that repeats in every row."""
        return LowStockProduct(**self.model_dump(exclude={"total_matches"}))


class _Counts(Result):
    """Columns of stock_counts."""

    low_products: int
    out_of_stock_products: int


QUERIES = QueryFile("server.tools.inventory", "low_stock.sql")
LOW_STOCK = QUERIES.query("low_stock", _RankedRow)
STOCK_COUNTS = QUERIES.query("stock_counts", _Counts)


@tool(
    title="Low stock and what to order",
    annotations=READ_ONLY,
    meta=requires_scope("retail:read") | with_widget("low_stock"),
    tags={"inventory", "products"},
)
async def list_low_stock(
    category: Category = None,
    brand: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="Brand as search_products shows it, in any case."),
    ] = None,
    max_days_of_supply: Annotated[
        int | None,
        Field(
            ge=0,
            le=365,
            description="Instead of the reorder point: list what lasts at most this many days at its present sales.",
        ),
    ] = None,
    include_without_sales: Annotated[
        bool, Field(description="False leaves out products that did not sell in the last 30 days.")
    ] = True,
    limit: Limit = 20,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> LowStockPage:
    """List products at or below their reorder point, most urgent first, with what to order.

    Use this tool when you need to:
    - answer "what is out of stock or nearly so, and what sells out before a delivery arrives?"
    - prepare orders: each row has sales per day, days of supply, lead time, supplier, quantity, cost
    - see what lasts less than a week (max_days_of_supply=7)

    Do not use it for the stock of products you can name; use get_products. For stock that does
    not sell, and for orders per supplier, use summarize_inventory.
    Discontinued products are left out. Further rows follow with next_cursor.

    Example: list_low_stock(category="Electrical", include_without_sales=false, limit=20)
    """
    filters = (category, brand, max_days_of_supply, include_without_sales)
    pages = RankedPages("list_low_stock", scopes.choose(store_id), {"filters": filters}, cursor)
    async with scopes.enter(store_id) as store:
        period = resolve_period(None, None, store.today, store.time_zone)
        counts = await store.db.one(STOCK_COUNTS, category, brand)
        await store.enable_analytic_settings()
        rows = await store.db.all(
            LOW_STOCK,
            period.start_date,
            period.end_date,
            store.time_zone,
            *filters,
            limit,
            pages.offset,
            store.role in COST_ROLES,
            store.today,
        )
    total = rows[0].total_matches if rows else 0
    next_cursor = pages.next_cursor(len(rows), total)
    return LowStockPage(
        store_id=store.store_id,
        currency=store.currency,
        sales_period=period,
        low_products=counts.low_products,
        out_of_stock_products=counts.out_of_stock_products,
        total_matches=total,
        rows=[row.product_only() for row in rows],
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )
