"""The checks: each tells what it found, or raises the error that a start or a command would end with.

Whatever a server opens is opened here by the same functions, so that nothing can refuse a start unnoticed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel

from server.auth.authenticator import TOKEN_LENGTH, TOKEN_PREFIX, Authenticator
from server.config import Settings
from server.db.connection import StoreConnection, translated_errors
from server.db.locale import LETTERS, fault_of
from server.db.operator import admin_connection
from server.db.pool import Database
from server.db.queries import QueryFile
from server.db.replica import opened_replica
from server.db.startup_check import check_isolation, check_schema_is_current, check_time_limits
from server.errors import ConfigurationError, DatabaseError, RetailError
from server.monitoring.observer import NULL_OBSERVER
from server.operations.databases import (
    check_route_of_tools,
    opened_for_sql,
    opened_identities,
    opened_log,
    tools_database,
)
from server.operations.deployment import Deployment
from server.operations.doctor.embeddings import embeddings
from server.operations.doctor.environment import backup_programs, identity_provider, metrics_port, port
from server.operations.startup import connections_of, opened_parts, valid_stdio_token
from server.tenancy.context_token import ContextSigner

# A request token lives for a minute; clocks must agree much better than that.
MAX_CLOCK_SKEW_SECONDS = 5.0
# The audit log gets a part for this month and the next three.
_LEAST_MONTHS_AHEAD = 2
_OLDEST_VECTOR = (0, 8)


class _Server(BaseModel):
    version: int
    vector_version: str | None
    clock: datetime


class _Login(BaseModel):
    login: str


class _Ahead(BaseModel):
    months: int


class _Identity(BaseModel):
    cluster_id: int
    database_name: str


class _Operator(BaseModel):
    login: str
    in_recovery: bool
    missing: list[str]


QUERIES = QueryFile("server.operations.doctor")
SERVER = QUERIES.query("database_server", _Server)
TALKATIVE_LOGINS = QUERIES.query("talkative_logins", _Login)
MONTHS_AHEAD = QUERIES.query("months_ahead", _Ahead)
IDENTITY = QUERIES.query("database_identity", _Identity)
OPERATOR = QUERIES.query("operator_rights", _Operator)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to.

    Attributes:
        check: What was looked at.
        text: What was found, or what is wrong and how to mend it.
        is_fault: Whether something is wrong.
    """

    check: str
    text: str
    is_fault: bool = False


async def examine(settings: Settings, deployment: Deployment) -> AsyncIterator[Finding]:
    """Run every check, one after the other; what needs something that another check found broken is left out."""
    told: set[str] = set()
    async for finding in _findings(settings, deployment):
        told.add(finding.text)
        yield finding
    start = await _run("start", _start(settings, deployment))
    # What the checks above have found need not be told again.
    if start.text not in told:
        yield start


async def _findings(settings: Settings, deployment: Deployment) -> AsyncIterator[Finding]:
    yield await _run("port", port(settings))
    yield await _run("metrics", metrics_port(settings))
    yield await _run("identity provider", identity_provider(settings))
    url = deployment.database_url
    if url is None:
        yield await _run("settings", _settings(deployment))
        yield await _run("operator's login", _operator(deployment, None))
        return
    try:
        async with tools_database(settings, url) as database:
            yield await _run("pooler", _pooler(settings, url, database))
            yield await _run("database", _server(database))
            schema = await _run("schema", _schema(database))
            yield schema
            yield await _run("operator's login", _operator(deployment, database))
            yield await _run("programs for backups", _programs(settings, deployment, database))
            if schema.is_fault:
                return
            yield await _run("letters", _letters(database))
            yield await _run("login of the tools", _isolation(settings, database, deployment))
            yield await _run("login for tokens", _auth_login(settings, deployment, database))
            yield await _run("login of the audit log", _audit_login(deployment, database))
            yield await _run("login for callers' SQL", _sql_login(settings, deployment, database))
            yield await _run("PostgreSQL's log", _database_log(database))
            yield await _run("months of the audit log", _months_ahead(database))
            yield await _run("replica", _replica(settings, deployment, database))
    except ConfigurationError as error:
        yield Finding("database", str(error), is_fault=True)
        yield await _run("operator's login", _operator(deployment, None))
        return
    yield await _run("embeddings", embeddings(settings, deployment))


async def _run(check: str, work: Awaitable[str]) -> Finding:
    try:
        with translated_errors(check):
            return Finding(check, await work)
    except DatabaseError as error:
        return Finding(check, f"The database refused: {error}. Run: retail-mcp migrate", is_fault=True)
    except RetailError as error:
        return Finding(check, str(error), is_fault=True)


async def _start(settings: Settings, deployment: Deployment) -> str:
    """Do all that a server does before it serves."""
    async with opened_parts(settings, connections_of(deployment), "http", NULL_OBSERVER):
        return "a server with these settings starts"


async def _settings(deployment: Deployment) -> str:
    connections_of(deployment)
    return "complete"


async def _server(database: Database) -> str:
    (server,) = await database.fetch(SERVER)
    told = f"PostgreSQL {server.version // 10_000}, pgvector {server.vector_version}"
    if server.vector_version is None or tuple(map(int, server.vector_version.split(".")[:2])) < _OLDEST_VECTOR:
        raise ConfigurationError(
            f"{told}: pgvector 0.8 or newer is needed. Install it on the database server, then as a superuser: create "
            "extension vector, or alter extension vector update."
        )
    skew = (datetime.now(UTC) - server.clock).total_seconds()
    if abs(skew) > MAX_CLOCK_SKEW_SECONDS:
        raise ConfigurationError(
            f"The clocks of this machine and of the database differ by {abs(skew):.0f} seconds, so that store contexts "
            "are refused as expired or live too long. Let both follow a time server."
        )
    return f"{told}, clocks {abs(skew):.1f} s apart"


async def _pooler(settings: Settings, url: str, database: Database) -> str:
    await check_route_of_tools(settings, url, database)
    return "none is in the way of what the tools rely on"


async def _schema(database: Database) -> str:
    await check_schema_is_current(database)
    return "current"


async def _operator(deployment: Deployment, database: Database | None) -> str:
    if deployment.admin_url is None:
        return "RETAIL_ADMIN_DATABASE_URL is not set: commands need it, the server does not"
    async with admin_connection(deployment.admin_url) as connection:
        operator = StoreConnection(connection)
        rights = await operator.one(OPERATOR)
        if database is not None:
            (served,) = await database.fetch(IDENTITY)
            if await operator.one(IDENTITY) != served:
                raise ConfigurationError(
                    "RETAIL_ADMIN_DATABASE_URL names another database than RETAIL_DATABASE_URL, so that what commands "
                    "change is not what is served."
                )
    if rights.in_recovery:
        raise ConfigurationError(
            "RETAIL_ADMIN_DATABASE_URL names a standby, in which no command can change anything. Name the primary."
        )
    if rights.missing:
        raise ConfigurationError(
            f"The login {rights.login} of RETAIL_ADMIN_DATABASE_URL {' and '.join(rights.missing)}. Use a superuser, "
            "or a role with createrole, createdb and bypassrls that owns the database (docs/operations.md)."
        )
    return f"{rights.login} may do what commands do"


async def _programs(settings: Settings, deployment: Deployment, database: Database) -> str:
    if deployment.admin_url is None:
        return "not looked for: backups need RETAIL_ADMIN_DATABASE_URL"
    (server,) = await database.fetch(SERVER)
    return backup_programs(settings, server.version // 10_000)


async def _isolation(settings: Settings, database: Database, deployment: Deployment) -> str:
    if deployment.context_key is None:
        raise ConfigurationError(
            "RETAIL_CONTEXT_KEY is not set. Make one with: retail-mcp key generate, set it here and run "
            "retail-mcp key install once."
        )
    await check_isolation(database, ContextSigner(deployment.context_key).kid)
    await check_time_limits(database, settings.query_timeout_seconds)
    return "held by row level security, and its key is known"


async def _auth_login(settings: Settings, deployment: Deployment, database: Database) -> str:
    if deployment.auth_database_url is None:
        raise ConfigurationError("RETAIL_AUTH_DATABASE_URL is not set: the same database, logging in as mcp_auth.")
    async with AsyncExitStack() as opened:
        identities = await opened.enter_async_context(
            opened_identities(settings, deployment.auth_database_url, database)
        )
        authenticator = Authenticator(identities)
        await authenticator.authenticate(f"{TOKEN_PREFIX:x<{TOKEN_LENGTH}}")
        if settings.token is not None:
            await valid_stdio_token(settings, authenticator)
            return "finds who a token belongs to, and RETAIL_TOKEN is valid"
    return "finds who a token belongs to"


async def _audit_login(deployment: Deployment, database: Database) -> str:
    if deployment.audit_database_url is None:
        raise ConfigurationError("RETAIL_AUDIT_DATABASE_URL is not set: the same database, logging in as mcp_audit.")
    async with opened_log(deployment.audit_database_url, database):
        return "may append, and nothing else"


async def _sql_login(settings: Settings, deployment: Deployment, database: Database) -> str:
    if deployment.sql_database_url is None:
        return "RETAIL_SQL_DATABASE_URL is not set: get_schema and run_query are not offered"
    async with opened_for_sql(settings, deployment.sql_database_url, database):
        return "may read the views of its store, and nothing else"


async def _months_ahead(database: Database) -> str:
    (ahead,) = await database.fetch(MONTHS_AHEAD)
    if ahead.months < _LEAST_MONTHS_AHEAD:
        raise ConfigurationError(
            f"The audit log has parts ready for {ahead.months} months. A running server makes them, and so does: "
            "retail-mcp migrate"
        )
    return f"{ahead.months} are ready"


async def _replica(settings: Settings, deployment: Deployment, database: Database) -> str:
    if deployment.replica_database_url is None:
        return "none is configured; tools read from the primary"
    async with opened_replica(settings, deployment.replica_database_url, database) as replica:
        if replica.fault is not None:
            raise ConfigurationError(
                f"Tools read from the primary, because the replica {replica.fault}. Check RETAIL_REPLICA_DATABASE_URL "
                "and the standby (docs/scaling.md)."
            )
    return f"answers, {replica.lag_seconds:.0f} s behind"


async def _letters(database: Database) -> str:
    (letters,) = await database.fetch(LETTERS)
    if fault := fault_of(letters):
        raise ConfigurationError(f"{fault}, and restore a backup into it (docs/operations.md).")
    return "capital and small ones beyond ASCII are known"


async def _database_log(database: Database) -> str:
    talkative = ", ".join(each.login for each in await database.fetch(TALKATIVE_LOGINS))
    if not talkative:
        return "holds nothing that callers write"
    # No fault: on a managed service nobody can change it.
    return (
        f"may hold what callers write, in errors of {talkative}: no superuser made this database. Set "
        "log_min_messages, log_min_error_statement and log_error_verbosity for these logins, or for the whole server, "
        "if the service lets you (docs/privacy.md)"
    )
