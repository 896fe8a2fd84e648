"""The format in which a customer gets what a store holds about them; docs/privacy.md describes it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

FORMAT: Final = "retail-customer-export/1"


class _Exported(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExportedStore(_Exported):
    """The store that holds it all."""

    store_id: str
    store_name: str
    currency: str
    time_zone: str


class ExportedCustomer(_Exported):
    """The customer's own record."""

    customer_id: UUID
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    date_of_birth: date | None
    gender: str | None
    customer_since: date
    loyalty_tier: str
    total_lifetime_value: Decimal
    purchase_count: int
    first_purchase_at: datetime | None
    last_purchase_at: datetime | None
    created_at: datetime
    updated_at: datetime
    erased_at: datetime | None


class ExportedLine(_Exported):
    """One line of a receipt; direction -1 means that it came back."""

    item_id: UUID
    product_id: UUID
    sku: str
    product_name: str
    direction: Literal[1, -1]
    quantity: int
    unit_price: Decimal
    discount_amount: Decimal
    total_price: Decimal
    tax_amount: Decimal
    original_item_id: UUID | None


class ExportedReceipt(_Exported):
    """A receipt of the customer with its lines, free text as it was written."""

    transaction_id: UUID
    receipt_number: str
    transaction_date: datetime
    transaction_type: str
    payment_method: str | None
    subtotal: Decimal
    tax_amount: Decimal
    discount_amount: Decimal
    total_amount: Decimal
    cashier_id: str | None
    register_id: str | None
    original_transaction_id: UUID | None
    return_reason: str | None
    notes: str | None
    metadata: Any
    created_at: datetime
    lines: list[ExportedLine]


class ExportedChange(_Exported):
    """An entry of the audit log about the customer's record or one of the receipts."""

    changed_at: datetime
    table_name: str
    record_id: UUID
    action: str
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None


class CustomerExport(_Exported):
    """Everything that one store holds about one customer."""

    format: Literal["retail-customer-export/1"] = FORMAT
    exported_at: datetime
    store: ExportedStore
    customer: ExportedCustomer
    receipts: list[ExportedReceipt]
    changes: list[ExportedChange]
