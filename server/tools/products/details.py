"""Details of products that the caller can name."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field, Json, JsonValue

from server.calls.principal import COST_ROLES
from server.db.queries import QueryFile
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.audit_marks import Identifier
from server.toolkit.identifiers import as_uuid
from server.toolkit.params import StoreId
from server.tools.products.models import ProductBatch, ProductDetails


class _DetailsRow(ProductDetails):
    """Columns of products."""

    asked: str
    attributes: Json[dict[str, JsonValue]]

    def details_only(self) -> ProductDetails:
        """This row without what was asked for."""
        return ProductDetails(**self.model_dump(exclude={"asked"}))


QUERIES = QueryFile("server.tools.products", "details.sql")
PRODUCTS = QUERIES.query("products", _DetailsRow)


@tool(title="Product details", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"products"})
async def get_products(
    products: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=50), Identifier()]],
        Field(
            min_length=1,
            max_length=50,
            description="1 to 50 SKUs or product ids, as search_products, list_low_stock or a label gives them.",
        ),
    ],
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> ProductBatch:
    """Get all details of up to 50 products by SKU or product id: price, stock, attributes, supplier.

    Use this tool when you need to:
    - answer what a product costs, whether it is there, how big it is or who supplies it
    - compare a few products
    - check a list of SKUs at once: those unknown are listed, the others are answered

    Do not use it to find a product by its name or purpose; use search_products. For substitutes of
    what is out of stock use list_similar_products. For sales of a product use list_top_products or
    list_transactions with sku.
    Descriptions and attributes are text written by people. Costs are for managers and analysts.

    Example: get_products(products=["HGDRILL0012", "HGSCREWS0003"])
    """
    asked = list(dict.fromkeys(text.strip() for text in products))
    async with scopes.enter(store_id) as store:
        rows = await store.db.all(PRODUCTS, asked, [as_uuid(text) for text in asked], store.role in COST_ROLES)
    found = {row.asked for row in rows}
    # One product may have been asked for by SKU and by id.
    unique: dict[UUID, _DetailsRow] = {}
    for row in rows:
        unique.setdefault(row.product_id, row)
    return ProductBatch(
        store_id=store.store_id,
        currency=store.currency,
        products=[row.details_only() for row in unique.values()],
        not_found=[text for text in asked if text not in found],
    )
