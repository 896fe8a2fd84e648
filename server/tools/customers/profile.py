"""One customer in detail."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
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
from server.toolkit.params import StoreId
from server.toolkit.results import Result
from server.tools.customers.models import (
    CustomerProfile,
    FavouriteCategory,
    LoyaltyTier,
    PurchaseRhythm,
    RecentPurchase,
    RfmScores,
)


class _CustomerRow(Result):
    """Columns of customer."""

    customer_id: UUID
    pseudonym: str
    name: str | None
    email: str | None
    phone: str | None
    date_of_birth: date | None
    gender: str | None
    erased_date: date | None
    customer_since: date
    loyalty_tier: LoyaltyTier
    lifetime_value: Decimal
    orders: int
    returns: int
    average_basket: Decimal | None
    first_purchase_date: date | None
    last_purchase_date: date | None
    days_since_last_purchase: int | None


QUERIES = QueryFile("server.tools.customers", "profile.sql")
CUSTOMER = QUERIES.query("customer", _CustomerRow)
RFM_SCORES = QUERIES.query("rfm_scores", RfmScores)
PURCHASE_RHYTHM = QUERIES.query("purchase_rhythm", PurchaseRhythm)
RECENT_PURCHASES = QUERIES.query("recent_purchases", RecentPurchase)
FAVOURITE_CATEGORIES = QUERIES.query("favourite_categories", FavouriteCategory)


@tool(title="Customer profile", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"customers"})
async def get_customer(
    customer_id: Annotated[UUID, Field(description="The customer, as search_customers or list_transactions gives it.")],
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> CustomerProfile:
    """Get one customer's profile: contact, value, RFM segment, purchase rhythm, receipts, favourites.

    Use this tool when you need to:
    - see who a customer is and how much, how often and how lately they bought
    - know what they bought last, what they like to buy, and whether the next purchase is overdue

    Do not use it to find a customer; use search_customers. For older receipts use list_transactions
    with customer_id.
    Contact details are masked as your role demands. Figures are about this store only.

    Example: get_customer(customer_id="0198c0de-0000-7000-8000-000000000001")
    """
    async with scopes.enter(store_id) as store:
        customer = await store.db.first(CUSTOMER, customer_id, store.time_zone, store.today)
        if customer is None:
            raise NotFoundError(f"No customer with this id in {store.store_id}. Find the id with search_customers.")
        rfm = await store.db.first(RFM_SCORES, customer_id)
        rhythm = await store.db.one(PURCHASE_RHYTHM, customer_id, store.time_zone, store.today)
        purchases = await store.db.all(RECENT_PURCHASES, customer_id)
        categories = await store.db.all(FAVOURITE_CATEGORIES, customer_id)
    return CustomerProfile(
        **dict(customer),
        store_id=store.store_id,
        currency=store.currency,
        rfm=rfm,
        rhythm=rhythm,
        recent_purchases=purchases,
        favourite_categories=categories,
    )
