"""What all operator commands share: the admin connection to a database that is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from server.config import load_settings
from server.db.operator import admin_connection, operator_errors
from server.operations.deployment import Deployment, open_deployment, prepare_embedded

Answer = TypeVar("Answer")


def as_operator(work: Callable[[Any], Awaitable[Answer]]) -> Answer:
    """Run `work` with an admin connection to the configured database and return what it returns."""
    with open_deployment(load_settings()) as deployment:
        return asyncio.run(_connected(deployment, work))


def as_watching_operator(work: Callable[[Any, Any], Awaitable[Answer]]) -> Answer:
    """The same for work that takes long: its second connection watches what the first one does."""

    async def watched(connection: Any, url: str) -> Answer:
        async with admin_connection(url) as watcher:
            return await work(connection, watcher)

    with open_deployment(load_settings()) as deployment:
        return asyncio.run(
            _connected(deployment, lambda connection: watched(connection, deployment.require_admin_url()))
        )


async def _connected(deployment: Deployment, work: Callable[[Any], Awaitable[Answer]]) -> Answer:
    with operator_errors():
        if deployment.embedded:
            await prepare_embedded(deployment)
        async with admin_connection(deployment.require_admin_url()) as connection:
            return await work(connection)
