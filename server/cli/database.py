"""Commands that prepare a database."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Annotated, Any

from cyclopts import Parameter

from server.audit.call_log import ADD_PARTITIONS
from server.cli.operator import as_operator
from server.config import load_settings
from server.console.numbers import seconds
from server.db.driver import InsufficientPrivilegeError, PostgresError
from server.db.locale import fault_in
from server.db.migrate import DEFAULT_PATIENCE_SECONDS, when_free
from server.db.migrate import migrate as apply_files
from server.db.operator import admin_connection, operator_errors
from server.db.startup_check import HAS_LEDGER
from server.errors import ConfigurationError
from server.operations.admin.keys import install_key
from server.operations.admin.login import set_login_password
from server.operations.admin.pg_upgrade import prepare_pg_upgrade as prepare
from server.operations.deployment import Deployment, open_deployment, prepare_embedded

logger = logging.getLogger(__name__)

_LONGEST_PATIENCE_SECONDS = 7 * 86_400


def migrate(
    *,
    set_password: Annotated[bool, Parameter(negative=())] = False,
    patience: Annotated[float, seconds(gte=0, lte=_LONGEST_PATIENCE_SECONDS)] = DEFAULT_PATIENCE_SECONDS,
) -> None:
    """Bring the database up to this version's schema, and install RETAIL_CONTEXT_KEY in it if it is set.

    Servers may go on serving meanwhile, those of the previous release too (docs/operations.md).

    Args:
        set_password: Give the server's logins the passwords that their URLs have.
        patience: Seconds to try again while others hold what is to be changed.
    """
    with open_deployment(load_settings()) as deployment, operator_errors():
        applied = asyncio.run(_migrate(deployment, set_password=set_password, patience=patience))
    print("\n".join(f"applied {name}" for name in applied) or "The schema is current.")  # noqa: T201


def prepare_pg_upgrade() -> None:
    """Make the database ready for pg_upgrade to another major version of PostgreSQL; run migrate afterwards.

    PUBLIC gets back PostgreSQL's own functions, which no two major versions have alike; migrate takes them again. Stop
    the servers first: meanwhile nothing but the server's own gate keeps SQL of callers from those functions.
    """
    as_operator(prepare)
    print("Ready for pg_upgrade. On the new server run: retail-mcp migrate")  # noqa: T201


async def _migrate(deployment: Deployment, *, set_password: bool, patience: float) -> list[str]:
    if deployment.embedded:
        return await prepare_embedded(deployment)
    async with admin_connection(deployment.require_admin_url()) as connection:
        await _check_letters(connection)
        try:
            applied = await apply_files(connection, patience_seconds=patience)
        except InsufficientPrivilegeError:
            raise
        except PostgresError as error:
            # Its words may hold what stands in the database.
            raise ConfigurationError(
                f"A file of sql/ could not be applied ({type(error).__name__}). Nothing of it is, and what came before "
                "it stays; PostgreSQL's log names the statement."
            ) from None
        await when_free(
            connection, "The next months of the audit log", partial(connection.execute, ADD_PARTITIONS), patience
        )
        if deployment.context_key is not None:
            await install_key(connection, deployment.context_key)
        if set_password:
            await set_login_password(connection, "mcp_user", "RETAIL_DATABASE_URL", deployment.database_url)
            await set_login_password(connection, "mcp_auth", "RETAIL_AUTH_DATABASE_URL", deployment.auth_database_url)
            await set_login_password(
                connection, "mcp_audit", "RETAIL_AUDIT_DATABASE_URL", deployment.audit_database_url
            )
            if deployment.embed_database_url is not None:
                await set_login_password(
                    connection, "mcp_embed", "RETAIL_EMBED_DATABASE_URL", deployment.embed_database_url
                )
            if deployment.sql_database_url is not None:
                await set_login_password(connection, "mcp_sql", "RETAIL_SQL_DATABASE_URL", deployment.sql_database_url)
    return applied


async def _check_letters(connection: Any) -> None:
    """Refuse an empty database that does not know letters beyond ASCII; of one in use, say so."""
    fault = await fault_in(connection)
    if fault is None:
        return
    if not await connection.fetchval(HAS_LEDGER.sql):
        raise ConfigurationError(f"{fault}. Nothing was changed.")
    logger.warning("%s, and restore a backup into it (docs/operations.md)", fault)
