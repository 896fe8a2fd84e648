"""The connection of a job that loads: whatever fails on it is told in one way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from seed.errors import DatabaseError

_FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


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
        DatabaseError: The database cannot be reached, or something failed on the connection.
    """
    try:
        connection = await asyncpg.connect(admin_dsn, server_settings=session)
    except (*_FAILURES, ValueError) as error:
        raise DatabaseError(
            f"The database cannot be reached: {_reason(error)}. Check the admin database URL and that the server runs."
        ) from error
    try:
        yield connection
    except _FAILURES as error:
        raise DatabaseError(
            f"The {job} failed: {_reason(error)}. {unit} is loaded as a whole or not at all: "
            "remove the cause and run it again."
        ) from error
    finally:
        await connection.close(timeout=5)


def _reason(error: Exception) -> str:
    """What the server says, without the detail, which repeats the row and so a customer."""
    return str(getattr(error, "message", None) or error)
