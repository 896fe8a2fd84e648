"""Results of the sales tools."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from server.toolkit.results import Answer, Currency, HasMore, Money, NextCursor, PeriodUsed, Result
from server.toolkit.terms import TransactionType
from server.toolkit.untrusted import LongText, NameText, ShortText, warn_in_descriptions
from server.tools.sales.dimensions import Dimension
from server.tools.sales.metrics import DEFINITIONS, FEW_EVENTS, Metric


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


def _figure(metric: Metric) -> Any:
    return Field(description=DEFINITIONS[metric].definition)


def _if_any(description: str) -> Any:
    return Field(default=None, exclude_if=lambda value: value is None, description=description)


# A typed dictionary, because an answer has hundreds: a model would ask for each of its fields whether it is left out.
@with_config(ConfigDict(extra="forbid", json_schema_extra=warn_in_descriptions))
class Figures(TypedDict, total=False):
    """The metrics that were asked for; one that cannot be told, such as a basket without a sale, is left out."""

    net_revenue: Annotated[Money, _figure(Metric.NET_REVENUE)]
    gross_revenue: Annotated[Money, _figure(Metric.GROSS_REVENUE)]
    returns_value: Annotated[Money, _figure(Metric.RETURNS_VALUE)]
    discounts: Annotated[Money, _figure(Metric.DISCOUNTS)]
    tax: Annotated[Money, _figure(Metric.TAX)]
    units_sold: Annotated[int, _figure(Metric.UNITS_SOLD)]
    units_returned: Annotated[int, _figure(Metric.UNITS_RETURNED)]
    transactions: Annotated[int, _figure(Metric.TRANSACTIONS)]
    returns: Annotated[int, _figure(Metric.RETURNS)]
    average_basket: Annotated[Money, _figure(Metric.AVERAGE_BASKET)]
    items_per_basket: Annotated[float, _figure(Metric.ITEMS_PER_BASKET)]
    cost: Annotated[Money, _figure(Metric.COST)]
    margin: Annotated[Money, _figure(Metric.MARGIN)]
    margin_rate: Annotated[float, _figure(Metric.MARGIN_RATE)]
    return_rate: Annotated[float, _figure(Metric.RETURN_RATE)]


class ComparedFigures(Result):
    """Figures with those of the comparison period; what follows from comparing is there only if one was asked for."""

    figures: Figures = Field(description="The metrics that were asked for.")
    comparison: Figures | None = _if_any("The same in the comparison period.")
    change: Figures | None = _if_any("Now less then, in each metric's own unit; rates in percentage points.")
    change_percent: dict[Metric, float] | None = _if_any(
        "That change in percent of then, by metric; without rates, and without what was nothing before."
    )
    few_events: bool | None = _if_any(
        f"Only there, and true, where the figures rest on fewer than {FEW_EVENTS} receipts, now or then: mere chance."
    )


class SalesGroup(ComparedFigures):
    """One row of a breakdown."""

    key: NameText = Field(
        description="First day of a time bucket, 1 (Monday) to 7 of a weekday, SKU of a product, else the group's name."
    )
    second_key: NameText | None = _if_any("The same of the second dimension.")
    label: NameText | None = _if_any("Name of the product, weekday or store in these keys.")
    share_percent: float | None = _if_any("Share of the total in the first metric, where it adds up.")
    rank: int = Field(
        description="Place among all groups by the first metric, 1 is the most; equal ones share a place."
    )
    rank_change: int | None = _if_any("Places gained since the comparison period; negative when lost; not of time.")


class SalesSummary(Answer):
    """Sales over one period."""

    store_id: str | None = Field(description="The store these figures are about; null for several.")
    currency: Currency
    period: PeriodUsed = Field(description="The days that were asked about.")
    comparison_period: PeriodUsed | None = _if_any("The period compared with.")
    group_by: list[Dimension] = Field(description="Dimensions of the rows; empty for totals only.")
    totals: ComparedFigures = Field(description="The whole period, whatever part of the breakdown is shown.")
    rows: list[SalesGroup] = Field(
        description=(
            "The breakdown: time in order and, alone, without gaps; other groups by the first metric, the most first. "
            "A receipt counts in each group that it has a line of."
        )
    )
    has_more: HasMore
    next_cursor: NextCursor


class StoreSales(ComparedFigures):
    """Sales of one store."""

    store_id: str = Field(description="The store.")
    store_name: str = Field(description="Its full name.")
    currency: Currency
    time_zone: str = Field(description="IANA time zone in which its days are counted.")
    share_percent: float | None = _if_any("Share of all compared stores with this currency, where the metric adds up.")
    rank: int = Field(description="Place by the first metric among the stores with this currency, 1 is the most.")
    rank_change: int | None = _if_any("Places gained since the comparison period; negative when lost.")


class CurrencyTotal(ComparedFigures):
    """Sales of all compared stores with one currency; amounts of different currencies are never added up."""

    currency: Currency
    stores: int = Field(description="How many stores these are.")


class StoreComparison(Answer):
    """Stores beside each other."""

    period: PeriodUsed = Field(description="The days that were asked about, the same dates in every store's time zone.")
    comparison_period: PeriodUsed | None = _if_any("The period compared with.")
    rows: list[StoreSales] = Field(description="One per store, by currency and rank.")
    totals: list[CurrencyTotal] = Field(description="One per currency.")


class ProductRank(Result):
    """A product with its sales in the period."""

    rank: int = Field(description="Place in the whole list, 1 is first.")
    product_id: UUID = Field(description="The product in this store.")
    sku: ShortText = Field(description="Pass to get_products.")
    product_name: NameText = Field(description="Name of the product.")
    brand: ShortText | None = Field(description="Brand, null when it has none.")
    category: ShortText | None = Field(description="Top-level category.")
    net_revenue: Money = Field(description=DEFINITIONS[Metric.NET_REVENUE].definition)
    units: int = Field(description="Units sold less units returned.")
    margin: Money | None = Field(
        description="Net revenue less cost of these units; null when a cost is unknown or your role does not see costs."
    )
    margin_percent: Percent = Field(description="Margin as a share of net revenue.")
    transactions: int = Field(description="Number of sale receipts with this product.")
    share_of_net_revenue_percent: Percent = Field(description="Share of the store's net revenue in this period.")
    change: Money | None = Field(
        description="Change of the figure ranked by since the previous period; null where it cannot be told."
    )
    change_percent: Percent = Field(description="That change in percent; null when there was nothing before.")
    rank_change: int | None = Field(
        description="Places gained since the previous period; negative when lost, null when not ranked then."
    )
    few_events: bool = Field(description="True when fewer than 5 receipts, now or then, are behind it: mere chance.")
    current_stock: int = Field(description="Units on hand now.")
    is_active: bool = Field(description="False when the product is discontinued.")


class ProductRanking(Answer):
    """Products by their sales."""

    store_id: str = Field(description="The store this is about.")
    currency: Currency
    period: PeriodUsed = Field(description="The days that were asked about.")
    previous_period: PeriodUsed = Field(description="The days that changes are from.")
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
    original_receipt_number: ShortText | None = Field(
        description="The sale that a return or exchange refers to; null for one whose sale is not known."
    )
    later_receipt_numbers: list[ShortText] = Field(description="Returns and exchanges that refer to this sale.")
    notes: LongText | None = Field(description="Free text of the cashier; null where your role may not see names.")
    lines: list[TransactionLine] = Field(description="Sold lines first, then returned ones.")
