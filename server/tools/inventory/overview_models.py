"""Results of summarize_inventory."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from server.toolkit.results import Answer, Currency, Money, PeriodUsed, Result
from server.toolkit.untrusted import NameText, ShortText


class StockDimension(StrEnum):
    """What stock can be broken down by."""

    CATEGORY = "category"
    BRAND = "brand"
    SUPPLIER = "supplier"


class StockFigures(Result):
    """Stock of the store or of one group; values at cost are null where your role sees no costs."""

    products: int = Field(description="Products on sale or in stock.")
    units: int = Field(description="Units on hand.")
    stock_value: Money | None = Field(description="Units on hand at cost, of the products whose cost is known.")
    retail_value: Money = Field(description="Units on hand at their present selling price, before tax.")
    products_without_cost: int = Field(description="Products whose cost is unknown: what values at cost leave out.")
    days_of_supply: float | None = Field(description="Units on hand by units sold a day in sales_period; null unsold.")
    out_of_stock_products: int = Field(description="On sale and none left.")
    low_products: int = Field(description="On sale and at or below their reorder point, those out of stock included.")
    low_products_without_maximum: int = Field(
        description="Low products without a maximum_stock; no order can be suggested for them."
    )
    overstocked_products: int = Field(description="Above their maximum, where they have one.")
    dead_products: int = Field(description="In stock and without a sale for dead_after_days or longer.")
    dead_stock_value: Money | None = Field(description="What these tie up, at cost.")
    dead_retail_value: Money = Field(description="The same at selling price.")
    products_to_order: int = Field(description="Low products with a suggested order, as list_low_stock has it.")
    order_units: int = Field(description="Units of these orders.")
    order_cost: Money | None = Field(description="Their cost.")


class StockGroup(Result):
    """One row of the breakdown."""

    name: ShortText | None = Field(description="Name of the group; null for products without one.")
    figures: StockFigures = Field(description="This group's figures.")


class DeadProduct(Result):
    """A product that lies on the shelf."""

    product_id: UUID = Field(description="The product in this store.")
    sku: ShortText = Field(description="Pass to get_products.")
    product_name: NameText = Field(description="Name of the product.")
    category: ShortText | None = Field(description="Top-level category.")
    is_active: bool = Field(description="False when the product is discontinued.")
    current_stock: int = Field(description="Units on hand.")
    last_sold_date: date | None = Field(description="Day of the latest sale; null when it never sold.")
    days_idle: int = Field(description="Days since that day, or since the first delivery of what never sold.")
    retail_value: Money = Field(description="Units on hand at their present selling price, before tax.")
    stock_value: Money | None = Field(description="Units on hand at cost; null without a cost or where you see none.")


class InventorySummary(Answer):
    """Stock of one store as a whole."""

    store_id: str = Field(description="The store whose stock this is.")
    currency: Currency
    sales_period: PeriodUsed = Field(description="The 30 days that sales are about, today included.")
    dead_after_days: int = Field(description="Days without a sale after which stock counts as dead.")
    totals: StockFigures = Field(description="The whole store.")
    group_by: StockDimension = Field(description="Dimension of the groups.")
    groups: list[StockGroup] = Field(description="By retail_value, highest first.")
    more_groups: int = Field(description="How many further groups there are.")
    dead_stock: list[DeadProduct] = Field(description="Dead products by retail_value, highest first.")
    more_dead_products: int = Field(description="How many further dead products there are.")
