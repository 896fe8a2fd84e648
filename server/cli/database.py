"""Commands that prepare a database."""

from __future__ import annotations

import asyncio

from server.admin.connection import admin_connection
from server.admin.keys import install_key
from server.config import load_settings
from server.db.migrate import migrate as apply_files
from server.deployment import Deployment, open_deployment, prepare_embedded


def migrate() -> None:
    """Bring the database up to this version's schema, and install RETAIL_CONTEXT_KEY in it if it is set."""
    with open_deployment(load_settings()) as deployment:
        applied = asyncio.run(_migrate(deployment))
    print("\n".join(f"applied {name}" for name in applied) or "The schema is current.")  # noqa: T201


async def _migrate(deployment: Deployment) -> list[str]:
    if deployment.embedded:
        return await prepare_embedded(deployment)
    async with admin_connection(deployment.require_admin_url()) as connection:
        applied = await apply_files(connection)
        if deployment.context_key is not None:
            await install_key(connection, deployment.context_key)
    return applied
