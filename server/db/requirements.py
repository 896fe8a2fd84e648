"""What a database must be before the schema can be put into it."""

from __future__ import annotations

import re
from typing import Any

from server.db.queries import QueryFile
from server.errors import ConfigurationError

QUERIES = QueryFile("server.db", "requirements.sql")
_PROPERTIES = QUERIES.statement("database_properties")

OLDEST_POSTGRESQL = 17
OLDEST_VECTOR = (0, 8)


async def check_requirements(connection: Any) -> None:
    """Refuse a database that the schema does not fit, before anything is changed.

    Args:
        connection: asyncpg connection of whoever migrates.

    Raises:
        ConfigurationError: PostgreSQL or pgvector is too old, pgvector is missing, the encoding is not UTF8, or the
            database takes no changes.
    """
    database = await connection.fetchrow(_PROPERTIES)
    if database["version"] // 10_000 < OLDEST_POSTGRESQL:
        raise ConfigurationError(
            f"This is PostgreSQL {database['version'] // 10_000}; {OLDEST_POSTGRESQL} or newer is needed. Nothing was "
            "changed."
        )
    if database["is_standby"]:
        raise ConfigurationError(
            "This server is a standby, which takes no changes. Name the primary in RETAIL_ADMIN_DATABASE_URL."
        )
    if database["is_read_only"]:
        raise ConfigurationError(
            "Transactions of this login are read-only here (default_transaction_read_only), so nothing was changed. "
            "Turn that off for the database or the login."
        )
    if database["encoding"] != "UTF8":
        raise ConfigurationError(
            f"The database's encoding is {database['encoding']}, which cannot hold every name and text; nothing was "
            "changed. Make one with: create database NAME {NEW_DATABASE}"
        )
    _check_vector(database["vector_version"], database["vector_available"])


def _check_vector(installed: str | None, available: str | None) -> None:
    wanted = ".".join(map(str, OLDEST_VECTOR))
    if installed is not None and _version(installed) < OLDEST_VECTOR:
        if available is not None and _version(available) >= OLDEST_VECTOR:
            remedy = "As a superuser: alter extension vector update."
        else:
            remedy = "Install a newer one on the database server, then as a superuser: alter extension vector update."
        raise ConfigurationError(
            f"pgvector {installed} is installed in this database; {wanted} or newer is needed. {remedy}"
        )
    if installed is None and (available is None or _version(available) < OLDEST_VECTOR):
        raise ConfigurationError(
            f"The database server has {f'pgvector {available}' if available else 'no pgvector'}; {wanted} or newer is "
            "needed. Install it there (Debian: postgresql-18-pgvector) and run this again."
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
