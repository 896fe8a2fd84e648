"""One page of the ranking: the statement that finds it, put together of the parts that a search needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from pydantic import Json

from server.db.queries import QueryFile
from server.embeddings.base import Embedder, Vector
from server.errors import EmbeddingUnavailableError
from server.store_scope import StoreScope
from server.toolkit.results import Result
from server.tools.products.models import Facets, ProductHit, ProductSort, SearchMode
from server.tools.products.query_text import QueryText


class FoundRow(Result):
    """Columns of search_products."""

    total_matches: int
    unrelated_products: int
    facets: Json[Facets] | None
    product_id: UUID | None
    sku: str | None
    product_name: str | None
    brand: str | None
    category: str | None
    subcategory: str | None
    price: Decimal | None
    current_stock: int | None
    in_stock: bool | None
    rating: float | None
    rating_count: int | None
    short_description: str | None
    score: float | None
    similarity: float | None
    word_score: float | None
    matched_words: list[str]
    exact_match: bool | None

    def hit(self) -> ProductHit:
        """The product of this row."""
        return ProductHit.model_validate(self.model_dump(include=set(ProductHit.model_fields)))


class Ways(Result):
    """Columns of search_ways."""

    has_vector_index: bool
    lacks_vectors: bool
    unknown_words: list[str]


QUERIES = QueryFile("server.tools.products", "search.sql")
SEARCH_WAYS = QUERIES.query("search_ways", Ways)
SEARCH_PRODUCTS = QUERIES.variants("search_products", FoundRow)

# As the tool passes them on when it is given none.
_NO_FILTERS: Final = (None, None, None, None, None, None, None, False)
_MIXED: Final = (SearchMode.HYBRID, SearchMode.RRF)
_BY_INDEX: Final = (SearchMode.HYBRID, SearchMode.SEMANTIC)


@dataclass(frozen=True, slots=True)
class Search:
    """What stays the same when a query is searched for again in other words.

    Attributes:
        embedder: Of the store.
        mode: As the caller wants it.
        filters: Parameters of search_products from the category to the stock.
        sort: Another order than the best match first.
        facets: Whether what was found is counted.
        limit: Rows to fetch.
        offset: Rows before them.
    """

    embedder: Embedder
    mode: SearchMode
    filters: tuple[Any, ...] = _NO_FILTERS
    sort: ProductSort | None = None
    facets: bool = False
    limit: int = 10
    offset: int = 0

    async def vector(self, asked: QueryText | None) -> Vector | None:
        """The vector of a query; None without one, in keyword mode, and in hybrid modes when none can be made."""
        if asked is None or self.mode is SearchMode.KEYWORD:
            return None
        try:
            (vector,) = await self.embedder.embed([asked.text])
        except EmbeddingUnavailableError:
            if self.mode is SearchMode.SEMANTIC:
                raise
            return None
        return vector

    async def ways(self, store: StoreScope, must_know: Sequence[str] = ()) -> Ways:
        """How the store can be searched in the transaction that is open, and which of these words it does not know."""
        return await store.db.one(SEARCH_WAYS, self.embedder.model, self.embedder.dimensions, must_know)

    def mode_used(self, asked: QueryText | None, vector: Vector | None, ways: Ways) -> SearchMode | None:
        """The mode that is left with the vectors there are; None to browse."""
        if asked is None:
            return None
        if self.mode in _MIXED and (vector is None or ways.lacks_vectors):
            return SearchMode.KEYWORD
        return self.mode

    async def rows(
        self, store: StoreScope, asked: QueryText | None, vector: Vector | None, ways: Ways
    ) -> list[FoundRow]:
        """One page, at least one row.

        Raises:
            EmbeddingUnavailableError: The store cannot be searched by meaning, and by nothing else was asked for.
        """
        mode = self.mode_used(asked, vector, ways)
        if mode is SearchMode.SEMANTIC and ways.lacks_vectors:
            raise EmbeddingUnavailableError(
                f"The products of {store.store_id} have no embeddings of the current model, so they cannot be searched "
                "by meaning. Use mode=keyword; an operator can make the embeddings with: python -m seed embed"
            )
        text, phrases, codes = (asked.text, asked.phrases, asked.codes) if asked else (None, (), ())
        parts = {"facets"} if self.facets else set()
        filtered: tuple[Any, ...] = ()
        if phrases or self.filters != _NO_FILTERS or self.sort or mode in (SearchMode.RRF, None):
            parts.add("filtered")
            filtered = (phrases, *self.filters, self.sort)
        if ways.has_vector_index and mode in _BY_INDEX and not self.sort:
            parts.add("indexed")
        return await store.db.all(
            SEARCH_PRODUCTS[frozenset(parts)],
            None if mode is SearchMode.KEYWORD else vector, self.embedder.model, self.embedder.noise_floor,
            text, codes, mode, self.limit, self.offset,
            *filtered,
        )  # fmt: skip
