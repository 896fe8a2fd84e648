"""Synthetic stores of any size: made-up words and clustered vectors, the same ones on every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pgvector.asyncpg import register_vector

from bench.database import Retailer
from server.db.operator import admin_connection
from server.embeddings import LOCAL_MODEL

DIMENSIONS: Final = 256
"""As many as the offline model has, under whose name the vectors stand."""

_SEED: Final = 20_261_127
_GROUPS: Final = 60
_PRODUCTS_PER_TYPE: Final = 60
# How far a type is off the middle of its group, and a product off its type, as a multiple of the groups' own spread:
# two products of a type have a cosine of .77 on the average, of a group .47, others 0.
_TYPE_SPREAD: Final = 0.8
_PRODUCT_SPREAD: Final = 0.7
_WORDS: Final = 3_000
# Added to a word's rank, of which its frequency is the inverse: the most frequent word is in every fifth product.
_RANK_OFFSET: Final = 10
_WORDS_IN_NAME: Final = 4
_WORDS_IN_TEXT: Final = 12
_WORDS_IN_QUERY: Final = 3
_SYLLABLES: Final = ("ba", "do", "fi", "gu", "ke", "lo", "ma", "ni", "po", "ru", "sa", "te", "vo", "wi", "zu")

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Query:
    """What to ask a store: words of one of its products, and a vector near that product's."""

    text: str
    vector: Vectors


@dataclass(frozen=True)
class SyntheticStore:
    """A store that was loaded.

    Attributes:
        store_id: The store.
        product_ids: Its products.
        vectors: Their vectors, in the same order.
        texts: Their words, name and description together.
    """

    store_id: str
    product_ids: Sequence[UUID]
    vectors: Vectors
    texts: Sequence[Sequence[str]]

    def queries(self, number: int) -> list[Query]:
        """Queries that are the same on every run: as near to some product as that is to its type."""
        random = np.random.default_rng([_SEED, len(self.product_ids), number])
        chosen = random.integers(0, len(self.product_ids), number)
        noise = random.standard_normal((number, DIMENSIONS)) * _PRODUCT_SPREAD
        # Vectors have length 1 here; their makers' have the root of this much in each dimension.
        scale = np.sqrt((1 + _TYPE_SPREAD**2 + _PRODUCT_SPREAD**2) * DIMENSIONS)
        vectors = _unit(self.vectors[chosen] * scale + noise)
        words = (random.choice(self.texts[product], _WORDS_IN_QUERY, replace=False) for product in chosen)
        return [Query(" ".join(text), vector) for text, vector in zip(words, vectors, strict=True)]

    def nearest(self, query: Query, number: int, floor: float) -> dict[UUID, float]:
        """By brute force, without the database: all products above the floor that are as near as the last of these."""
        similarities = self.vectors.astype(np.float64) @ query.vector.astype(np.float64)
        least = max(np.sort(similarities)[-min(number, len(similarities))], floor)
        # Single precision in the database: of two that are that close either may come first.
        near = np.flatnonzero(similarities >= least - 1e-6)
        return {self.product_ids[place]: float(similarities[place]) for place in near}


async def load_stores(retailer: Retailer, sizes: Mapping[str, int]) -> list[SyntheticStore]:
    """Open stores of these sizes, with products, vectors and statistics."""
    random = np.random.default_rng([_SEED, *sizes.values()])
    total = sum(sizes.values())
    vectors = _clustered(random, total)
    frequencies = 1 / (np.arange(_WORDS) + _RANK_OFFSET)
    places = random.choice(_WORDS, (total, _WORDS_IN_TEXT), p=frequencies / frequencies.sum())
    words = [_word(place) for place in range(_WORDS)]
    stores = []
    async with admin_connection(retailer.admin_url) as connection:
        await register_vector(connection)
        begin = 0
        for store_id, size in sizes.items():
            end = begin + size
            texts = [[words[place] for place in row] for row in places[begin:end]]
            stores.append(await _load(connection, store_id, texts, vectors[begin:end]))
            begin = end
        # What autovacuum does within a minute.
        for table in ("products", "product_embeddings"):
            await connection.execute(f"vacuum analyze retail.{table}")
    return stores


async def _load(connection: Any, store_id: str, texts: list[list[str]], vectors: Vectors) -> SyntheticStore:
    await connection.execute(
        "insert into retail.stores (store_id, store_name, embedding_model, embedding_dimensions)"
        " values ($1, 'Synthetic ' || $1, $2, $3)",
        store_id,
        LOCAL_MODEL,
        DIMENSIONS,
    )
    await connection.copy_records_to_table(
        "products",
        schema_name="retail",
        columns=("store_id", "sku", "product_name", "product_description", "price"),
        records=(
            (
                store_id,
                f"S-{number:06}",
                " ".join(text[:_WORDS_IN_NAME]),
                " ".join(text[_WORDS_IN_NAME:]),
                1 + number % 90,
            )
            for number, text in enumerate(texts)
        ),
    )
    rows = await connection.fetch("select product_id from retail.products where store_id = $1 order by sku", store_id)
    product_ids = [row["product_id"] for row in rows]
    await connection.copy_records_to_table(
        "product_embeddings",
        schema_name="retail",
        columns=(
            "store_id", "product_id", "embedding_text", "embedding", "embedding_model", "dimensions", "content_hash",
        ),
        records=(
            (store_id, product_id, "synthetic", vector, LOCAL_MODEL, DIMENSIONS, "synthetic")
            for product_id, vector in zip(product_ids, vectors, strict=True)
        ),
    )  # fmt: skip
    return SyntheticStore(store_id, product_ids, vectors, texts)


def _clustered(random: np.random.Generator, number: int) -> Vectors:
    """Unit vectors in groups of types of products, normal noise in every dimension."""
    types = max(number // _PRODUCTS_PER_TYPE, 1)
    groups = random.standard_normal((_GROUPS, DIMENSIONS))
    middles = groups[random.integers(0, _GROUPS, types)] + _TYPE_SPREAD * random.standard_normal((types, DIMENSIONS))
    of_type = middles[random.integers(0, types, number)]
    return _unit(of_type + _PRODUCT_SPREAD * random.standard_normal((number, DIMENSIONS)))


def _unit(vectors: npt.NDArray[Any]) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _word(number: int) -> str:
    """A word of four syllables, the same for the same number; none is another one's inflection."""
    syllables = []
    for _ in range(4):
        number, place = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[place])
    return "".join(syllables) + "x"
