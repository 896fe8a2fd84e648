"""A receipt and a line of it as the file has them: every field checked, every limit the schema's."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from server.imports.fields import values
from server.imports.fields.choices import choice
from server.imports.fields.contacts import email
from server.imports.fields.empty_values import required, with_default
from server.imports.fields.numbers import amount, units
from server.imports.fields.texts import code, fault, quoted, text
from server.imports.fields.timestamps import timestamp
from server.imports.fields.vocabulary import Vocabulary

TYPES: Final = ("sale", "return", "exchange")
PAYMENT_METHODS: Final = ("cash", "credit_card", "debit_card", "digital_wallet")
_NOTHING: Final = Decimal("0.00")

Text50 = Annotated[str | None, BeforeValidator(partial(text, limit=50))]


def _amount(value: object, info: ValidationInfo) -> Decimal:
    found = amount(value, info)
    return _NOTHING if found is None else found


def _currency(value: object, info: ValidationInfo) -> None:
    """Nothing that is stored: the store has one currency, and a file of another is not for it."""
    found, own = text(value, 10), str((info.context or {}).get("currency"))
    if found is not None and found.upper() != own:
        raise fault(f"{quoted(found)} is not the store's currency, {own}", f"Convert the amounts to {own}.")


class ImportedReceipt(BaseModel):
    """What all lines of a receipt have in common. The names are those of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receipt_number: Annotated[str, BeforeValidator(lambda value: required(code(value)))]
    transaction_date: Annotated[datetime, BeforeValidator(lambda value, info: required(timestamp(value, info)))]
    transaction_type: Annotated[Literal["sale", "return", "exchange"], with_default(choice(TYPES), "sale")] = "sale"
    customer_email: Annotated[str | None, BeforeValidator(email)] = None
    payment_method: Annotated[str | None, BeforeValidator(choice(PAYMENT_METHODS))] = None
    cashier_id: Text50 = None
    register_id: Text50 = None
    original_receipt: Annotated[str | None, BeforeValidator(code)] = None
    return_reason: Annotated[str | None, BeforeValidator(partial(text, limit=100))] = None
    notes: Annotated[str | None, BeforeValidator(partial(text, limit=2_000))] = None
    metadata: Annotated[str, with_default(values.metadata, "{}")] = "{}"
    currency: Annotated[None, BeforeValidator(_currency)] = None


class ImportedLine(BaseModel):
    """One line of a receipt. Discount and tax are those of the whole line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Annotated[str, BeforeValidator(lambda value: required(code(value)))]
    quantity: Annotated[int, BeforeValidator(lambda value: required(units(value)))]
    unit_price: Annotated[Decimal, BeforeValidator(lambda value, info: required(amount(value, info)))]
    discount: Annotated[Decimal, BeforeValidator(_amount)] = _NOTHING
    tax: Annotated[Decimal, BeforeValidator(_amount)] = _NOTHING
    unit_cost: Annotated[Decimal | None, BeforeValidator(amount)] = None
    placeholder_name: Annotated[str | None, BeforeValidator(partial(text, limit=200))] = None

    @property
    def total(self) -> Decimal:
        """Price of all its units after discount, before tax; never negative in a line that is in order."""
        return abs(self.quantity) * self.unit_price - self.discount


# The lines of a receipt that is written as one object.
LINES: Final = "lines"

_ALIASES: Final = {
    "receipt_number": ("receipt", "order_number", "transaction_number"),
    "transaction_date": ("date", "time", "sold_at"),
    "transaction_type": ("type",),
    "customer_email": ("email", "customer"),
    "payment_method": ("payment",),
    "cashier_id": ("cashier",),
    "register_id": ("register", "till"),
    "original_receipt": ("original_receipt_number",),
    "return_reason": ("reason",),
    "notes": ("note",),
    "sku": ("product_sku",),
    "quantity": ("qty", "units"),
    "unit_price": ("price",),
    "discount": ("discount_amount",),
    "tax": ("tax_amount",),
    "unit_cost": ("cost",),
    LINES: ("items",),
}
_FIELDS: Final = Vocabulary.of(ImportedReceipt, ImportedLine, aliases=_ALIASES)
SALES: Final = Vocabulary((*_FIELDS.fields, LINES), _FIELDS.required, _ALIASES)
