"""One page of the ranking: the statement that finds it, put together of the parts that a search needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from fastmcp import Context
from fastmcp.dependencies import CurrentContext
from pydantic import Json

from server.calls.call import calling_principal
from server.db.queries import QueryFile
from server.embeddings.base import Embedder, Vector
from server.errors import EmbeddingUnavailableError
from server.tenancy.dependencies import scopes_of
from server.tenancy.store_context import EnteredStore
from server.tenancy.store_scope import StoreScope, StoreScopes
from server.toolkit.results import Result
from server.tools.products.models import Facets, ProductHit, ProductSort, SearchMode
from server.tools.products.query_text import QueryText


class FoundRow(Result):
    """Columns of search_products."""

    unknown_words: list[str]
    has_unused_index: bool
    lacks_vectors: bool
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


QUERIES = QueryFile("server.tools.products", "search.sql")
ENTER_TO_SEARCH = QUERIES.query("enter_to_search", EnteredStore)
SEARCH_PRODUCTS = QUERIES.variants("search_products", FoundRow)

# As the tool passes them on when it is given none.
_NO_FILTERS: Final = (None, None, None, None, None, None, None, False)
_MIXED: Final = (SearchMode.HYBRID, SearchMode.RRF)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        mode: In which mode; None by browsing.
        rows: One page, at least one row.
    """

    mode: SearchMode | None
    rows: list[FoundRow]

    @property
    def unknown_words(self) -> list[str]:
        """Words that the store does not know; if there are any, nothing was looked for."""
        return self.rows[0].unknown_words


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

    async def found(
        self, store: StoreScope, asked: QueryText | None, vector: Vector | None, required_terms: Sequence[str] = ()
    ) -> Found:
        """Search a store that was entered to search.

        Args:
            store: The store.
            asked: The query; None to browse.
            vector: Its vector.
            required_terms: Words of the query. If the store lacks one of them, the result says so and has no rows.

        Raises:
            EmbeddingUnavailableError: The store cannot be searched by meaning, and by nothing else was asked for.
        """
        mode = self.mode if asked else None
        if vector is None and mode in _MIXED:
            mode = SearchMode.KEYWORD
        rows = await self._rows(store, asked, vector, mode, required_terms)
        if rows[0].unknown_words:
            return Found(mode, rows)
        if rows[0].lacks_vectors:
            if mode is SearchMode.SEMANTIC:
                raise EmbeddingUnavailableError(
                    f"The products of {store.store_id} have no embeddings of the current model, so they cannot be "
                    "searched by meaning. Use mode=keyword; an operator can make the embeddings with: "
                    "retail-mcp-seed embed"
                )
            mode = SearchMode.KEYWORD
            rows = await self._rows(store, asked, vector, mode)
        elif rows[0].has_unused_index:
            rows = await self._rows(store, asked, vector, mode, indexed=True)
        return Found(mode, rows)

    async def _rows(
        self,
        store: StoreScope,
        asked: QueryText | None,
        vector: Vector | None,
        mode: SearchMode | None,
        required_terms: Sequence[str] = (),
        *,
        indexed: bool = False,
    ) -> list[FoundRow]:
        """One page, at least one row."""
        text, phrases, codes = (asked.text, asked.phrases, asked.codes) if asked else (None, (), ())
        parts = {"indexed"} if indexed else set()
        if self.facets:
            parts.add("facets")
        filtered: tuple[Any, ...] = ()
        if phrases or self.filters != _NO_FILTERS or self.sort or mode in (SearchMode.RRF, None):
            parts.add("filtered")
            filtered = (phrases, *self.filters, self.sort)
        return await store.db.all(
            SEARCH_PRODUCTS[frozenset(parts)],
            None if mode is SearchMode.KEYWORD else vector, self.embedder.model, self.embedder.noise_floor,
            text, codes, mode, self.limit, self.offset, required_terms,
            *filtered,
        )  # fmt: skip


def search_scopes(context: Context = CurrentContext()) -> StoreScopes:
    """Dependency of a tool that searches: the caller's way into its stores, for `Search`."""
    return scopes_of(calling_principal(), context, ENTER_TO_SEARCH)
