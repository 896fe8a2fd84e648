"""What a database needs before pg_upgrade can move it to another major version of PostgreSQL."""

from __future__ import annotations

from typing import Any

from server.db.queries import QueryFile
from server.errors import ConfigurationError

QUERIES = QueryFile("server.operations.admin", "pg_upgrade.sql")
_IS_SUPERUSER = QUERIES.statement("is_superuser")
_GIVE_BACK = QUERIES.statement("statements_that_give_back")


async def prepare_pg_upgrade(connection: Any) -> None:
    """Give PUBLIC back PostgreSQL's own functions, whose names differ between major versions.

    Until the next `migrate` takes them again, only the server's gate keeps SQL of callers from them.

    Args:
        connection: asyncpg connection of a superuser.

    Raises:
        ConfigurationError: The login is no superuser.
    """
    if not await connection.fetchval(_IS_SUPERUSER):
        raise ConfigurationError(
            "Only a superuser can prepare a database for pg_upgrade. Name one in RETAIL_ADMIN_DATABASE_URL; a "
            "managed service upgrades by its own means, and needs no preparation."
        )
    async with connection.transaction():
        for row in await connection.fetch(_GIVE_BACK):
            await connection.execute(row["statements"])
