"""Stock as a whole: what it is worth, what lies still, what to order from whom."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.calls.principal import COST_ROLES
from server.db.queries import QueryFile
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.params import StoreId
from server.toolkit.periods import resolve_period
from server.toolkit.results import Result
from server.tools.inventory.overview_models import (
    DeadProduct,
    InventorySummary,
    StockDimension,
    StockFigures,
    StockGroup,
)


class _StockRow(Result):
    """Columns of stock_groups."""

    is_total: bool
    name: str | None
    products: int
    units: int
    stock_value: Decimal | None
    retail_value: Decimal
    products_without_cost: int
    days_of_supply: float | None
    out_of_stock_products: int
    low_products: int
    low_products_without_maximum: int
    overstocked_products: int
    dead_products: int
    dead_stock_value: Decimal | None
    dead_retail_value: Decimal
    products_to_order: int
    order_units: int
    order_cost: Decimal | None
    group_count: int

    def figures(self) -> StockFigures:
        """The figures of this row."""
        return StockFigures(**{name: getattr(self, name) for name in StockFigures.model_fields})


QUERIES = QueryFile("server.tools.inventory", "overview.sql")
STOCK_GROUPS = QUERIES.query("stock_groups", _StockRow)
DEAD_STOCK = QUERIES.query("dead_stock", DeadProduct)


@tool(title="Inventory summary", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"inventory"})
async def summarize_inventory(
    group_by: Annotated[
        StockDimension, Field(description="Break the stock down by this; supplier for orders per supplier.")
    ] = StockDimension.CATEGORY,
    dead_after_days: Annotated[
        int, Field(ge=7, le=1_096, description="Days without a sale after which stock counts as dead.")
    ] = 90,
    limit: Annotated[int, Field(ge=1, le=50, description="Largest number of groups, and of dead products.")] = 10,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> InventorySummary:
    """Summarize a store's stock: value, days of supply, what runs out, what lies dead, what to order.

    Use this tool when you need to:
    - answer "what is our stock worth, how long does it last, and where are we overstocked?"
    - find dead stock and the money it ties up (dead_after_days)
    - plan orders per supplier (group_by="supplier")

    Do not use it for the products to order one by one; use list_low_stock.
    Values at cost are for managers and analysts.

    Example: summarize_inventory(group_by="supplier", dead_after_days=120)
    """
    async with scopes.enter(store_id) as store:
        sees_costs = store.role in COST_ROLES
        period = resolve_period(None, None, store.today, store.time_zone)
        await store.enable_analytic_settings()
        total, *groups = await store.db.all(
            STOCK_GROUPS,
            period.start_date,
            period.end_date,
            store.time_zone,
            group_by,
            dead_after_days,
            limit,
            sees_costs,
        )
        dead = await store.db.all(DEAD_STOCK, store.today, store.time_zone, dead_after_days, limit, sees_costs)
    return InventorySummary(
        store_id=store.store_id,
        currency=store.currency,
        sales_period=period,
        dead_after_days=dead_after_days,
        totals=total.figures(),
        group_by=group_by,
        groups=[StockGroup(name=row.name, figures=row.figures()) for row in groups],
        more_groups=total.group_count - len(groups),
        dead_stock=dead,
        more_dead_products=total.dead_products - len(dead),
    )
