"""What must hold of the database before the server answers anybody."""

from __future__ import annotations

from pydantic import BaseModel

from server.db.migrate import pending_files, schema_files
from server.db.pool import Database
from server.db.queries import QueryFile
from server.errors import ConfigurationError


class _LoginRole(BaseModel):
    role_name: str
    bypassing_roles: list[str]
    owner_roles: list[str]
    owned_tables: list[str]


class _UnguardedTable(BaseModel):
    table_name: str


class _Present(BaseModel):
    present: bool


class _AppliedFile(BaseModel):
    file_name: str
    sha256: str


class _SqlLogin(BaseModel):
    powers: list[str]
    readable: list[str]
    limits: list[str]
    open_functions: list[str]


class _Current(BaseModel):
    role_name: str


class _Known(BaseModel):
    known: bool


class _TimeLimits(BaseModel):
    statement_timeout: int
    lock_timeout: int
    idle_in_transaction_session_timeout: int
    transaction_timeout: int


_APPLY_ROLES = "Apply sql/repeatable/0010_role_settings.sql again with psql, or set it with alter role."
# The database counts in milliseconds.
_LEAST_SECONDS = 0.001

QUERIES = QueryFile("server.db", "startup_check.sql")
LOGIN_ROLE = QUERIES.query("login_role", _LoginRole)
UNGUARDED_TABLES = QUERIES.query("unguarded_tables", _UnguardedTable)
HAS_LEDGER = QUERIES.query("has_ledger", _Present)
APPLIED_FILES = QUERIES.query("applied_files", _AppliedFile)
TIME_LIMITS = QUERIES.query("time_limits", _TimeLimits)
SQL_LOGIN = QUERIES.query("sql_login", _SqlLogin)
CURRENT_LOGIN = QUERIES.query("current_login", _Current)
KNOWS_KEY = QUERIES.query("knows_key", _Known)


async def check_schema_is_current(database: Database, *, may_be_newer: bool = False) -> None:
    """Refuse a database whose schema is not the one this code was written for.

    Args:
        database: The server's own pool.
        may_be_newer: Accept files of a later release, and repeatable files in its form: a server goes on serving while
            the next release migrates.

    Raises:
        ConfigurationError: The schema is missing, behind, changed, or newer than the code.
    """
    files = schema_files()
    (ledger,) = await database.fetch(HAS_LEDGER)
    applied = {file.file_name: file.sha256 for file in (await database.fetch(APPLIED_FILES) if ledger.present else [])}
    if may_be_newer:
        files = [file for file in files if not file.is_repeatable]
        applied = {file.name: applied[file.name] for file in files if file.name in applied}
    if pending := pending_files(files, applied):
        raise ConfigurationError(
            f"The database schema is not current: {pending[0].name} is to be applied, and perhaps later files. "
            "Run: retail-mcp migrate"
        )


async def knows_key(database: Database, kid: str) -> bool:
    """Whether the database accepts store contexts signed with the key of this id."""
    (key,) = await database.fetch(KNOWS_KEY, kid)
    return key.known


async def check_isolation(database: Database, kid: str) -> None:
    """Refuse to serve where the database would not keep stores apart.

    Args:
        database: The server's own pool.
        kid: Id of the key that signs the store context.

    Raises:
        ConfigurationError: The login can bypass policies, a tenant table lacks them, or the key is unknown.
    """
    await check_login(database)
    if unguarded := await database.fetch(UNGUARDED_TABLES):
        raise ConfigurationError(
            "Row level security is not complete on: "
            + ", ".join(f"retail.{table.table_name}" for table in unguarded)
            + ". Every tenant table needs RLS, FORCE and the one policy of sql/repeatable/0050_policies.sql, and "
            "nothing else there may show its rows; apply that file again, or drop what does not belong there."
        )
    if not await knows_key(database, kid):
        raise ConfigurationError(
            f"This database does not accept the signing key {kid} (RETAIL_CONTEXT_KEY, or the file it is read from). "
            "Run: retail-mcp key install, with RETAIL_ADMIN_DATABASE_URL and the same key; "
            "retail-mcp key list says whether it was retired."
        )


async def check_login(database: Database) -> None:
    """Refuse a login that row level security does not hold.

    Args:
        database: The server's own pool.

    Raises:
        ConfigurationError: The login bypasses policies, or owns what they are on.
    """
    (login,) = await database.fetch(LOGIN_ROLE)
    if login.bypassing_roles:
        raise ConfigurationError(
            f"The server must not log in as {login.role_name}, which bypasses row level security "
            f"({', '.join(login.bypassing_roles)}). Use mcp_user in RETAIL_DATABASE_URL."
        )
    if login.owner_roles or login.owned_tables:
        raise ConfigurationError(
            f"The server must not log in as {login.role_name}, which owns what it would be held by "
            f"({', '.join([*login.owner_roles, *login.owned_tables])}). Use mcp_user in RETAIL_DATABASE_URL."
        )


async def check_sql_login(database: Database, sql_database: Database) -> list[str]:
    """Refuse to serve where SQL of callers would run with more rights, or for longer, than it may.

    Args:
        database: The server's own pool, which may read the catalogue.
        sql_database: The pool of the login that runs callers' SQL.

    Returns:
        PostgreSQL's own functions that are open to that login although callers need none of them: not empty where no
        superuser made the database, so that what callers' SQL may call is decided by the server alone.

    Raises:
        ConfigurationError: That login is not mcp_sql as the schema makes it.
    """
    (current,) = await sql_database.fetch(CURRENT_LOGIN)
    (login,) = await database.fetch(SQL_LOGIN, current.role_name)
    if faults := [*login.powers, *(f"it may read {name}" for name in login.readable)]:
        raise ConfigurationError(
            f"SQL of callers must not run as {current.role_name}: {', '.join(faults)}. Use mcp_sql in "
            "RETAIL_SQL_DATABASE_URL, with the rights of sql/repeatable/0088_analytics.sql and no others."
        )
    if login.limits:
        raise ConfigurationError(
            f"The database sets no {' and no '.join(login.limits)} for {current.role_name}. {_APPLY_ROLES}"
        )
    return login.open_functions


async def check_time_limits(database: Database, query_seconds: float | None = None) -> None:
    """Refuse to serve where a query could run for ever, or its transaction ends before its own time is up.

    Args:
        database: The server's own pool.
        query_seconds: The time limit of a query that was asked for; left out, any is right.

    Raises:
        ConfigurationError: A limit of sql/repeatable/0010_role_settings.sql is missing or too small, or the one asked
            for does not hold.
    """
    (limits,) = await database.fetch(TIME_LIMITS)
    if missing := [name for name, milliseconds in limits if milliseconds == 0]:
        raise ConfigurationError(
            f"The database sets no {' and no '.join(missing)} for the server's login. {_APPLY_ROLES}"
        )
    held = limits.statement_timeout / 1000
    if query_seconds is not None and abs(held - query_seconds) > _LEAST_SECONDS:
        raise ConfigurationError(
            f"A query may run {query_seconds:g} s (RETAIL_QUERY_TIMEOUT_SECONDS), but {held:g} s hold: a connection "
            "pooler passes no such setting on. Let the database set it for the login (alter role mcp_user set "
            "statement_timeout, and three times as much for transaction_timeout), or change the setting."
        )
    if limits.transaction_timeout < limits.statement_timeout:
        raise ConfigurationError(
            f"A query may run {limits.statement_timeout / 1000:g} s (RETAIL_QUERY_TIMEOUT_SECONDS), but the database "
            f"ends its transaction after {limits.transaction_timeout / 1000:g} s. Lower that setting, or raise "
            "transaction_timeout of the server's login."
        )
