"""The server's routes into its database: one per login role, opened and checked before anything is served."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from server.audit.call_log import CallLog
from server.auth.authenticator import Authenticated, Authenticator
from server.auth.identity_cache import IdentityCache
from server.config import Settings
from server.db.ad_hoc import SETTING, AdHocDatabase
from server.db.login_watch import LoginWatch
from server.db.pool import Database
from server.db.replica import Replica, opened_replica
from server.db.routes import DatabaseRoute, check_routes
from server.db.startup_check import (
    check_isolation,
    check_schema_is_current,
    check_sql_login,
    check_time_limits,
)
from server.monitoring.observer import NULL_OBSERVER, Observer

logger = logging.getLogger(__name__)

# Look-ups are short and mostly answered from memory.
_AUTH_POOL_SIZE = 2
# What a pooler in transaction mode would break.
_WHY_TOKENS = "announcements of revoked tokens would not arrive"
_WHY_SQL = "what a caller left in a session could not be removed before the next"
_WHY_AUDIT = "the log's writer prepares statements"


@dataclass(frozen=True, slots=True)
class Connections:
    """The database, under each login role that the server uses, and the key that signs its store contexts.

    Attributes:
        database_url: As mcp_user, for the tools.
        auth_database_url: As mcp_auth, to find the principal behind a token.
        audit_database_url: As mcp_audit, to append to the audit log.
        context_key: Secret of the request tokens.
        context_key_file: File from which the server takes up a new one; None when it cannot change.
        embed_database_url: As mcp_embed, to keep embeddings up; None where another process does.
        sql_database_url: As mcp_sql, for SQL of callers; None where none is to run.
        replica_database_url: As mcp_user on a standby, for the reads of tools; None where there is none.
    """

    database_url: str
    auth_database_url: str
    audit_database_url: str
    context_key: str
    context_key_file: Path | None = None
    embed_database_url: str | None = None
    sql_database_url: str | None = None
    replica_database_url: str | None = None


@dataclass(frozen=True, slots=True)
class Databases:
    """What is open.

    Attributes:
        tools: Of mcp_user.
        authenticator: Finds principals, as mcp_auth.
        replica: For reads of the tools; None where there is none.
        for_sql: Of mcp_sql; None where no SQL of callers is to run.
        call_log: Takes the entries of tool calls; None where they are not audited.
    """

    tools: Database
    authenticator: Authenticator
    replica: Replica | None
    for_sql: AdHocDatabase | None
    call_log: CallLog | None


@asynccontextmanager
async def opened_databases(
    settings: Settings, connections: Connections, kid: str, observer: Observer, *, audited: bool
) -> AsyncIterator[Databases]:
    """Open them while the block runs.

    Args:
        settings: The operator's choices.
        connections: The database to serve.
        kid: Id of the key that the server signs with.
        observer: Who is told of waiting and of queues.
        audited: Whether calls are put down.

    Raises:
        ConfigurationError: The settings, the database and this version do not fit together, or stores are not kept
            apart.
    """
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(tools_database(settings, connections.database_url, observer))
        await check_route_of_tools(settings, connections.database_url, database)
        identities = await opened.enter_async_context(
            opened_identities(settings, connections.auth_database_url, database, observer)
        )
        cache = await opened.enter_async_context(IdentityCache[Authenticated](connections.auth_database_url))
        await check_schema_is_current(database)
        await check_isolation(database, kid)
        await check_time_limits(database, settings.query_timeout_seconds)
        replica = for_sql = call_log = None
        if connections.replica_database_url is not None:
            replica = await opened.enter_async_context(
                opened_replica(settings, connections.replica_database_url, database, observer)
            )
        if connections.sql_database_url is not None:
            for_sql = await opened.enter_async_context(
                opened_for_sql(settings, connections.sql_database_url, database, observer)
            )
        fresh = partial(
            Database,
            connections.database_url,
            pool_size=1,
            query_timeout_seconds=settings.query_timeout_seconds,
            statement_cache_size=settings.statement_cache_size,
            connected=False,
        )
        watch = LoginWatch(fresh, settings.query_timeout_seconds, for_sql, observer)
        await opened.enter_async_context(watch.watching())
        if audited:
            call_log = await opened.enter_async_context(opened_log(connections.audit_database_url, database, observer))
        yield Databases(database, Authenticator(identities, cache), replica, for_sql, call_log)


def tools_database(settings: Settings, url: str, observer: Observer = NULL_OBSERVER) -> Database:
    """The pool of mcp_user as the operator set it up, to be entered."""
    return Database(
        url,
        pool_size=settings.pool_size,
        pool_timeout_seconds=settings.pool_timeout_seconds,
        query_timeout_seconds=settings.query_timeout_seconds,
        statement_cache_size=settings.statement_cache_size,
        observer=observer,
    )


async def check_route_of_tools(settings: Settings, url: str, database: Database) -> None:
    """Refuse a pooler that cannot keep prepared statements where the server makes some; raises like `check_routes`."""
    route = DatabaseRoute(url, await database.backend())
    await check_routes(database, {"RETAIL_DATABASE_URL": route}, prepares=settings.statement_cache_size > 0)


@asynccontextmanager
async def opened_identities(
    settings: Settings, url: str, database: Database, observer: Observer = NULL_OBSERVER
) -> AsyncIterator[Database]:
    """The pool of mcp_auth; like each of these it raises ConfigurationError for what the server cannot work with."""
    async with Database(
        url,
        setting="RETAIL_AUTH_DATABASE_URL",
        pool_size=_AUTH_POOL_SIZE,
        pool_timeout_seconds=settings.pool_timeout_seconds,
        name="identities",
        observer=observer,
    ) as identities:
        route = DatabaseRoute(url, await identities.backend(), _WHY_TOKENS)
        await check_routes(database, {"RETAIL_AUTH_DATABASE_URL": route})
        yield identities


@asynccontextmanager
async def opened_for_sql(
    settings: Settings, url: str, database: Database, observer: Observer = NULL_OBSERVER
) -> AsyncIterator[AdHocDatabase]:
    """The pool of mcp_sql."""
    async with AdHocDatabase(url, pool_timeout_seconds=settings.pool_timeout_seconds, observer=observer) as for_sql:
        await check_routes(database, {SETTING: DatabaseRoute(url, await for_sql.backend(), _WHY_SQL)})
        if await check_sql_login(database, for_sql):
            logger.warning(
                "PostgreSQL's own functions are open to the login of callers' SQL, because no superuser made this "
                "database: what such SQL may call is decided by the server alone (docs/ad-hoc-sql.md)"
            )
        yield for_sql


@asynccontextmanager
async def opened_log(url: str, database: Database, observer: Observer = NULL_OBSERVER) -> AsyncIterator[CallLog]:
    """The way of mcp_audit."""
    async with CallLog(url, observer=observer) as call_log:
        await check_routes(database, {"RETAIL_AUDIT_DATABASE_URL": DatabaseRoute(url, call_log.backend, _WHY_AUDIT)})
        yield call_log
