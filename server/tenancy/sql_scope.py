"""The way from a principal to the views of a store that SQL of callers runs on, under a login of their own."""

from __future__ import annotations

from fastmcp import Context
from fastmcp.dependencies import CurrentContext

from server.calls.call import calling_principal
from server.db.ad_hoc import AdHocConnection
from server.db.queries import QueryFile
from server.tenancy.store_scope import EnteredStore, StoreScope, StoreScopes, scopes_on

QUERIES = QueryFile("server.tenancy", "sql_scope.sql")
SET_SQL_CONTEXT = QUERIES.query("set_sql_context", EnteredStore)


def sql_scopes(context: Context = CurrentContext()) -> StoreScopes:
    """Dependency of the tools that run SQL: the caller's way into the views of its stores."""
    return scopes_on(calling_principal(), context, "sql_database", SET_SQL_CONTEXT)


def connection_for_sql(store: StoreScope) -> AdHocConnection:
    """The connection of such a store, which also takes the caller's own SQL."""
    assert isinstance(store.db, AdHocConnection)
    return store.db
