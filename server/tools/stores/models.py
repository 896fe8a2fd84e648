"""Results of the store tools."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from server.calls.principal import Role
from server.toolkit.results import Answer, Currency, Result


class StoreSummary(Result):
    """A store that the caller may name in store_id."""

    store_id: str = Field(description="Pass this as store_id.")
    store_name: str = Field(description="Full name of the store.")
    role: Role = Field(description="What the caller may do there.")


class StoreDetails(Result):
    """The store that a call without store_id is about."""

    store_id: str = Field(description="Short name of the store.")
    store_name: str = Field(description="Full name of the store.")
    store_location: str | None = Field(description="Where the store is.")
    store_type: str | None = Field(description="For example flagship, standard or ecommerce.")
    region: str | None = Field(description="Sales region.")
    currency: Currency
    time_zone: str = Field(description="IANA time zone in which this store counts its days.")
    today: date = Field(description="Today's date in that time zone.")
    first_sale_date: date | None = Field(description="First day with a receipt; null when there is none.")
    last_sale_date: date | None = Field(description="Last day with a receipt; null when there is none.")
    customers: int = Field(description="Number of customers.")
    active_products: int = Field(description="Number of products on sale.")
    products_not_searchable_by_meaning: int = Field(
        description="Active products that search_products finds by their words only, for want of an embedding."
    )
    products_searchable_by_older_texts: int = Field(
        description="Active products that changed since their embedding was made; search by words is up to date."
    )
    embedding_model: str = Field(description="Model with which this store's products are searched by meaning.")


class StoreContext(Answer):
    """The caller's identity and what it opens."""

    subject: str = Field(description="Name under which the caller is known.")
    role: Role | None = Field(description="The caller's role in current_store; null when no store is chosen.")
    current_store: StoreDetails | None = Field(
        description="The store used when store_id is left out; null when the caller has several and must choose."
    )
    your_stores: list[StoreSummary] = Field(description="Every store that the caller may see.")
