"""The check of embeddings: whether every store can be searched by meaning."""

from __future__ import annotations

from server.config import Settings
from server.db.operator import SETTING as ADMIN_SETTING
from server.embeddings.base import Embedder
from server.embeddings.database import SETTING, vector_database
from server.embeddings.models import Embedders, ModelInUse, UnservedModel
from server.embeddings.sync import check_embed_login
from server.errors import ConfigurationError
from server.operations.deployment import Deployment


async def embeddings(settings: Settings, deployment: Deployment) -> str:
    """Whether what keeps embeddings up may, is complete, and each store's model can be asked.

    Raises:
        ConfigurationError: A store cannot be searched by meaning, or not for everything it sells.
        EmbeddingUnavailableError: A provider does not answer.
    """
    url, setting = deployment.embed_database_url, SETTING
    if url is not None and settings.embed_interval_seconds > 0:
        await check_embed_login(url)
    if url is None:
        url, setting = deployment.admin_url, ADMIN_SETTING
    if url is None:
        raise ConfigurationError(
            "RETAIL_EMBED_DATABASE_URL is not set, so nothing keeps embeddings in step with products. Set it (login "
            "mcp_embed), or run regularly: retail-mcp-seed embed"
        )
    embedders = Embedders(settings)
    try:
        models = await _models(url, setting, embedders)
        for model in models:
            await model.embed(["a test"])
    finally:
        await embedders.close()
    return f"complete and up to date; {', '.join(sorted(model.model for model in models))} answers"


async def _models(url: str, setting: str, embedders: Embedders) -> list[Embedder]:
    """The models that stores are searched with, and the settings' own."""
    models = [embedders.configured]
    behind, unserved = [], []
    async with vector_database(url, setting) as database:
        for store_id in await database.store_ids():
            async with database.inside(store_id) as store:
                model = embedders.of(await store.in_use())
                state = await store.state(ModelInUse(model.model, model.dimensions))
            if isinstance(model, UnservedModel):
                unserved.append(f"{store_id} ({model.model}, {model.dimensions} dimensions)")
            elif state.missing or state.outdated:
                behind.append(f"{store_id}: {state.missing} missing, {state.outdated} of older texts")
            if model not in models:
                models.append(model)
    if unserved:
        raise ConfigurationError(
            f"Search by meaning is off in {', '.join(unserved)}: these settings name no provider of the embedding "
            "model there. Give the provider's settings back, or change the stores over with: retail-mcp-seed embed"
        )
    if behind:
        raise ConfigurationError(
            f"Products lack an embedding ({'; '.join(behind)}). A server with RETAIL_EMBED_DATABASE_URL makes them "
            "within minutes; now: retail-mcp-seed embed"
        )
    return models
