"""The embedder of the running server, for tools that need one."""

from __future__ import annotations

from fastmcp import Context
from fastmcp.dependencies import CurrentContext

from server.embeddings.base import Embedder


async def current_embedder(context: Context = CurrentContext()) -> Embedder:
    """Dependency: the embedder that the settings chose."""
    embedder: Embedder = context.lifespan_context["embedder"]
    return embedder
