"""The embedder of a store: its model is the store's, so it takes a look into the store to know it."""

from __future__ import annotations

from fastmcp import Context
from fastmcp.dependencies import CurrentContext, Depends
from pydantic import BaseModel

from server.calls.server_context import ServerContext
from server.db.queries import QueryFile
from server.embeddings.base import Embedder
from server.embeddings.models import Embedders, ModelInUse
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes


class _StoreModel(BaseModel):
    embedding_model: str | None
    embedding_dimensions: int | None

    def in_use(self) -> ModelInUse | None:
        if self.embedding_model is None or self.embedding_dimensions is None:
            return None
        return ModelInUse(self.embedding_model, self.embedding_dimensions)


QUERIES = QueryFile("server.embeddings", "store_embedder.sql")
STORE_MODEL = QUERIES.query("store_model", _StoreModel)


class StoreEmbedders:
    """What a tool gets injected: the embedders of the stores that the caller may enter.

    Args:
        scopes: The caller's way into its stores.
        embedders: The server's own.
    """

    def __init__(self, scopes: StoreScopes, embedders: Embedders) -> None:
        self._scopes = scopes
        self._embedders = embedders

    async def of(self, store_id: str | None) -> Embedder:
        """The embedder for queries of a store; holds no connection when it returns.

        Args:
            store_id: The store the caller named, if any.

        Raises:
            NotFoundError: The store does not exist or is not the principal's. See `StoreScopes.enter` for others.
        """
        chosen = self._scopes.choose(store_id)
        remembered = self._embedders.in_use
        # What is remembered is for those who may enter: others must not see by the time that a store exists.
        is_own = any(access.store_id == chosen for access in self._scopes.principal.stores)
        known = remembered.get(chosen, ()) if is_own else ()
        if isinstance(known, tuple):
            async with self._scopes.enter(store_id) as store:
                row = await store.db.one(STORE_MODEL)
            known = remembered[chosen] = row.in_use()
        return self._embedders.for_queries(chosen, known)


async def store_embedders(
    context: Context = CurrentContext(), scopes: StoreScopes = Depends(store_scopes)
) -> StoreEmbedders:
    """Dependency: the embedders of the caller's stores."""
    return StoreEmbedders(scopes, ServerContext.of(context).get(Embedders))
