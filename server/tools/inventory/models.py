"""Results of the inventory tools."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from server.toolkit.results import Answer, Currency, HasMore, Money, NextCursor, PeriodUsed, Result
from server.toolkit.untrusted import NameText, ShortText


class LowStockProduct(Result):
    """A product that runs out, with what to order.

    Source:
        suggested_order_quantity: the (s, S) policy - at the reorder point s order up to the level S.
        Scarf, The Optimality of (S, s) Policies in the Dynamic Inventory Problem, 1960.
    """

    product_id: UUID
    sku: ShortText = Field(description="Pass to get_products for all details.")
    product_name: NameText
    brand: ShortText | None
    category: ShortText | None = Field(description="Top-level category.")
    current_stock: int = Field(description="Units on hand now; negative when more was sold than was recorded.")
    reorder_point: int = Field(description="Units at which the product is ordered again.")
    minimum_stock: int = Field(description="Units that should always be there.")
    maximum_stock: int | None = Field(description="Units that an order fills up to; null where the catalogue has none.")
    units_sold: int = Field(description="Units sold less units returned in sales_period.")
    daily_velocity: float = Field(description="units_sold per day of sales_period, 0 when more came back than went.")
    days_of_supply: float | None = Field(
        description="Days that the stock lasts at daily_velocity; null when nothing was sold."
    )
    lead_time_days: int = Field(description="Days from an order to its arrival, as the supplier promises.")
    will_run_out_before_delivery: bool = Field(
        description="True when it sells and days_of_supply is less than lead_time_days, or nothing is left."
    )
    order_by_date: date | None = Field(
        description="Last day to order before the stock falls below minimum_stock, today at the earliest; null unsold."
    )
    suggested_order_quantity: int | None = Field(
        description=(
            "Units that fill up to maximum_stock, or to minimum_stock and what sells in lead_time_days where that is "
            "more; at least 0. Null without maximum_stock: nothing says how far to fill up. Orders under way are not "
            "known and must be taken off."
        )
    )
    order_cost: Money | None = Field(
        description="Cost of that quantity; null without a quantity or a cost, or where you see no costs."
    )
    stock_value: Money | None = Field(description="Units on hand at cost; null without a cost or where you see none.")
    supplier_name: ShortText | None
    last_sold_date: date | None = Field(
        description="Day of the latest sale in the store's time zone; null when it never sold."
    )


class LowStockPage(Answer):
    """Products that run out, most urgent first."""

    store_id: str = Field(description="The store whose stock this is.")
    currency: Currency
    sales_period: PeriodUsed = Field(description="The 30 days that units_sold is about, today included.")
    low_products: int = Field(
        description="Active products at or below their reorder point, in this category and brand."
    )
    out_of_stock_products: int = Field(description="Those of them that are out of stock.")
    total_matches: int = Field(description="Number of products in this list, on all pages.")
    rows: list[LowStockProduct]
    has_more: HasMore
    next_cursor: NextCursor
