"""Results of the customer tools."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from server.toolkit.results import Answer, Currency, HasMore, Money, NextCursor, Result
from server.toolkit.terms import TransactionType
from server.toolkit.untrusted import NameText, ShortText


class LoyaltyTier(StrEnum):
    """Levels of the loyalty programme, lowest first."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"


class Segment(StrEnum):
    """Segments by recency, frequency and monetary value, best first; sql/0072 defines them."""

    CHAMPIONS = "champions"
    LOYAL = "loyal"
    POTENTIAL_LOYALISTS = "potential_loyalists"
    NEW = "new"
    PROMISING = "promising"
    NEED_ATTENTION = "need_attention"
    ABOUT_TO_SLEEP = "about_to_sleep"
    AT_RISK = "at_risk"
    CANT_LOSE = "cant_lose"
    HIBERNATING = "hibernating"
    LOST = "lost"


CustomerId = Annotated[UUID, Field(description="Pass to get_customer, or to list_transactions for all receipts.")]
Pseudonym = Annotated[str, Field(description="Stands for the customer where names may not be shown.")]
LifetimeValue = Annotated[Money, Field(description="Paid less refunded since the first purchase, tax included.")]


class CustomerHit(Result):
    """A customer that matches a search."""

    customer_id: CustomerId
    pseudonym: Pseudonym
    name: NameText | None = Field(description="First and last name; null where your role may not see it.")
    email: ShortText | None = Field(description="Masked for support, null for other roles but manager.")
    phone: ShortText | None = Field(description="As entered; null when unknown or where your role may not see it.")
    loyalty_tier: LoyaltyTier
    customer_since: date = Field(description="Day on which the customer was first known.")
    lifetime_value: LifetimeValue
    last_purchase_date: date | None = Field(
        description="Day of the latest sale in the store's time zone; null when there was none."
    )
    days_since_last_purchase: int | None = Field(description="Days from that day to today; null without a sale.")
    orders: int = Field(description="Number of sale receipts since ever.")


class CustomerPage(Answer):
    """Customers, best match first, then by lifetime value."""

    store_id: str = Field(description="The store whose customers these are.")
    currency: Currency
    total_matches: int = Field(description="Number of customers that match, on all pages.")
    rows: list[CustomerHit]
    has_more: HasMore
    next_cursor: NextCursor


class RecentPurchase(Result):
    """A receipt of the customer in short."""

    receipt_number: ShortText = Field(description="Pass to get_transaction for the lines.")
    transaction_date: datetime = Field(description="When, with zone.")
    transaction_type: TransactionType
    total_amount: Money = Field(description="Paid, tax included; negative when money went back.")
    products: list[NameText] = Field(description="Names of the products on it, five at most, the dearest lines first.")
    product_count: int = Field(description="Number of different products on it.")


class FavouriteCategory(Result):
    """A category that the customer spends on."""

    category: ShortText | None = Field(description="Top-level category; null for products without one.")
    net_revenue: Money = Field(description="Goods bought less goods returned: after discounts, before tax.")
    units: int = Field(description="Units bought less units returned.")
    share_percent: float | None = Field(
        description="Share of the customer's net revenue in percent, 12.5 meaning 12.5 %."
    )


class RfmScores(Result):
    """Place among the store's buyers, in fifths: 5 for the best, 1 for the last."""

    segment: Segment = Field(description="What the scores make of the customer; see summarize_customers.")
    recency_score: int = Field(description="By the latest purchase.")
    frequency_score: int = Field(description="By the number of purchases.")
    monetary_score: int = Field(description="By lifetime value.")


class PurchaseRhythm(Result):
    """How regularly a customer buys; all purchases of one day count as one."""

    purchase_days: int = Field(description="Days on which the customer bought.")
    median_days_between: float | None = Field(
        description="Half of the pauses between them are at most this long; null with fewer than two such days."
    )
    mean_days_between: float | None = Field(description="Average pause in days; null with fewer than two such days.")
    expected_next_purchase_date: date | None = Field(
        description="Latest purchase day and the median pause, rounded up; null with fewer than four purchase days."
    )
    is_overdue: bool | None = Field(description="True when that day has passed; null when it cannot be told.")
    days_overdue: int | None = Field(
        description="Days since that day, 0 when not overdue; null when it cannot be told."
    )


class CustomerProfile(Answer):
    """A customer and what the customer bought in this store."""

    store_id: str = Field(description="The store that this is about.")
    currency: Currency
    customer_id: CustomerId
    pseudonym: Pseudonym
    name: NameText | None = Field(description="First and last name; null where your role may not see it.")
    email: ShortText | None = Field(description="Masked for support, null for other roles but manager.")
    phone: ShortText | None = Field(description="As entered; null when unknown or where your role may not see it.")
    date_of_birth: date | None = Field(description="For managers only; null when unknown.")
    gender: ShortText | None = Field(description="As entered, for managers only; null when unknown.")
    erased_date: date | None = Field(
        description="Day on which the personal data was erased for good; null for a customer who is known."
    )
    customer_since: date = Field(description="Day on which the customer was first known.")
    loyalty_tier: LoyaltyTier
    lifetime_value: LifetimeValue
    orders: int = Field(description="Number of sale receipts.")
    returns: int = Field(description="Number of return and exchange receipts.")
    average_basket: Money | None = Field(
        description="Revenue of the sale receipts, before tax, divided by their number; null without a sale."
    )
    first_purchase_date: date | None = Field(description="Day of the first sale, in the store's time zone.")
    last_purchase_date: date | None = Field(description="Day of the latest sale, in the store's time zone.")
    days_since_last_purchase: int | None = Field(description="Days from that day to today; null without a sale.")
    rfm: RfmScores | None = Field(
        description="Null without a purchase, after erasure, and in a store with fewer than five buyers."
    )
    rhythm: PurchaseRhythm = Field(description="Pauses between purchases, and when the next one is due.")
    recent_purchases: list[RecentPurchase] = Field(description="The five latest receipts, newest first.")
    favourite_categories: list[FavouriteCategory] = Field(
        description="The three categories with most net revenue; one that all went back is left out."
    )
