"""The category tree of a store."""

from __future__ import annotations

from fastmcp.dependencies import Depends
from fastmcp.tools import tool

from server.db.queries import QueryFile
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.params import StoreId
from server.tools.products.models import CategoryNode, CategoryTree

MAX_CATEGORIES = 300

QUERIES = QueryFile("server.tools.products", "categories.sql")
CATEGORIES = QUERIES.query("categories", CategoryNode)


@tool(title="Categories", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"products"})
async def list_categories(
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
) -> CategoryTree:
    """List the categories that a store sells in, as a tree with product counts and price ranges.

    Use this tool when you need to:
    - know what a store sells
    - find the exact category name to pass to search_products, list_low_stock or list_top_products

    Do not use it for sales by category; use summarize_sales with group_by="category". For the products
    of a category use search_products.
    Only categories with products on sale are listed, and those above them. Counts include subcategories.

    Example: list_categories()
    """
    async with scopes.enter(store_id) as store:
        rows = await store.db.all(CATEGORIES, MAX_CATEGORIES + 1)
    return CategoryTree(
        store_id=store.store_id,
        currency=store.currency,
        rows=rows[:MAX_CATEGORIES],
        has_more=len(rows) > MAX_CATEGORIES,
    )
