"""Judged products in a store: loaded by the real import or generator, embedded by the real job."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.database import Retailer
from bench.relevance_search import Model
from bench.relevance_sets import JudgedSet, SetProduct
from seed.demo import load_demo
from seed.options import DemoOptions
from server.db.operator import admin_connection
from server.embeddings import build_embedder
from server.embeddings.all_stores import embed_products
from server.imports.job import ImportOptions
from server.imports.products.job import import_products
from server.imports.stores import TargetStore

IMPORTED_STORE: Final = "judged"
# The demo store with the largest range.
DEMO_STORE: Final = "online"

_NAME, _CATEGORY, _BRAND = "product_name", "category_name", "brand"
_START, _ALL = "left(product_description, 300)", "product_description"
_TAGS = "array_to_string(tags, ' ')"

SERVER_TEMPLATE: Final = "server"
TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    SERVER_TEMPLATE: (),
    "name": (_NAME,),
    "name, description": (_NAME, _START),
    "name, category, brand": (_NAME, _CATEGORY, _BRAND),
    "name, category, description": (_NAME, _CATEGORY, _START),
    "without tags": (_NAME, _CATEGORY, _BRAND, _START),
    "whole description": (_NAME, _CATEGORY, _BRAND, _ALL, _TAGS),
}
"""Texts that a product can be embedded as; the first one is whatever the server does."""

# The function that says what is embedded, with another body.
_TEMPLATE_FUNCTION: Final = """
create or replace function retail.embedding_text(
  product_name text, category_name text, brand text, product_description text, tags text[]
) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return regexp_replace(concat_ws('. ', {parts}), '\\s+', ' ', 'g')
"""

# No vowels and no digits: a made-up SKU must not be like a word or a number that somebody searches for.
_LETTERS: Final = "bcdfghjklmnpqrstvwxz"
_SKU_LENGTH: Final = 6
_MAX_NAME: Final = 200
_COLUMNS: Final = ("sku", "name", "description", "categories", "brand", "price", "stock_level")


class Skus:
    """SKUs for products of a foreign set, whose own keys may be plain numbers."""

    def __init__(self) -> None:
        self._keys: list[str] = []

    def new(self, key: str) -> str:
        """A new SKU for the product with this key."""
        number = len(self._keys)
        self._keys.append(key)
        letters = []
        for _ in range(_SKU_LENGTH):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        return "".join(reversed(letters))

    def key_of(self, sku: str) -> str:
        """The key behind a SKU."""
        number = 0
        for letter in sku:
            number = number * len(_LETTERS) + _LETTERS.index(letter)
        return self._keys[number]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A judged set whose products are in a store.

    Attributes:
        judged_set: The set, with the judgements that this store can answer.
        store_id: The store.
        key_of: Turns a SKU of the store into the product's key in the set.
        products: How many are on sale.
        rejected: How many the import did not take.
    """

    judged_set: JudgedSet
    store_id: str
    key_of: Callable[[str], str]
    products: int
    rejected: int


async def load(retailer: Retailer, judged_set: JudgedSet, directory: Path) -> Loaded:
    """Put the products of a set into an empty database.

    Products that the import rejects stay in the judgements: they cannot be found, and that counts.

    Args:
        retailer: The database.
        judged_set: The set.
        directory: Where a file for the import may be written.
    """
    if judged_set.directory is None:
        await load_demo(retailer.admin_url, DemoOptions())
        skus = await skus_on_sale(retailer.admin_url, DEMO_STORE)
        return Loaded(judged_set.within(skus), DEMO_STORE, str, len(skus), 0)
    made_up = Skus()
    file = directory / "catalogue.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(_COLUMNS)
        table.writerows(_rows(judged_set.products(), made_up))
    options = ImportOptions(TargetStore(IMPORTED_STORE, create=True), skip_rejected=True)
    done = await import_products(retailer.admin_url, file, options)
    return Loaded(judged_set, IMPORTED_STORE, made_up.key_of, done.merged.inserted, done.rejected)


async def skus_on_sale(admin_url: str, store_id: str) -> set[str]:
    """SKUs of the active products of a store."""
    async with admin_connection(admin_url) as connection:
        rows = await connection.fetch("select sku from retail.products where store_id = $1 and is_active", store_id)
    return {row["sku"] for row in rows}


async def embed(retailer: Retailer, store_id: str, model: Model, template: str) -> None:
    """Give the products of a store the vectors of a model, made of the texts of a template.

    Templates other than the server's stay in the database: ask for the server's first.
    """
    if template != SERVER_TEMPLATE:
        parts = ", ".join(f"nullif(btrim({part}), '')" for part in TEMPLATES[template])
        async with admin_connection(retailer.admin_url) as connection:
            await connection.execute(_TEMPLATE_FUNCTION.format(parts=parts))
    embedder = build_embedder(model.settings())
    try:
        await embed_products(retailer.admin_url, embedder, store_id=store_id)
    finally:
        await embedder.close()


def _rows(products: Iterable[SetProduct], skus: Skus) -> Iterator[tuple[str, ...]]:
    for product in products:
        name = " ".join(product.name.split())[:_MAX_NAME]
        yield (
            skus.new(product.key),
            name,
            product.description,
            " > ".join(level.replace(">", " ") for level in product.categories),
            product.brand[:100],
            "1.00",
            "1",
        )
