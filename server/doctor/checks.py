"""The checks: each tells what it found, or raises the error that a start would end with, remedy included."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2
from pydantic import BaseModel

from server.address import listening_socket
from server.audit.call_log import CallLog
from server.auth.authenticator import TOKEN_LENGTH, TOKEN_PREFIX, Authenticator
from server.auth.identity_provider import check_identity_provider
from server.auth.key_set import KeySetClient
from server.config import Settings
from server.context_token import ContextSigner
from server.db.letters import LETTERS, fault_of
from server.db.pool import Database
from server.db.pooling import Way, check_ways
from server.db.queries import QueryFile
from server.db.replica import opened_replica
from server.db.startup_check import check_isolation, check_schema_is_current, check_time_limits
from server.deployment import Deployment
from server.embeddings.models import Embedders, ModelInUse
from server.errors import ConfigurationError, DatabaseError, RetailError
from server.freshness.database import vector_database

# A request token lives for a minute; clocks must agree much better than that.
MAX_CLOCK_SKEW_SECONDS = 5.0
# The audit log gets a part for this month and the next three.
_LEAST_MONTHS_AHEAD = 2
_ANSWER_SECONDS = 2
_OLDEST_VECTOR = (0, 8)


class _Server(BaseModel):
    version: int
    vector_version: str | None
    clock: datetime


class _Login(BaseModel):
    login: str


class _Ahead(BaseModel):
    months: int


QUERIES = QueryFile("server.doctor")
SERVER = QUERIES.query("database_server", _Server)
TALKATIVE_LOGINS = QUERIES.query("talkative_logins", _Login)
MONTHS_AHEAD = QUERIES.query("months_ahead", _Ahead)


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
    yield await _run("port", _port(settings))
    yield await _run("identity provider", _identity_provider(settings))
    if deployment.database_url is None:
        yield Finding(
            "database", "RETAIL_DATABASE_URL is not set: the database, logging in as mcp_user.", is_fault=True
        )
        return
    try:
        async with Database(
            deployment.database_url, pool_size=1, statement_cache_size=settings.statement_cache_size
        ) as database:
            yield await _run("poolers", _poolers(settings, deployment, database))
            yield await _run("database", _server(database))
            schema = await _run("schema", _schema(database))
            yield schema
            if schema.is_fault:
                return
            yield await _run("letters", _letters(database))
            yield await _run("login of the tools", _isolation(database, deployment))
            yield await _run("PostgreSQL's log", _database_log(database))
            yield await _run("months of the audit log", _months_ahead(database))
            yield await _run("replica", _replica(settings, deployment, database))
    except ConfigurationError as error:
        yield Finding("database", str(error), is_fault=True)
        return
    yield await _run("login for tokens", _auth_login(deployment))
    yield await _run("login of the audit log", _audit_login(deployment))
    yield await _run("embeddings", _embeddings(settings, deployment))


async def _run(check: str, work: Awaitable[str]) -> Finding:
    try:
        return Finding(check, await work)
    except DatabaseError as error:
        return Finding(check, f"The database refused: {error}. Run: python -m server migrate", is_fault=True)
    except RetailError as error:
        return Finding(check, str(error), is_fault=True)


async def _port(settings: Settings) -> str:
    place = f"{settings.host}:{settings.port}"
    if await _is_served(settings):
        return f"a server of this kind answers at {place}"
    with listening_socket(settings):
        return f"{place} is free"


async def _is_served(settings: Settings) -> bool:
    """Whether the port is taken by what is to take it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - listens nowhere
    with suppress(httpx2.HTTPError, ValueError):
        async with httpx2.AsyncClient(timeout=_ANSWER_SECONDS) as http:
            health = await http.get(f"http://{host}:{settings.port}/health")
            return health.status_code == 200 and health.json() == {"status": "ok"}
    return False


async def _identity_provider(settings: Settings) -> str:
    if not check_identity_provider(settings):
        return "none is configured; opaque tokens only"
    assert settings.jwt_jwks_uri is not None
    async with KeySetClient() as keys:
        with suppress(httpx2.HTTPError):
            await keys.get(settings.jwt_jwks_uri)
        if keys.is_missing(None):
            raise ConfigurationError(
                "The identity provider's keys cannot be fetched. Check RETAIL_JWT_JWKS_URI and the way there."
            )
    return "its keys can be fetched"


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


async def _poolers(settings: Settings, deployment: Deployment, database: Database) -> str:
    assert deployment.database_url is not None
    way = Way(deployment.database_url, await database.backend())
    await check_ways(database, {"RETAIL_DATABASE_URL": way}, prepares=settings.statement_cache_size > 0)
    return "none is in the way of what the server relies on"


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


async def _schema(database: Database) -> str:
    await check_schema_is_current(database)
    return "current"


async def _letters(database: Database) -> str:
    (letters,) = await database.fetch(LETTERS)
    if fault := fault_of(letters):
        raise ConfigurationError(f"{fault}, and restore a backup into it (docs/operations.md).")
    return "capital and small ones beyond ASCII are known"


async def _isolation(database: Database, deployment: Deployment) -> str:
    if deployment.context_key is None:
        raise ConfigurationError(
            "RETAIL_CONTEXT_KEY is not set. Make one with: python -m server key generate, set it here and run "
            "python -m server key install once."
        )
    await check_isolation(database, ContextSigner(deployment.context_key).kid)
    await check_time_limits(database)
    return "held by row level security, and its key is known"


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


async def _auth_login(deployment: Deployment) -> str:
    if deployment.auth_database_url is None:
        raise ConfigurationError("RETAIL_AUTH_DATABASE_URL is not set: the same database, logging in as mcp_auth.")
    async with Database(deployment.auth_database_url, setting="RETAIL_AUTH_DATABASE_URL", pool_size=1) as identities:
        await Authenticator(identities).authenticate(f"{TOKEN_PREFIX:x<{TOKEN_LENGTH}}")
    return "finds who a token belongs to"


async def _audit_login(deployment: Deployment) -> str:
    if deployment.audit_database_url is None:
        raise ConfigurationError("RETAIL_AUDIT_DATABASE_URL is not set: the same database, logging in as mcp_audit.")
    async with CallLog(deployment.audit_database_url):
        return "may append, and nothing else"


async def _months_ahead(database: Database) -> str:
    (ahead,) = await database.fetch(MONTHS_AHEAD)
    if ahead.months < _LEAST_MONTHS_AHEAD:
        raise ConfigurationError(
            f"The audit log has parts ready for {ahead.months} months. A running server makes them, and so does: "
            "python -m server migrate"
        )
    return f"{ahead.months} are ready"


async def _embeddings(settings: Settings, deployment: Deployment) -> str:
    url = deployment.embed_database_url or deployment.admin_url
    if url is None:
        raise ConfigurationError(
            "RETAIL_EMBED_DATABASE_URL is not set, so nothing keeps embeddings in step with products. Set it (login "
            "mcp_embed), or run regularly: python -m seed embed"
        )
    embedders = Embedders(settings)
    try:
        behind = []
        async with vector_database(url) as database:
            for store_id in await database.store_ids():
                async with database.inside(store_id) as store:
                    model = embedders.of(await store.in_use())
                    state = await store.state(ModelInUse(model.model, model.dimensions))
                if state.missing or state.outdated:
                    behind.append(f"{store_id}: {state.missing} missing, {state.outdated} of older texts")
        await embedders.configured.embed(["a test"])
    finally:
        await embedders.close()
    if behind:
        raise ConfigurationError(
            f"Products lack an embedding ({'; '.join(behind)}). A server with RETAIL_EMBED_DATABASE_URL makes them "
            "within minutes; now: python -m seed embed"
        )
    return f"complete and up to date; {embedders.configured.model} answers"
