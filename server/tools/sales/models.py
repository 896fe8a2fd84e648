"""Results of the sales tools."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from server.toolkit.results import Answer, Currency, HasMore, Money, NextCursor, PeriodUsed, Result
from server.toolkit.terms import TransactionType
from server.toolkit.untrusted import LongText, NameText, ShortText


class Dimension(StrEnum):
    """What sales can be broken down by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    CATEGORY = "category"
    SUBCATEGORY = "subcategory"
    BRAND = "brand"
    PRODUCT = "product"
    PAYMENT_METHOD = "payment_method"


class Comparison(StrEnum):
    """Which other period to compare with."""

    PREVIOUS_PERIOD = "previous_period"
    LAST_YEAR = "last_year"


class PaymentMethod(StrEnum):
    """Ways to pay."""

    CASH = "cash"
    CREDIT_CARD = "credit_card"
    DEBIT_CARD = "debit_card"
    DIGITAL_WALLET = "digital_wallet"


class RankBy(StrEnum):
    """Figure that decides the order of products."""

    REVENUE = "revenue"
    UNITS = "units"
    MARGIN = "margin"


class RankOrder(StrEnum):
    """Which end of the list comes first."""

    BEST = "best"
    SLOWEST = "slowest"


Percent = Annotated[float | None, Field(description="In percent, 12.5 meaning 12.5 %; null when it cannot be told.")]
NET_REVENUE = "Goods sold less goods returned: after discounts, before tax."


class SalesFigures(Result):
    """The figures of one period or one group."""

    net_revenue: Money = Field(description=NET_REVENUE)
    gross_revenue: Money = Field(description="Goods sold, after discounts, before tax and before returns.")
    returns_value: Money = Field(description="Goods returned, a positive amount, already taken off net_revenue.")
    discounts: Money = Field(description="Discounts given on goods sold, already taken off gross_revenue.")
    tax: Money = Field(description="Sales tax charged less tax refunded; not part of revenue.")
    units_sold: int = Field(description="Units sold, before returns.")
    units_returned: int = Field(description="Units returned.")
    transactions: int = Field(description="Number of sale receipts; returns and exchanges are not counted.")
    returns: int = Field(description="Number of return and exchange receipts.")
    average_basket: Money | None = Field(
        description="Revenue of the sale receipts divided by their number; null without a sale."
    )


class SalesChange(Result):
    """Difference from the comparison period to this one; positive means more now."""

    net_revenue: Money = Field(description="Change of net_revenue.")
    net_revenue_percent: Percent = Field(description="That change in percent; null when nothing was sold before.")
    transactions: int = Field(description="Change of transactions.")
    transactions_percent: Percent = Field(description="That change in percent; null when there was nothing before.")
    units_sold: int = Field(description="Change of units_sold.")
    units_sold_percent: Percent = Field(description="That change in percent; null when there was nothing before.")
    average_basket: Money | None = Field(description="Change of average_basket.")
    average_basket_percent: Percent = Field(description="That change in percent; null when there was nothing before.")


class SalesGroup(Result):
    """One row of a breakdown."""

    key: NameText = Field(description="First day of a time bucket, SKU of a product, else the group's name.")
    label: NameText = Field(description="The group's name for people.")
    figures: SalesFigures = Field(description="This group's figures.")
    share_of_net_revenue_percent: Percent = Field(description="Share of the whole period's net revenue, in percent.")
    comparison_net_revenue: Money | None = Field(description="Net revenue of the same group in the comparison period.")
    net_revenue_change: Money | None = Field(description="Net revenue now less net revenue then.")
    net_revenue_change_percent: Percent = Field(
        description="That change in percent; null when there was nothing before."
    )


class SalesSummary(Answer):
    """Sales of one store over one period."""

    store_id: str = Field(description="The store these figures are about.")
    currency: Currency
    period: PeriodUsed = Field(description="The days that were asked about.")
    totals: SalesFigures = Field(description="The whole period, whatever part of the breakdown is shown.")
    comparison_period: PeriodUsed | None = Field(description="The period compared with; null when none was asked for.")
    comparison_totals: SalesFigures | None = Field(description="The whole comparison period.")
    change: SalesChange | None = Field(description="From the comparison period to this one.")
    group_by: Dimension | None = Field(description="Dimension of the rows; null for totals only.")
    rows: list[SalesGroup] = Field(
        description="The breakdown: time in order, every bucket of the period; other groups by net revenue."
    )
    has_more: HasMore
    next_cursor: NextCursor


class ProductRank(Result):
    """A product with its sales in the period."""

    rank: int = Field(description="Place in the whole list, 1 is first.")
    product_id: UUID = Field(description="The product in this store.")
    sku: ShortText = Field(description="Pass to get_products.")
    product_name: NameText = Field(description="Name of the product.")
    brand: ShortText | None = Field(description="Brand, null when it has none.")
    category: ShortText | None = Field(description="Top-level category.")
    net_revenue: Money = Field(description=NET_REVENUE)
    units: int = Field(description="Units sold less units returned.")
    margin: Money | None = Field(
        description="Net revenue less cost of these units; null when a cost is unknown or your role does not see costs."
    )
    margin_percent: Percent = Field(description="Margin as a share of net revenue.")
    transactions: int = Field(description="Number of sale receipts with this product.")
    share_of_net_revenue_percent: Percent = Field(description="Share of the store's net revenue in this period.")
    current_stock: int = Field(description="Units on hand now.")
    is_active: bool = Field(description="False when the product is discontinued.")


class ProductRanking(Answer):
    """Products by their sales."""

    store_id: str = Field(description="The store this is about.")
    currency: Currency
    period: PeriodUsed = Field(description="The days that were asked about.")
    rank_by: RankBy = Field(description="Figure that decides the order.")
    order: RankOrder = Field(description="Which end comes first.")
    rows: list[ProductRank] = Field(description="This page of the ranking.")
    has_more: HasMore
    next_cursor: NextCursor


class TransactionRow(Result):
    """A receipt without its lines."""

    transaction_id: UUID = Field(description="Pass to get_transaction.")
    receipt_number: ShortText = Field(description="As printed on the receipt.")
    transaction_date: datetime = Field(description="When, with zone.")
    transaction_type: TransactionType = Field(description="sale, return or exchange.")
    payment_method: PaymentMethod | None = Field(description="How it was paid; null when unknown.")
    customer_id: UUID | None = Field(description="Null for a customer who did not identify.")
    customer: NameText | None = Field(description="Name, or a pseudonym where your role may not see it.")
    units: int = Field(description="Units sold less units returned on this receipt.")
    subtotal: Money = Field(description="After discounts, before tax; negative when goods came back.")
    tax_amount: Money = Field(description="Sales tax.")
    discount_amount: Money = Field(description="Already taken off subtotal.")
    total_amount: Money = Field(description="Paid; negative when money went back.")


class TransactionPage(Answer):
    """Receipts, newest first."""

    store_id: str = Field(description="The store this is about.")
    currency: Currency
    period: PeriodUsed = Field(description="The days that were asked about.")
    rows: list[TransactionRow] = Field(description="This page, newest first.")
    has_more: HasMore
    next_cursor: NextCursor


class TransactionLine(Result):
    """One line of a receipt."""

    sku: ShortText = Field(description="Pass to get_products.")
    product_id: UUID = Field(description="The product in this store.")
    product_name: NameText = Field(description="Name of the product.")
    returned: bool = Field(description="True when this line came back from the customer.")
    quantity: int = Field(description="Units, always positive.")
    unit_price: Money = Field(description="Price of one unit before discount and tax.")
    discount_amount: Money = Field(description="Discount on the whole line.")
    total_price: Money = Field(description="quantity x unit_price - discount_amount, never negative.")
    tax_amount: Money = Field(description="Sales tax.")


class TransactionDetails(TransactionRow, Answer):
    """A receipt with its lines."""

    store_id: str = Field(description="The store this is about.")
    currency: Currency
    cashier_id: ShortText | None = Field(description="Who served.")
    register_id: ShortText | None = Field(description="Which till.")
    return_reason: ShortText | None = Field(description="Why goods came back, as the cashier entered it.")
    original_receipt_number: ShortText | None = Field(description="The sale that a return or exchange refers to.")
    later_receipt_numbers: list[ShortText] = Field(description="Returns and exchanges that refer to this sale.")
    notes: LongText | None = Field(description="Free text of the cashier; null where your role may not see names.")
    lines: list[TransactionLine] = Field(description="Sold lines first, then returned ones.")
