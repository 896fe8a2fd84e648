"""A customer of the file as it goes into the database: every field checked, every limit the schema's."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from server.imports.fields import contacts
from server.imports.fields.choices import choice
from server.imports.fields.empty_values import required, with_default
from server.imports.fields.texts import text
from server.imports.fields.timestamps import day
from server.imports.fields.vocabulary import Vocabulary

TIERS: Final = ("bronze", "silver", "gold", "platinum")


def _name(value: object, info: ValidationInfo) -> object:
    """A part of a name; the context's `missing_name` stands for one that is empty."""
    return required(text(value, 50) or (info.context or {}).get("missing_name"))


class ImportedCustomer(BaseModel):
    """One customer. The names are those of the file; the defaults are those of the schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: Annotated[str, BeforeValidator(lambda value: required(contacts.email(value)))]
    first_name: Annotated[str, BeforeValidator(_name)]
    last_name: Annotated[str, BeforeValidator(_name)]
    phone: Annotated[str | None, BeforeValidator(contacts.phone)] = None
    date_of_birth: Annotated[date | None, BeforeValidator(day)] = None
    gender: Annotated[str | None, BeforeValidator(partial(text, limit=20))] = None
    customer_since: Annotated[date | None, BeforeValidator(day)] = None
    loyalty_tier: Annotated[str, with_default(choice(TIERS), "bronze")] = "bronze"


CUSTOMERS: Final = Vocabulary.of(
    ImportedCustomer,
    aliases={
        "email": ("e_mail", "email_address", "customer_email"),
        "first_name": ("given_name", "firstname"),
        "last_name": ("family_name", "surname", "lastname"),
        "phone": ("phone_number", "telephone"),
        "date_of_birth": ("birth_date", "birthday"),
        "customer_since": ("since", "member_since"),
        "loyalty_tier": ("tier",),
    },
)
