"""How a command gets to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server.config import Settings, load_settings
from server.operations.deployment import Deployment, open_deployment, prepare_embedded

Answer = TypeVar("Answer")
Work = Callable[[str, Settings], Awaitable[Answer]]


def with_database(work: Work[Answer], url: Callable[[Deployment], str] = Deployment.require_admin_url) -> Answer:
    """Run work on the configured database; an embedded one is started, and stopped afterwards.

    Args:
        work: Takes the URL and the settings.
        url: Chooses the login; the operator's by default.

    Raises:
        ConfigurationError: The settings name no database for it.
    """
    settings = load_settings()
    with open_deployment(settings) as deployment:
        return asyncio.run(_run(deployment, settings, work, url))


def with_embed_database(work: Work[Answer]) -> Answer:
    """The same under a login that may embed and no more, where there is one."""
    return with_database(work, lambda deployment: deployment.embed_database_url or deployment.require_admin_url())


async def _run(
    deployment: Deployment, settings: Settings, work: Work[Answer], url: Callable[[Deployment], str]
) -> Answer:
    if deployment.embedded:
        await prepare_embedded(deployment)
    return await work(url(deployment), settings)
