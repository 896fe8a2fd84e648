"""Staging and merging: what the store has becomes what the file says, in a few statements over all rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from server.db.queries import QueryFile
from server.imports.products.categories import category_ids
from server.imports.products.product import COLUMNS, ImportedProduct

QUERIES = QueryFile("server.imports.products", "merge.sql")
_CREATE_STAGING = QUERIES.statement("create_staging")
_INDEX_STAGING = QUERIES.statement("index_staging")
_PATHS = QUERIES.statement("staged_paths")
_ASSIGN_CATEGORIES = QUERIES.statement("assign_categories")
_COMPLETE = QUERIES.statement("complete_staging")
_UPDATE = QUERIES.statement("update_products")
_INSERT = QUERIES.statement("insert_products")
_MOVE_STOCK = QUERIES.statement("move_stock")
_DISCONTINUE = QUERIES.statement("discontinue_missing")
_OUTCOME = QUERIES.statement("outcome")
_RECORD = QUERIES.statement("record_import")
_ANALYZE_PRODUCTS = QUERIES.statement("analyze_products")
_ANALYZE_OTHERS = QUERIES.statement("analyze_others")

_STAGED: Final = ("store_id", "row_number", "given", "category_path", "stock_level", "is_active", *COLUMNS.values())


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of the products.

    Attributes:
        inserted: Are new.
        updated: Were changed and did not leave the range by that.
        unchanged: Were as the file says.
        discontinued: Left the range, because the file says so or does not name them.
        missing: Those of them that the file does not name.
        reactivated: Are back in the range; counted in `updated` as well.
        categories: New categories.
        kept_missing: Whether rejected rows without a legible SKU kept it from telling what is missing.
    """

    inserted: int
    updated: int
    unchanged: int
    discontinued: int
    missing: int
    reactivated: int
    categories: int
    kept_missing: bool = False

    @property
    def changed(self) -> int:
        """Number of products that are not as they were."""
        return self.inserted + self.updated + self.discontinued

    def summary(self) -> str:
        """The counts, for the end of the import."""
        back = f" ({self.reactivated:,} of them back in the range)" if self.reactivated else ""
        new = f", {self.categories:,} new categories" if self.categories else ""
        return (
            f"{self.inserted:,} inserted, {self.updated:,} updated{back}, {self.unchanged:,} unchanged, "
            f"{self.discontinued:,} discontinued{new}"
        )

    def notes(self) -> list[str]:
        """What a person should know beside the counts."""
        found = []
        if self.kept_missing:
            found.append("No product was discontinued for being missing: a rejected row without a SKU may be about it.")
        if self.missing:
            found.append(f"{self.missing:,} discontinued products are not in the file; --partial would have kept them.")
        return found


async def stage(connection: Any, store_id: str, products: Iterable[tuple[int, ImportedProduct]]) -> None:
    """Copy products of a store with their row numbers into the staging table, which lasts for the transaction."""
    await connection.execute(_CREATE_STAGING)
    await connection.copy_records_to_table(
        "staged_products",
        schema_name="pg_temp",
        columns=_STAGED,
        records=((store_id, *_staged_row(number, product)) for number, product in products),
    )
    await connection.execute(_INDEX_STAGING)


async def merge(connection: Any, store_id: str, *, keep_missing: bool, rejected_skus: Collection[str]) -> Merged:
    """Bring the store's products, their stock and the categories in step with the staged ones.

    Args:
        connection: In the transaction that staged them.
        store_id: The store.
        keep_missing: Whether products that the file does not name stay in the range.
        rejected_skus: Products that the file names in rows that were rejected; they stay as they are.
    """
    categories = await _assign_categories(connection)
    await connection.execute(_COMPLETE)
    await connection.execute(_UPDATE)
    if await connection.execute(_INSERT) != "INSERT 0 0":
        await connection.execute(_ANALYZE_PRODUCTS)
    await connection.execute(_MOVE_STOCK)
    missing = 0
    if not keep_missing:
        missing = await connection.fetchval(_DISCONTINUE, store_id, list(rejected_skus))
    outcome = dict(await connection.fetchrow(_OUTCOME))
    outcome["discontinued"] += missing
    merged = Merged(**outcome, missing=missing, categories=categories)
    if merged.changed:
        await connection.execute(_RECORD, store_id, json.dumps({**outcome, "categories": categories}))
    return merged


async def refresh_statistics(connection: Any) -> None:
    """Tell the planner about the new rows."""
    await connection.execute(_ANALYZE_OTHERS)


async def _assign_categories(connection: Any) -> int:
    staged = [row["category_path"] for row in await connection.fetch(_PATHS)]
    paths = {text: tuple(json.loads(text)) for text in staged}
    ids, created = await category_ids(connection, paths.values())
    await connection.execute(_ASSIGN_CATEGORIES, staged, [ids[paths[text]] for text in staged])
    return created


def _staged_row(number: int, product: ImportedProduct) -> tuple[object, ...]:
    said = product.model_fields_set
    given = [column for field, column in COLUMNS.items() if field in said]
    if "categories" in said:
        given.append("category_id")
    path = None if product.categories is None else json.dumps(product.categories, ensure_ascii=False)
    values = (getattr(product, field) for field in COLUMNS)
    return number, given, path, product.stock_level, not product.discontinued, *values
