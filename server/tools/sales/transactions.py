"""Single receipts: lists and details."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.db.queries import QueryFile
from server.errors import InvalidInputError, NotFoundError
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScope, StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.audit_marks import Identifier
from server.toolkit.cursors import PagedTime, Pager
from server.toolkit.identifiers import as_uuid
from server.toolkit.params import ROUNDED, Cursor, EndDate, Limit, Period, StartDate, StoreId
from server.toolkit.periods import resolve_period
from server.toolkit.results import Result
from server.toolkit.terms import TransactionType
from server.tools.sales.models import (
    PaymentMethod,
    TransactionDetails,
    TransactionLine,
    TransactionPage,
    TransactionRow,
)


class _HeaderRow(Result):
    """Columns of transaction."""

    transaction_id: UUID
    receipt_number: str
    transaction_date: datetime
    transaction_type: TransactionType
    payment_method: PaymentMethod | None
    customer_id: UUID | None
    customer: str | None
    subtotal: Decimal
    tax_amount: Decimal
    discount_amount: Decimal
    total_amount: Decimal
    cashier_id: str | None
    register_id: str | None
    return_reason: str | None
    original_receipt_number: str | None
    later_receipt_numbers: list[str]
    notes: str | None


class _NumberRow(Result):
    """The column of receipts_written_otherwise."""

    receipt_number: str


class _LastReceipt(Result):
    """Where a page of receipts ended."""

    date: PagedTime
    id: UUID

    @classmethod
    def of(cls, receipt: TransactionRow) -> _LastReceipt:
        """Where a page ends that ends with this receipt."""
        return cls(date=receipt.transaction_date, id=receipt.transaction_id)


QUERIES = QueryFile("server.tools.sales", "transactions.sql")
TRANSACTIONS = QUERIES.query("transactions", TransactionRow)
TRANSACTION = QUERIES.query("transaction", _HeaderRow)
RECEIPTS_WRITTEN_OTHERWISE = QUERIES.query("receipts_written_otherwise", _NumberRow)
TRANSACTION_LINES = QUERIES.query("transaction_lines", TransactionLine)


@tool(title="List receipts", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"sales"})
async def list_transactions(
    period: Period = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    transaction_type: Annotated[
        TransactionType | None,
        Field(description="Only sales, only returns or only exchanges; leave out for all."),
    ] = None,
    payment_method: Annotated[PaymentMethod | None, Field(description="Only receipts paid this way.")] = None,
    customer_id: Annotated[
        UUID | None, Field(description="Only receipts of this customer, as search_customers gives it.")
    ] = None,
    sku: Annotated[
        str | None, Field(min_length=1, max_length=50, description="Only receipts with this product."), Identifier()
    ] = None,
    minimum_total: Annotated[
        Decimal | None,
        Field(ge=0, le=10_000_000, description="Only receipts of at least this total, refunds counted by size."),
        ROUNDED,
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> TransactionPage:
    """List receipts of a period, newest first, without their lines.

    Use this tool when you need to:
    - find a receipt by day, customer, product, amount or payment method
    - see what a customer bought lately, or today's returns

    Do not add up these rows; use summarize_sales. For the lines of one receipt use get_transaction.
    Further rows follow with next_cursor.

    Example: list_transactions(start_date="2026-11-01", transaction_type="return", limit=20)
    """
    pager = Pager(
        _LastReceipt,
        "list_transactions",
        scopes.choose(store_id),
        {
            "period": (period, start_date, end_date),
            "type": transaction_type,
            "payment": payment_method,
            "customer": customer_id,
            "sku": sku,
            "minimum": minimum_total,
        },
    )
    after = pager.read(cursor)
    async with scopes.enter(store_id) as store:
        days = resolve_period(start_date, end_date, store.today, store.time_zone, period)
        rows = await store.db.all(
            TRANSACTIONS,
            days.start_date,
            days.end_date,
            store.time_zone,
            transaction_type,
            payment_method,
            customer_id,
            sku,
            minimum_total,
            after and after.date,
            after and after.id,
            limit + 1,
        )
    page = rows[:limit]
    has_more = len(rows) > limit
    return TransactionPage(
        store_id=store.store_id,
        currency=store.currency,
        period=days,
        rows=page,
        has_more=has_more,
        next_cursor=pager.next_cursor(page, _LastReceipt.of, has_more=has_more),
    )


@tool(title="Receipt with its lines", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"sales"})
async def get_transaction(
    transaction: Annotated[
        str,
        Field(
            min_length=1,
            max_length=50,
            description="Receipt number as printed, for example SEA-20261119-0042, or a transaction_id.",
        ),
        Identifier(),
    ],
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> TransactionDetails:
    """Get one receipt with its lines, the sale it refers to and later returns of it.

    Use this tool when you need to:
    - look a receipt up by its number or id
    - see what was on it, and whether something came back later

    Do not use it to search; use list_transactions.

    Example: get_transaction(transaction="SEA-20261119-0042")
    """
    wanted = transaction.strip()
    async with scopes.enter(store_id) as store:
        header = await store.db.first(TRANSACTION, as_uuid(wanted), wanted)
        if header is None:
            header = await store.db.first(TRANSACTION, None, await _number_written_otherwise(store, wanted))
        if header is None:
            raise NotFoundError(
                f"No receipt with this number or id in {store.store_id}. Check it, or find the receipt with "
                "list_transactions."
            )
        lines = await store.db.all(TRANSACTION_LINES, header.transaction_id)
    return TransactionDetails(
        **dict(header),
        store_id=store.store_id,
        currency=store.currency,
        units=sum(-line.quantity if line.returned else line.quantity for line in lines),
        lines=lines,
    )


async def _number_written_otherwise(store: StoreScope, number: str) -> str | None:
    """The receipt number that differs from the given one in case, blanks or a leading # only.

    Shopify numbers its orders #1001, and people leave the sign out.
    """
    bare = "".join(number.split()).removeprefix("#")
    writings = {f"{sign}{form}" for sign in ("", "#") for form in (bare, bare.upper())}
    found = await store.db.all(RECEIPTS_WRITTEN_OTHERWISE, sorted(writings)) if bare else []
    if len(found) > 1:
        numbers = " or ".join(row.receipt_number for row in found)
        raise InvalidInputError(f"More than one receipt may be meant: {numbers}. Write the number exactly like that.")
    return found[0].receipt_number if found else None
