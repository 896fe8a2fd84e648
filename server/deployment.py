"""Where the database is: an operator's PostgreSQL, or the embedded one made ready on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from server.admin.connection import admin_connection
from server.admin.keys import generate_key, install_key
from server.config import Settings
from server.db.embedded import DATABASE_NAME, embedded_server
from server.db.migrate import migrate
from server.errors import ConfigurationError
from server.private_files import keep_private


@dataclass(frozen=True, slots=True)
class Deployment:
    """URLs of one database and the key that signs its contexts.

    Attributes:
        database_url: For the tools, as mcp_user; None when only an admin URL was given.
        auth_database_url: For look-ups of tokens, as mcp_auth; None when not given.
        audit_database_url: For appending to the audit log, as mcp_audit; None when not given.
        admin_url: For migrations, demo data and tokens; None when only a server URL was given.
        context_key: The signing key; None when it was not needed or not given.
        embedded: Whether the database is ours to seed.
    """

    database_url: str | None
    auth_database_url: str | None
    audit_database_url: str | None
    admin_url: str | None
    context_key: str | None
    embedded: bool

    def require_admin_url(self) -> str:
        """The admin URL, or an error that says how to give one."""
        if self.admin_url is None:
            raise ConfigurationError(
                "This command changes the database's set-up. Set RETAIL_ADMIN_DATABASE_URL to a superuser's URL of "
                "the same database."
            )
        return self.admin_url


@contextmanager
def open_deployment(settings: Settings) -> Iterator[Deployment]:
    """Make the configured database available while the block runs.

    Without URLs this starts the embedded server. Call `prepare_embedded` before serving from it.

    Raises:
        ConfigurationError: See `embedded_server`.
    """
    key = _reveal(settings.context_key)
    if not settings.embedded:
        yield Deployment(
            _reveal(settings.database_url),
            _reveal(settings.auth_database_url),
            _reveal(settings.audit_database_url),
            _reveal(settings.admin_database_url),
            key,
            embedded=False,
        )
        return
    with embedded_server(settings.data_dir) as server:
        key = key or keep_private(settings.data_dir / "context.key", generate_key())
        yield Deployment(
            server.dsn("mcp_user"),
            server.dsn("mcp_auth"),
            server.dsn("mcp_audit"),
            server.dsn("postgres"),
            key,
            embedded=True,
        )


async def prepare_embedded(deployment: Deployment) -> list[str]:
    """Create, migrate and key the embedded database as far as that is still to do.

    Returns:
        Names of the schema files that were applied now.
    """
    assert deployment.embedded
    admin_url, key = deployment.admin_url, deployment.context_key
    assert admin_url is not None
    assert key is not None
    await _create_database(admin_url)
    async with admin_connection(admin_url) as connection:
        applied = await migrate(connection)
        await install_key(connection, key)
    return applied


async def _create_database(admin_url: str) -> None:
    maintenance_url = admin_url.replace(f"/{DATABASE_NAME}?", "/postgres?", 1)
    async with admin_connection(maintenance_url) as connection:
        # Two processes may start at once; the lock is the maintenance database's.
        await connection.execute("select pg_advisory_lock(hashtext('retail-mcp create database'))")
        if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE_NAME):
            await connection.execute(f'create database "{DATABASE_NAME}"')


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
