"""The import of products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic_core import PydanticCustomError

from server.imports.checking import Checker
from server.imports.faults import FieldRow
from server.imports.fields.texts import text
from server.imports.fields.vocabulary import Vocabulary
from server.imports.job import ImportOptions, ImportReport, Report, import_file
from server.imports.kind import Faults
from server.imports.layouts import ForeignLayout
from server.imports.products.merge import Merged, merge, refresh_statistics, stage
from server.imports.products.product import PRODUCTS, ImportedProduct
from server.imports.shopify.products import SHOPIFY_PRODUCTS
from server.imports.stores import Store


@dataclass(frozen=True, slots=True)
class ProductImport:
    """Products, recognised by their SKU.

    Attributes:
        partial: Whether the file is only a part of the range, so that products it does not name stay.
    """

    noun: ClassVar[str] = "products"
    vocabulary: ClassVar[Vocabulary] = PRODUCTS
    foreign: ClassVar[tuple[ForeignLayout, ...]] = (SHOPIFY_PRODUCTS,)

    partial: bool = False

    @property
    def context(self) -> dict[str, object]:
        """Nothing beside the store's currency."""
        return {}

    async def stage(self, connection: Any, store: Store, checker: Checker, rows: Iterable[FieldRow]) -> None:
        """Copy the products that are in order into a temporary table."""
        await stage(connection, store.store_id, checker.records(rows, ImportedProduct, "sku", _sku))

    async def find_invalid(self, connection: Any, store: Store, checker: Checker) -> Faults:
        """None: a product that is in order fits any store."""
        return {}

    async def merge(self, connection: Any, store: Store, checker: Checker) -> Merged:
        """Bring the store's products, their stock and the categories in step."""
        merged = await merge(
            connection,
            store.store_id,
            keep_missing=self.partial or checker.has_nameless_rejects,
            rejected_skus=checker.rejected_keys,
        )
        return replace(merged, kept_missing=checker.has_nameless_rejects and not self.partial)

    async def refresh_statistics(self, connection: Any) -> None:
        """Tell the planner about the new rows."""
        await refresh_statistics(connection)


async def import_products(
    admin_dsn: str, file: Path, options: ImportOptions, *, partial: bool = False, report: Report | None = None
) -> ImportReport[Merged]:
    """Load a catalogue into a store; raises like `import_file`."""
    return await import_file(admin_dsn, file, ProductImport(partial), options, report=report)


def _sku(values: dict[str, object]) -> str | None:
    try:
        return text(values.get("sku"), 50)
    except PydanticCustomError:
        return None
