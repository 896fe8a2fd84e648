"""The operator's connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from server.db.connection import translated_errors
from server.db.urls import connect
from server.errors import (
    ConfigurationError,
    ContentionError,
    DatabaseError,
    DatabaseUnavailableError,
    InvalidInputError,
    QueryTimeoutError,
    RetailError,
)

SETTING = "RETAIL_ADMIN_DATABASE_URL"
# SQLSTATE of a read-only transaction.
_READ_ONLY = "25006"
# Data exceptions, values that break a check, and what stands for a SQLSTATE where the driver cannot encode one.
_IMPOSSIBLE_VALUES = ("22", "23514", "driver")


@contextmanager
def operator_errors() -> Iterator[None]:
    """Tell a failure of the database in a command, without its own text: that may hold values.

    Raises:
        ConfigurationError: The database cannot be written, refused the command, or was lost under it.
        InvalidInputError: An argument is one that no column can hold.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError) as error:
        raise _in_words(error) from None


def _in_words(error: Exception) -> RetailError:
    try:
        with translated_errors("the command"):
            raise error
    except DatabaseError as refusal:
        if refusal.sqlstate == _READ_ONLY:
            return ConfigurationError(
                f"The database of {SETTING} takes no changes: it is a standby, or read-only by a setting. Name the "
                "primary."
            )
        if refusal.sqlstate.startswith(_IMPOSSIBLE_VALUES):
            return InvalidInputError(
                "An argument is too long, too large or of no form that the database takes; nothing was changed. The "
                "command's --help says what each one is."
            )
        return ConfigurationError(
            f"The database refused the command ({refusal}); what it had not finished is undone. Run: retail-mcp doctor"
        )
    except (ContentionError, QueryTimeoutError):
        return ConfigurationError(
            "Somebody else held what the command needed for too long; what it had not finished is undone. Run it again."
        )
    except DatabaseUnavailableError:
        return ConfigurationError(
            f"The database of {SETTING} was lost under the command; what it had not finished is undone. Run it again "
            "once the database answers."
        )
    except RetailError as refusal:
        return refusal


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
        raise ConfigurationError("The database has no schema of ours yet. Run: retail-mcp migrate") from None
    finally:
        await connection.close(timeout=5)
