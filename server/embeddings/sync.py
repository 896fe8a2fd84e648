"""Embeddings kept up by the running server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from server.db.routes import refuse_shared_sessions
from server.embeddings.database import SETTING, VectorDatabase, vector_database
from server.embeddings.job import EmbedJob
from server.embeddings.models import Embedders
from server.errors import ConfigurationError, RetailError
from server.process.background import background

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 900.0
"""After failures the pause doubles up to this."""


async def check_embed_login(dsn: str) -> None:
    """Refuse a login that cannot keep embeddings up.

    Args:
        dsn: URL of the database, logging in as mcp_embed.

    Raises:
        ConfigurationError: The login may not embed, or may far more; or a pooler is in the way.
    """
    async with vector_database(dsn, SETTING) as database:
        await database.store_ids()
        if await database.bypasses_policies():
            raise ConfigurationError(f"{SETTING} logs in as a role that bypasses row level security. Use mcp_embed.")
        if await database.is_pooled():
            await refuse_shared_sessions(dsn, SETTING, "who embeds a store holds a lock for it")


@asynccontextmanager
async def embedding_sync(dsn: str, embedders: Embedders, interval_seconds: float) -> AsyncIterator[None]:
    """Embed new and changed products, and drop discontinued ones, while the block runs.

    Each store keeps the model that it is searched with; one without a model so far gets the settings' model. To
    change a store over is an operator's decision, because it costs: `retail-mcp-seed embed`. Of several servers
    whichever comes first does a store.

    Args:
        dsn: URL of the database, logging in as mcp_embed; see `check_embed_login`.
        embedders: The server's own.
        interval_seconds: Pause between two looks.
    """
    async with background(_sync_forever(dsn, embedders, interval_seconds)):
        yield


async def refresh(database: VectorDatabase, embedders: Embedders) -> int:
    """Bring every open store up to date once.

    Returns:
        How many products got a new vector.

    Raises:
        RetailError: A store could not be done; the others were, as far as their providers answered.
    """
    embedded = 0
    failure: RetailError | None = None
    for store_id in await database.store_ids():
        try:
            async with database.inside(store_id) as store:
                embedder = embedders.of(await store.in_use())
            job = EmbedJob(database, embedder)
            await job.run(store_id)
        except RetailError as error:
            failure = failure or error
        else:
            embedded += job.done.embedded
    if failure is not None:
        raise failure
    return embedded


async def _sync_forever(
    dsn: str,
    embedders: Embedders,
    interval_seconds: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    pause = interval_seconds
    while True:
        try:
            async with vector_database(dsn, SETTING) as database:
                embedded = await refresh(database, embedders)
        except RetailError as error:
            pause = min(max(pause * 2, interval_seconds), max(LONGEST_PAUSE_SECONDS, interval_seconds))
            logger.warning("Embeddings could not all be brought up to date: %s Next look in %g s.", error, pause)
        else:
            pause = interval_seconds
            if embedded:
                logger.info("%d products were embedded", embedded)
        await sleep(pause)
