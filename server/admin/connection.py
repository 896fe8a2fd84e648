"""The operator's connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from server.db.urls import connect
from server.errors import ConfigurationError

SETTING = "RETAIL_ADMIN_DATABASE_URL"


@asynccontextmanager
async def admin_connection(dsn: str) -> AsyncIterator[Any]:
    """Connect with the rights to migrate and to manage identities.

    Raises:
        ConfigurationError: The database cannot be reached, or the login may not do what was asked.
    """
    connection = await connect(dsn, SETTING, application_name="retail-mcp admin")
    try:
        yield connection
    except asyncpg.InsufficientPrivilegeError:
        raise ConfigurationError(
            "The login of RETAIL_ADMIN_DATABASE_URL may not do this. "
            "Use a superuser, or the role that ran the migrations."
        ) from None
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedFunctionError):
        raise ConfigurationError("The database has no schema of ours yet. Run: python -m server migrate") from None
    finally:
        await connection.close(timeout=5)
