"""Finding products by meaning, words and filters."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field, WithJsonSchema

from server.embeddings.base import Embedder, Vector
from server.embeddings.models import UnservedModel
from server.embeddings.store_embedder import StoreEmbedders, store_embedders
from server.errors import InvalidInputError
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.cursors import RankedPages
from server.toolkit.params import ROUNDED, Category, Cursor, Limit, StoreId
from server.tools.products.models import ProductSearch, ProductSort, SearchMode
from server.tools.products.query_text import QueryText
from server.tools.products.ranking import FoundRow, Search, search_scopes
from server.tools.products.spelling import corrections, suspects

NO_QUERY_VECTOR = (
    "Searched by words only: no embedding of the query could be made just now. "
    "Products described in other words may be missing; the same call may find them later."
)
NO_PROVIDER = (
    "Searched by words only: this server's settings name no provider of the embedding model that this store is "
    "searched with. Products described in other words may be missing. An operator finds the remedy with: "
    "retail-mcp doctor"
)
NO_STORED_VECTORS = (
    "Searched by words only: this store's products have no embeddings of the current model. "
    "An operator can make them with: retail-mcp-seed embed"
)
NO_SUCH_PHRASE = (
    "No product that passes the filters has the words in quotes in this order. Leave the quotes out to search by the "
    "words and their meaning."
)


Price = Annotated[
    Decimal | None, Field(ge=0, le=10_000_000, description="In the store's currency, before tax."), ROUNDED
]
# Compared as text. Several clients lose a choice of types inside of an object, so that text is what they are told of.
AttributeValue = Annotated[
    Annotated[str, Field(max_length=500)] | bool | int | Annotated[float, Field(allow_inf_nan=False)],
    WithJsonSchema({"type": "string"}),
]


@tool(title="Search products", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"products"})
async def search_products(
    query: Annotated[
        str | None,
        Field(
            max_length=500,
            description=(
                'What the customer wants, in natural words, or a SKU, model or name; words in "quotes" must be there '
                "as they stand. Leave out to browse."
            ),
        ),
    ] = None,
    mode: Annotated[
        SearchMode,
        Field(
            description="hybrid: meaning and words; semantic: meaning; keyword: words; rrf: hybrid, mixed by rank.",
        ),
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
        Decimal | None,
        Field(ge=0, le=5, description="Lowest average rating, 0 to 5; unrated products count as 0."),
        ROUNDED,
    ] = None,
    tags: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=50)]] | None,
        Field(max_length=20, description="Only products with all these tags, as get_products shows them."),
    ] = None,
    attributes: Annotated[
        dict[str, AttributeValue] | None,
        Field(
            max_length=10,
            description="Only products with all these, as get_products shows attributes, written as text; color and "
            'size too. Example: {"color": "navy", "waterproof": "true", "watts": "60"}.',
        ),
    ] = None,
    sort: Annotated[
        ProductSort | None,
        Field(
            description="Leave out for the best match first (by name without a query). best_selling: by units sold in "
            "the last 90 days."
        ),
    ] = None,
    facets: Annotated[
        bool, Field(description="True: also count what was found by brand, category, price and rating.")
    ] = False,
    limit: Limit = 10,
    cursor: Cursor = None,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(search_scopes),
    embedders: StoreEmbedders = Depends(store_embedders),
) -> ProductSearch:
    """Find products on sale by meaning, words and filters, best match first, with price and stock.

    Use this tool when you need to:
    - answer "what do we have like a waterproof box for outdoor wiring under 30, in stock?"
    - find the SKU of a product that somebody describes or names
    - browse a category or brand by price, rating, newness or sales (without query)

    Do not use it for products whose SKUs you have; use get_products. For what resembles a product, or stands in for
    one that is out of stock, use list_similar_products; for best sellers list_top_products.
    Put price, stock, brand and category into the filters, not into the query. Misspelt words are corrected and
    reported. With `sort` weak matches come between good ones. Further rows follow with next_cursor.

    Example: search_products(query="waterproof box for outdoor wiring", max_price=30, in_stock=true)
    """
    if min_price is not None and max_price is not None and min_price > max_price:
        raise InvalidInputError(
            f"min_price ({min_price.normalize():f}) is above max_price ({max_price.normalize():f}). Swap them."
        )
    wanted_tags = sorted({tag.lower() for tag in tags}) if tags else None
    filters = (
        category, brand, min_price, max_price, min_rating, wanted_tags,
        json.dumps(attributes) if attributes else None, in_stock,
    )  # fmt: skip
    asked = QueryText.parse(query)
    pages = RankedPages(
        "search_products",
        scopes.choose(store_id),
        {"query": asked and (asked.text, asked.phrases), "mode": mode, "filters": (*filters, sort)},
        cursor,
    )
    # Before a connection is borrowed: none must wait for a provider.
    embedder = await embedders.of(store_id)
    search = Search(embedder, mode, filters, sort, facets, limit, pages.offset)
    vector = await search.vector(asked)
    doubtful = await suspects(asked.words()) if asked else []
    async with scopes.enter(store_id) as store:
        found = await search.found(store, asked, vector, doubtful)
        unknown = found.unknown_words
        fixed = await corrections(store, unknown, asked.text) if asked and unknown else {}
        if unknown and not fixed:
            found = await search.found(store, asked, vector)
    if asked and fixed:
        asked = asked.corrected(fixed)
        vector = await search.vector(asked)
        async with scopes.enter(store_id) as store:
            found = await search.found(store, asked, vector)
    first = found.rows[0]
    rows = [row.hit() for row in found.rows if row.product_id]
    next_cursor = pages.next_cursor(len(rows), first.total_matches)
    return ProductSearch(
        store_id=store.store_id,
        currency=store.currency,
        search_mode_used=found.mode,
        note=_note(embedder, mode, found.mode, asked, vector, first),
        corrected_query=asked.text if asked and fixed else None,
        total_matches=first.total_matches,
        unrelated_products=first.unrelated_products,
        facets=first.facets,
        rows=rows,
        has_more=next_cursor is not None,
        next_cursor=next_cursor,
    )


def _note(
    embedder: Embedder,
    wanted: SearchMode,
    used: SearchMode | None,
    asked: QueryText | None,
    vector: Vector | None,
    first: FoundRow,
) -> str | None:
    if asked and asked.phrases and not first.total_matches:
        return NO_SUCH_PHRASE
    if used is None or used is wanted:
        return None
    if isinstance(embedder, UnservedModel):
        return NO_PROVIDER
    return NO_QUERY_VECTOR if vector is None else NO_STORED_VECTORS
