"""What resembles a product, or stands in for one that is out of stock."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.db.queries import QueryFile
from server.embeddings.store_embedder import StoreEmbedders, store_embedders
from server.errors import NotFoundError
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.audit_marks import Identifier
from server.toolkit.identifiers import as_uuid
from server.toolkit.params import Limit, StoreId
from server.toolkit.results import Result
from server.tools.products.models import SimilarProduct, SimilarProducts


class _SimilarRow(Result):
    """Columns of similar_products."""

    asked_sku: str
    asked_name: str
    asked_price: Decimal
    asked_stock: int
    asked_is_active: bool
    product_id: UUID | None
    sku: str | None
    product_name: str | None
    brand: str | None
    category: str | None
    subcategory: str | None
    price: Decimal | None
    price_difference: Decimal | None
    current_stock: int | None
    in_stock: bool | None
    rating: float | None
    rating_count: int | None
    similarity: float | None


QUERIES = QueryFile("server.tools.products", "similar.sql")
SIMILAR_PRODUCTS = QUERIES.query("similar_products", _SimilarRow)


@tool(title="Similar products", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"products"})
async def list_similar_products(
    product: Annotated[
        str,
        Field(min_length=1, max_length=50, description="SKU or product id, as search_products or a label gives it."),
        Identifier(),
    ],
    in_stock: Annotated[
        bool, Field(description="True: only products with stock, as substitutes for one that is out of stock.")
    ] = False,
    limit: Limit = 10,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
    embedders: StoreEmbedders = Depends(store_embedders),
) -> SimilarProducts:
    """List products like a given one, from its category and near its price, those in stock first.

    Use this tool when you need to:
    - offer a substitute for what is out of stock or discontinued (in_stock=true)
    - show alternatives to a product, cheaper or dearer

    Do not use it to find products by words; use search_products. For what is bought together with a
    product this is the wrong tool: it finds what could be bought instead.
    Near its price means from half of it to twice as much.

    Example: list_similar_products(product="HG-HOSE-0001", in_stock=true)
    """
    asked = product.strip()
    embedder = await embedders.of(store_id)
    async with scopes.enter(store_id) as store:
        rows = await store.db.all(SIMILAR_PRODUCTS, asked, as_uuid(asked), embedder.model, in_stock, limit)
    if not rows:
        raise NotFoundError(f"No product with this SKU or id in {store.store_id}. Find it with search_products.")
    first = rows[0]
    return SimilarProducts(
        store_id=store.store_id,
        currency=store.currency,
        sku=first.asked_sku,
        product_name=first.asked_name,
        price=first.asked_price,
        current_stock=first.asked_stock,
        is_active=first.asked_is_active,
        rows=[
            SimilarProduct.model_validate(row.model_dump(include=set(SimilarProduct.model_fields)))
            for row in rows
            if row.product_id
        ],
    )
