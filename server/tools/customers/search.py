"""Finding customers."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.calls.principal import Role
from server.db.queries import QueryFile
from server.errors import InvalidInputError, NotAllowedError
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.cursors import RankedPages
from server.toolkit.params import Cursor, Limit, StoreId
from server.tools.customers.models import CustomerHit, CustomerPage, LoyaltyTier, Segment

MIN_PHONE_DIGITS = 4
# What a role sees unmasked it may search by; the database holds to the same (sql/0070).
SEARCHABLE: Mapping[Role, Set[str]] = {
    "manager": {"name", "email", "phone", "loyalty_tier", "segment"},
    "support": {"name", "phone", "loyalty_tier", "segment"},
    "analyst": {"loyalty_tier", "segment"},
    "auditor": {"loyalty_tier", "segment"},
}


class _MatchedRow(CustomerHit):
    """Columns of search_customers."""

    total_matches: int

    def hit_only(self) -> CustomerHit:
        """This row without the count that repeats in every row."""
        return CustomerHit(**self.model_dump(exclude={"total_matches"}))


QUERIES = QueryFile("server.tools.customers", "search.sql")
SEARCH_CUSTOMERS = QUERIES.query("search_customers", _MatchedRow)


@tool(title="Search customers", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"customers"})
async def search_customers(
    name: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=100,
            description="Name or any part of it, 'First Last' or 'Last First', in any case.",
        ),
    ] = None,
    email: Annotated[
        str | None, Field(min_length=1, max_length=100, description="The whole e-mail address, in any case.")
    ] = None,
    phone: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=40,
            description="Phone number in any format, or its last digits, at least four.",
        ),
    ] = None,
    loyalty_tier: Annotated[LoyaltyTier | None, Field(description="Only customers of this tier.")] = None,
    segment: Annotated[
        Segment | None,
        Field(description="Only customers of this RFM segment, for example at_risk to win back; highest value first."),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> CustomerPage:
    """Find customers by name, e-mail, phone, tier or segment; criteria given together must all match.

    Use this tool when you need to:
    - find the customer who is calling or writing, to get a customer_id
    - list the best customers of a tier or segment, by lifetime value, with days since the last purchase

    Do not use it for what one customer bought; use get_customer. For all receipts of a customer use
    list_transactions.
    Pass at least one criterion. A role searches only by what it sees: support not by email, analyst and
    auditor by loyalty_tier and segment alone. summarize_customers tells the segments and their sizes.

    Example: search_customers(segment="at_risk", loyalty_tier="gold", limit=10)
    """
    wanted = {
        "name": " ".join((name or "").replace(",", " ").split()),
        "email": (email or "").strip(),
        "phone": (phone or "").strip(),
        "loyalty_tier": loyalty_tier,
        "segment": segment,
    }
    given = {field: value for field, value in wanted.items() if value}
    _check_criteria(given)
    pages = RankedPages("search_customers", scopes.choose(store_id), given, cursor)
    async with scopes.enter(store_id) as store:
        _check_role(store.role, given)
        if "segment" in given:
            # All customers are ranked for it.
            await store.enable_analytic_settings()
        rows = await store.db.all(
            SEARCH_CUSTOMERS,
            given.get("name"),
            given.get("email"),
            given.get("phone"),
            given.get("loyalty_tier"),
            given.get("segment"),
            store.time_zone,
            store.today,
            limit,
            pages.offset,
        )
    total = rows[0].total_matches if rows else 0
    next_cursor = pages.next_cursor(len(rows), total)
    return CustomerPage(
        store_id=store.store_id,
        currency=store.currency,
        total_matches=total,
        rows=[row.hit_only() for row in rows],
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )


def _check_criteria(given: Mapping[str, str | None]) -> None:
    if not given:
        raise InvalidInputError(
            "Say whom to look for: pass at least one of name, email, phone, loyalty_tier and segment."
        )
    phone = given.get("phone")
    if phone is not None and sum(character in "0123456789" for character in phone) < MIN_PHONE_DIGITS:
        raise InvalidInputError(
            f"phone needs at least {MIN_PHONE_DIGITS} digits. Pass more of the number, or search by name."
        )


def _check_role(role: Role, given: Mapping[str, str | None]) -> None:
    if masked := [field for field in given if field not in SEARCHABLE[role]]:
        raise NotAllowedError(
            f"Your role ({role}) sees {' and '.join(masked)} masked, so it cannot search by it. "
            f"It can search by {', '.join(sorted(SEARCHABLE[role]))}."
        )
