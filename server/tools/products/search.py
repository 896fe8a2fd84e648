"""Finding products by meaning, words and filters."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.db.queries import QueryFile
from server.embeddings.base import Embedder, Vector
from server.errors import EmbeddingUnavailableError, InvalidInputError
from server.store_embedder import StoreEmbedders, store_embedders
from server.store_scope import StoreScopes, store_scopes
from server.toolkit.annotations import READ_ONLY, needs
from server.toolkit.cursors import RankedPages
from server.toolkit.params import Category, Cursor, Limit, StoreId
from server.toolkit.results import Result
from server.tools.products.models import ProductHit, ProductSearch, ProductSort, SearchMode

NO_QUERY_VECTOR = (
    "Searched by words only: no embedding of the query could be made just now. "
    "Products described in other words may be missing; the same call may find them later."
)
NO_STORED_VECTORS = (
    "Searched by words only: this store's products have no embeddings of the current model. "
    "An operator can make them with: python -m seed embed"
)


class _FoundRow(Result):
    """Columns of search_products."""

    mode_used: SearchMode | None
    lacks_vectors: bool
    total_matches: int
    unrelated_products: int
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
    matched_words: bool | None
    exact_match: bool | None

    def hit(self) -> ProductHit:
        """The product of this row."""
        return ProductHit.model_validate(self.model_dump(include=set(ProductHit.model_fields)))


QUERIES = QueryFile("server.tools.products", "search.sql")
SEARCH_PRODUCTS = QUERIES.query("search_products", _FoundRow)

Price = Annotated[Decimal | None, Field(ge=0, le=10_000_000, description="In the store's currency, before tax.")]


@tool(title="Search products", annotations=READ_ONLY, meta=needs("retail:read"), tags={"products"})
async def search_products(
    query: Annotated[
        str | None,
        Field(
            max_length=500,
            description="What the customer wants, in natural words, or a SKU or model. Leave out to browse.",
        ),
    ] = None,
    mode: Annotated[
        SearchMode,
        Field(description="hybrid: meaning and words; semantic: meaning only; keyword: words only."),
    ] = SearchMode.HYBRID,
    category: Category = None,
    brand: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="Brand as other products show it, in any case."),
    ] = None,
    min_price: Price = None,
    max_price: Price = None,
    in_stock: Annotated[bool, Field(description="True: only products with stock.")] = False,
    min_rating: Annotated[
        Decimal | None, Field(ge=0, le=5, description="Lowest average rating, 0 to 5; unrated products count as 0.")
    ] = None,
    tags: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=50)]] | None,
        Field(max_length=20, description="Only products with all these tags, as get_products shows them."),
    ] = None,
    sort: Annotated[
        ProductSort | None,
        Field(description="Leave out for the best match first (by name without a query)."),
    ] = None,
    limit: Limit = 10,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
    embedders: StoreEmbedders = Depends(store_embedders),
) -> ProductSearch:
    """Find products on sale by meaning, words and filters, best match first, with price and stock.

    Use this tool when you need to:
    - answer "what do we have like a waterproof box for outdoor wiring under 30, in stock?"
    - find the SKU of a product that somebody describes or names
    - browse a category or brand by price or rating (without query)

    Do not use it for products whose SKUs you have; use get_products. For best sellers use
    list_top_products, for what runs out list_low_stock.
    Put price, stock, brand and category into the filters, not into the query. With `sort` weak
    matches come between good ones. Further rows follow with next_cursor.

    Example: search_products(query="waterproof box for outdoor wiring", max_price=30, in_stock=true)
    """
    if min_price is not None and max_price is not None and min_price > max_price:
        raise InvalidInputError(f"min_price ({min_price}) is above max_price ({max_price}). Swap them.")
    text = " ".join((query or "").split()) or None
    wanted_tags = sorted({tag.lower() for tag in tags}) if tags else None
    filters = (category, brand, min_price, max_price, min_rating, wanted_tags, in_stock, sort)
    pages = RankedPages(
        "search_products",
        scopes.choose(store_id),
        {"query": text, "mode": mode, "filters": filters},
        cursor,
    )
    # Before a connection is borrowed: none must wait for a provider.
    embedder = await embedders.of(store_id)
    vector = await _query_vector(embedder, text, mode)
    async with scopes.enter(store_id) as store:
        first, *others = await store.db.all(
            SEARCH_PRODUCTS, vector, embedder.model, embedder.noise_floor, text, mode, *filters, limit, pages.offset
        )
    if mode is SearchMode.SEMANTIC and first.lacks_vectors:
        raise EmbeddingUnavailableError(
            f"The products of {store.store_id} have no embeddings of the current model, so they cannot be searched by "
            "meaning. Use mode=keyword; an operator can make the embeddings with: python -m seed embed"
        )
    rows = [row.hit() for row in (first, *others) if row.product_id]
    next_cursor = pages.next_cursor(len(rows), first.total_matches)
    return ProductSearch(
        store_id=store.store_id,
        currency=store.currency,
        search_mode_used=first.mode_used,
        note=_note(mode, first.mode_used, vector),
        total_matches=first.total_matches,
        unrelated_products=first.unrelated_products,
        rows=rows,
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )


async def _query_vector(embedder: Embedder, text: str | None, mode: SearchMode) -> Vector | None:
    """The vector of a query; None without one, in keyword mode, and in hybrid mode when none can be made."""
    if text is None or mode is SearchMode.KEYWORD:
        return None
    try:
        (vector,) = await embedder.embed([text])
    except EmbeddingUnavailableError:
        if mode is SearchMode.SEMANTIC:
            raise
        return None
    return vector


def _note(asked: SearchMode, used: SearchMode | None, vector: Vector | None) -> str | None:
    if used is None or used is asked:
        return None
    return NO_QUERY_VECTOR if vector is None else NO_STORED_VECTORS
