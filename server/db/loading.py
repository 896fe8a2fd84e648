"""The connection of a job that loads: whatever fails on it is told in one way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from server.db.operator import SETTING
from server.db.queries import QueryFile
from server.db.urls import connect
from server.errors import ConfigurationError, LoadError

_FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

QUERIES = QueryFile("server.db", "loading.sql")
_ROLE = QUERIES.statement("loading_role")


@asynccontextmanager
async def connected(
    admin_dsn: str, *, job: str, unit: str, session: Mapping[str, str] | None = None
) -> AsyncIterator[Any]:
    """Connect for a job that loads everything or nothing.

    Args:
        admin_dsn: Login of a superuser or a role with BYPASSRLS.
        job: What runs, for messages: `load`.
        unit: What is loaded as a whole, for messages: `The demo data`.
        session: Settings of the session.

    Raises:
        LoadError: The database cannot be reached, or something failed on the connection.
    """
    try:
        connection = await connect(admin_dsn, SETTING, application_name=f"retail-mcp {job}", settings=session)
    except ConfigurationError as error:
        raise LoadError(str(error)) from None
    try:
        yield connection
    except _FAILURES as error:
        raise LoadError(
            f"The {job} failed: {_reason(error)}. {unit} is loaded as a whole or not at all: "
            "remove the cause and run it again."
        ) from error
    finally:
        await connection.close(timeout=5)


async def may_skip_triggers(connection: Any) -> bool:
    """Check that the role can load at all.

    Returns:
        Whether it may also switch triggers off, which is much faster.
    """
    role = await connection.fetchrow(_ROLE)
    if not role["has_schema"]:
        raise LoadError("The database has no retail schema. Apply the files of the sql directory first, in order.")
    if not role["bypasses_row_level_security"]:
        raise LoadError(
            f"The role {role['rolname']} is bound by row level security and cannot load every store. "
            "Connect as a superuser or as a role with BYPASSRLS."
        )
    return bool(role["may_skip_triggers"])


def _reason(error: Exception) -> str:
    """What the server says, without the detail, which repeats the row and so a customer."""
    return str(getattr(error, "message", None) or error)
