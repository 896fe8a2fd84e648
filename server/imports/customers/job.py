"""The import of customers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

from pydantic_core import PydanticCustomError

from server.db.queries import QueryFile
from server.imports.checking import Checker
from server.imports.customers.customer import CUSTOMERS, ImportedCustomer
from server.imports.faults import FieldRow
from server.imports.fields.contacts import email
from server.imports.fields.vocabulary import Vocabulary
from server.imports.kind import Faults
from server.imports.layouts import ForeignLayout
from server.imports.shopify.customers import SHOPIFY_CUSTOMERS
from server.imports.stores import Store

QUERIES = QueryFile("server.imports.customers", "merge.sql")
_CREATE_STAGING = QUERIES.statement("create_staging")
_INDEX_STAGING = QUERIES.statement("index_staging")
_COMPLETE = QUERIES.statement("complete_staging")
_UPDATE = QUERIES.statement("update_customers")
_INSERT = QUERIES.statement("insert_customers")
_OUTCOME = QUERIES.statement("outcome")
_RECORD = QUERIES.statement("record_import")
_ANALYZE = QUERIES.statement("analyze_customers")

# In the file and in the table by the same name, in the order in which they are staged.
_COLUMNS: Final = tuple(ImportedCustomer.model_fields)


@dataclass(frozen=True, slots=True)
class MergedCustomers:
    """What became of the customers."""

    inserted: int
    updated: int
    unchanged: int

    @property
    def changed(self) -> int:
        """Number of customers that are not as they were."""
        return self.inserted + self.updated

    def summary(self) -> str:
        """The counts, for the end of the import."""
        return f"{self.inserted:,} inserted, {self.updated:,} updated, {self.unchanged:,} unchanged"

    def notes(self) -> list[str]:
        """Nothing beside the counts."""
        return []


@dataclass(frozen=True, slots=True)
class CustomerImport:
    """Customers, recognised by their e-mail address; those that the file does not name stay as they are.

    Attributes:
        missing_name: Stands for a first or last name that is empty; without it such a row is rejected.
    """

    noun: ClassVar[str] = "customers"
    vocabulary: ClassVar[Vocabulary] = CUSTOMERS
    foreign: ClassVar[tuple[ForeignLayout, ...]] = (SHOPIFY_CUSTOMERS,)

    missing_name: str | None = None

    @property
    def context(self) -> dict[str, object]:
        """What stands for an empty name."""
        return {"missing_name": self.missing_name}

    async def stage(self, connection: Any, store: Store, checker: Checker, rows: Iterable[FieldRow]) -> None:
        """Copy the customers that are in order into a temporary table."""
        await connection.execute(_CREATE_STAGING)
        await connection.copy_records_to_table(
            "staged_customers",
            schema_name="pg_temp",
            columns=("store_id", "row_number", "given", *_COLUMNS),
            records=(
                (
                    store.store_id,
                    number,
                    list(customer.model_fields_set),
                    *(getattr(customer, column) for column in _COLUMNS),
                )
                for number, customer in checker.records(rows, ImportedCustomer, "email", _email)
            ),
        )
        await connection.execute(_INDEX_STAGING)

    async def find_invalid(self, connection: Any, store: Store, checker: Checker) -> Faults:
        """None: a customer who is in order fits any store."""
        return {}

    async def merge(self, connection: Any, store: Store, checker: Checker) -> MergedCustomers:
        """Bring the store's customers in step."""
        await connection.execute(_COMPLETE)
        await connection.execute(_UPDATE)
        await connection.execute(_INSERT, store.time_zone)
        merged = MergedCustomers(**await connection.fetchrow(_OUTCOME))
        if merged.changed:
            await connection.execute(_RECORD, store.store_id, json.dumps(asdict(merged)))
        return merged

    async def refresh_statistics(self, connection: Any) -> None:
        """Tell the planner about the new rows."""
        await connection.execute(_ANALYZE)


def _email(values: dict[str, object]) -> str | None:
    try:
        return email(values.get("email"))
    except PydanticCustomError:
        return None
