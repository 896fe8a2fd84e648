"""Tools about the caller and its stores."""

from __future__ import annotations

from fastmcp.dependencies import Depends
from fastmcp.tools import tool

from server.db.queries import QueryFile
from server.embeddings.store_embedder import StoreEmbedders, store_embedders
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.params import StoreId
from server.tools.stores.models import StoreContext, StoreDetails, StoreSummary

QUERIES = QueryFile("server.tools.stores")
STORE_DETAILS = QUERIES.query("store_details", StoreDetails)


@tool(title="Who am I, which stores", annotations=READ_ONLY, meta=requires_scope("retail:read"), tags={"stores"})
async def get_store_context(
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(store_scopes),
    embedders: StoreEmbedders = Depends(store_embedders),
) -> StoreContext:
    """Tell who you act for, which stores you may see, and today's date and data range there.

    Use this tool when you need to:
    - start a conversation: it gives the store, currency, time zone and today's date
    - find the store_id to pass to the other tools
    - know whether the period a question is about has data at all

    Do not use it for sales figures; use summarize_sales.

    Example: get_store_context()
    """
    principal = scopes.principal
    stores = [StoreSummary(store_id=s.store_id, store_name=s.store_name, role=s.role) for s in principal.stores]
    if scopes.must_choose(store_id):
        return StoreContext(subject=principal.subject, role=None, current_store=None, your_stores=stores)
    embedder = await embedders.of(store_id)
    async with scopes.enter(store_id) as store:
        details = await store.db.one(STORE_DETAILS, embedder.model, embedder.dimensions)
    return StoreContext(subject=principal.subject, role=store.role, current_store=details, your_stores=stores)
