"""What FastMCP injects into tools: the caller's way into its stores."""

from __future__ import annotations

from dataclasses import dataclass

from fastmcp import Context
from fastmcp.dependencies import CurrentContext
from fastmcp.server.dependencies import get_http_headers

from server.calls.call import calling_principal
from server.calls.principal import Principal
from server.calls.server_context import ServerContext
from server.db.ad_hoc import AdHocConnection, AdHocDatabase
from server.db.pool import Database
from server.db.queries import Query, QueryFile
from server.db.replica import Replica
from server.tenancy.call_limits import CallLimits
from server.tenancy.signing_key import SigningKey
from server.tenancy.store_context import SET_STORE_CONTEXT, EnteredStore
from server.tenancy.store_scope import StoreScope, StoreScopes

STORE_HEADER = "x-store-id"

QUERIES = QueryFile("server.tenancy", "sql_context.sql")
SET_SQL_CONTEXT = QUERIES.query("set_sql_context", EnteredStore)


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """The server's part in entering stores.

    Attributes:
        database: Pool of the tools.
        sql_database: Pool of ad-hoc SQL; None where none may run.
        replica: Where reads go while it is near enough; None without one.
        signing_key: Signs request tokens.
        limits: Of calls.
        default_store: On stdio, the store to enter when a call names none.
    """

    database: Database
    sql_database: AdHocDatabase | None
    replica: Replica | None
    signing_key: SigningKey
    limits: CallLimits
    default_store: str | None


def scopes_of(
    principal: Principal, context: Context, set_context: Query[EnteredStore] = SET_STORE_CONTEXT
) -> StoreScopes:
    """A principal's way into its stores within a request, under the login of the tools."""
    access = ServerContext.of(context).get(StoreAccess)
    return _scopes(principal, access, access.database, set_context, access.replica)


def store_scopes(context: Context = CurrentContext()) -> StoreScopes:
    """Dependency of every tool: the caller's way into its stores."""
    return scopes_of(calling_principal(), context)


def sql_scopes(context: Context = CurrentContext()) -> StoreScopes:
    """Dependency of the tools that run SQL: the way into the views of the caller's stores, under another login."""
    access = ServerContext.of(context).get(StoreAccess)
    assert access.sql_database is not None
    return _scopes(calling_principal(), access, access.sql_database, SET_SQL_CONTEXT, replica=None)


def connection_for_sql(store: StoreScope) -> AdHocConnection:
    """The connection of a store that `sql_scopes` entered, which also takes ad-hoc SQL."""
    assert isinstance(store.db, AdHocConnection)
    return store.db


def _scopes(
    principal: Principal,
    access: StoreAccess,
    database: Database,
    set_context: Query[EnteredStore],
    replica: Replica | None,
) -> StoreScopes:
    # No request, no header: the setting is for stdio, where one person configures both.
    header = get_http_headers().get(STORE_HEADER)
    return StoreScopes(
        database,
        access.signing_key.signer,
        principal,
        header or access.default_store,
        access.limits,
        set_context,
        replica,
    )
