"""Where the database is: an operator's PostgreSQL, or the embedded one made ready on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from server.config import SECRETS_DIR, Settings
from server.db.embedded import DATABASE_NAME, embedded_server
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.errors import ConfigurationError
from server.operations.admin.keys import generate_key, install_key
from server.process.private_files import keep_private
from server.tenancy.signing_key import read_key

_KEY_FILE = "context.key"


@dataclass(frozen=True, slots=True)
class Deployment:
    """URLs of one database and the key that signs its contexts.

    Attributes:
        database_url: For the tools, as mcp_user; None when only an admin URL was given.
        auth_database_url: For look-ups of tokens, as mcp_auth; None when not given.
        audit_database_url: For appending to the audit log, as mcp_audit; None when not given.
        embed_database_url: For embedding products, as mcp_embed; None when not given.
        sql_database_url: For SQL of callers, as mcp_sql; None when not given.
        admin_url: For migrations, demo data and tokens; None when only a server URL was given.
        context_key: The signing key; None when it was not needed or not given.
        context_key_file: File that it came from; None for one from a variable, which stays until a restart.
        embedded: Whether the database is ours to seed.
        replica_database_url: For the reads of tools, as mcp_user on a standby; None when not given.
    """

    database_url: str | None
    auth_database_url: str | None
    audit_database_url: str | None
    embed_database_url: str | None
    sql_database_url: str | None
    admin_url: str | None
    context_key: str | None
    context_key_file: Path | None
    embedded: bool
    replica_database_url: str | None = None

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
    key, key_file = configured_key(settings), context_key_file(settings)
    if not settings.embedded:
        yield Deployment(
            _reveal(settings.database_url),
            _reveal(settings.auth_database_url),
            _reveal(settings.audit_database_url),
            _reveal(settings.embed_database_url),
            _reveal(settings.sql_database_url),
            _reveal(settings.admin_database_url),
            key,
            key_file,
            embedded=False,
            replica_database_url=_reveal(settings.replica_database_url),
        )
        return
    with embedded_server(settings.data_dir) as server:
        if key is None:
            assert key_file is not None
            key = keep_private(key_file, generate_key()).strip()
        yield Deployment(
            server.dsn("mcp_user"),
            server.dsn("mcp_auth"),
            server.dsn("mcp_audit"),
            server.dsn("mcp_embed"),
            server.dsn("mcp_sql"),
            server.dsn("postgres"),
            key,
            key_file,
            embedded=True,
        )


def configured_key(settings: Settings) -> str | None:
    """The signing key that the settings hold or name; None when they do neither.

    Raises:
        ConfigurationError: See `read_key`.
    """
    if settings.context_key_file is not None:
        return read_key(settings.context_key_file.expanduser())
    return _reveal(settings.context_key)


def context_key_file(settings: Settings) -> Path | None:
    """The file that the signing key comes from, whether it exists or not; None when a variable holds the key.

    Raises:
        ConfigurationError: Two settings name a key.
    """
    key, named = settings.context_key, settings.context_key_file
    if key is not None and named is not None:
        raise ConfigurationError(
            "RETAIL_CONTEXT_KEY and RETAIL_CONTEXT_KEY_FILE are both set. Keep the one that holds the key in use."
        )
    if named is not None:
        return named.expanduser()
    if key is None:
        return settings.data_dir.expanduser() / _KEY_FILE if settings.embedded else None
    secret = SECRETS_DIR / "retail_context_key"
    try:
        return secret if secret.read_text(encoding="utf-8").strip() == key.get_secret_value().strip() else None
    except (OSError, UnicodeDecodeError):
        return None


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
