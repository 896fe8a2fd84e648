"""The store scope: the one way from a principal to a store's rows.

    async with scopes.enter(store_id) as store:
        rows = await store.db.all(QUERY, ...)

acquires a connection, begins a transaction, sets the signed store context and yields. Four round
trips: begin, context, query, commit.

    async with scopes.enter_each(store_ids) as stores:
        async for store in stores:
            rows = await store.db.all(QUERY, ...)

does the same for several stores, one after the other in one transaction: at any moment one store is open.

With a replica, the reads of a tool go there; who may enter, and as what, the primary says each time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import date

from fastmcp import Context
from fastmcp.dependencies import CurrentContext
from fastmcp.server.dependencies import get_http_headers
from pydantic import BaseModel

from server.calls.call import calling_principal, current_call
from server.calls.principal import Principal, Role
from server.db.connection import NO_CONTEXT, ROLE_MAY_NOT_RUN_SQL, StoreConnection
from server.db.pool import Database
from server.db.queries import Query, QueryFile
from server.db.replica import Replica
from server.errors import (
    DatabaseError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    ReplicaBehindError,
    StoreNeededError,
)
from server.monitoring.spans import step
from server.tenancy.context_token import ContextSigner
from server.tenancy.limits import Limits

STORE_HEADER = "x-store-id"
# Of a call that goes through several; each costs a few milliseconds.
MOST_STORES = 50
_STEP = "store scope"


class EnteredStore(BaseModel):
    """The store that a transaction is about, as the database tells it."""

    store_id: str
    role: Role
    store_name: str
    currency: str
    time_zone: str
    today: date


class _Settings(BaseModel):
    """Columns of enable_analytic_settings."""

    plan_cache_mode: str
    work_mem: str


QUERIES = QueryFile("server.tenancy", "store_scope.sql")
SET_STORE_CONTEXT = QUERIES.query("set_store_context", EnteredStore)
ENABLE_ANALYTIC_SETTINGS = QUERIES.query("enable_analytic_settings", _Settings)


@dataclass(frozen=True, slots=True)
class StoreScope:
    """One store, entered: every statement on `db` sees this store and no other."""

    db: StoreConnection
    store_id: str
    role: Role
    store_name: str
    currency: str
    time_zone: str
    today: date

    async def enable_analytic_settings(self) -> None:
        """Have statements planned for their arguments, with memory to sort and sum in, until the transaction ends."""
        await self.db.all(ENABLE_ANALYTIC_SETTINGS)


class StoreScopes:
    """What a tool gets injected: enters stores on behalf of one principal.

    Args:
        database: The server's pool.
        signer: Signer of request tokens.
        principal: Who is asking.
        default_store: Store to enter when a call names none and the principal has several.
        limits: What bounds how many calls are inside at a time; without them nothing does.
        set_context: Query that enters a store under the login of that pool.
        replica: Where a tool's reads go while it is near enough.
    """

    def __init__(
        self,
        database: Database,
        signer: ContextSigner,
        principal: Principal,
        default_store: str | None = None,
        limits: Limits | None = None,
        set_context: Query[EnteredStore] = SET_STORE_CONTEXT,
        replica: Replica | None = None,
    ) -> None:
        self._set_context = set_context
        self._replica = replica
        self._database = database
        self._signer = signer
        self.principal = principal
        self._default_store = default_store
        self._limits = limits

    def choose(self, store_id: str | None) -> str:
        """Name the store that a call is about.

        Raises:
            StoreNeededError: None was named and the principal has several.
            NotAllowedError: The principal has no store at all.
        """
        if chosen := store_id or self._default_store:
            return chosen
        stores = [access.store_id for access in self.principal.stores]
        if not stores:
            raise NotAllowedError("Your token gives access to no open store. Ask the operator to grant one.")
        if len(stores) > 1:
            raise StoreNeededError(stores)
        return stores[0]

    def must_choose(self, store_id: str | None) -> bool:
        """True when a call that names this store, or none, leaves several to choose from."""
        return (store_id or self._default_store) is None and len(self.principal.stores) > 1

    @asynccontextmanager
    async def enter(self, store_id: str | None = None, *, write: bool = False) -> AsyncIterator[StoreScope]:
        """Open a transaction in one store, read-only unless `write`.

        Args:
            store_id: The store the caller named, if any. A wish, never a claim: the database decides.
            write: Whether the transaction may change rows.

        Raises:
            NotFoundError: The store does not exist or is not the principal's: the two are one.
            StoreNeededError: See `choose`.
            NotAllowedError: See `choose`; or the role in this store does not allow the tool in progress.
            TooManyCallsError: The caller or the store has too much under way.
            BusyError, DatabaseUnavailableError: See `Database.transaction`.
        """
        chosen = self.choose(store_id)
        database = self._database if write else self._for_reading()
        with step(_STEP) as span:
            async with self._place_in(chosen), database.transaction(write=write) as connection:
                store = await self._entered(connection, chosen, on_replica=database is not self._database)
                # The store that the database let the caller into, never the one that was asked for.
                span.set_attribute("retail.store_id", store.store_id)
                with self._metered():
                    yield store

    def choose_several(self, store_ids: Sequence[str] | None) -> list[str]:
        """Name the stores that a call about several is about, in the order of their ids.

        Args:
            store_ids: What the caller named; by default every store in which its role allows the tool.

        Raises:
            InvalidInputError: They are too many.
            NotAllowedError: There is none.
        """
        call = current_call.get(None)
        chosen = sorted(set(store_ids or ())) or sorted(
            access.store_id
            for access in self.principal.stores
            if call is None or call.needs in self.principal.scopes_as(access.role)
        )
        if not chosen:
            raise NotAllowedError("Your token gives access to no open store. Ask the operator to grant one.")
        if len(chosen) > MOST_STORES:
            raise InvalidInputError(
                f"{len(chosen)} stores are too many for one call; name at most {MOST_STORES} of them."
            )
        return chosen

    @asynccontextmanager
    async def enter_each(self, store_ids: Sequence[str]) -> AsyncIterator[AsyncIterator[StoreScope]]:
        """Open a read-only transaction that goes from store to store; raises like `enter`.

        Args:
            store_ids: What `choose_several` gave.
        """
        database = self._for_reading()
        with step(_STEP, {"retail.stores": len(store_ids)}):
            async with self._place_in(*store_ids), database.transaction() as connection:

                async def each() -> AsyncIterator[StoreScope]:
                    for store_id in store_ids:
                        yield await self._entered(connection, store_id, on_replica=database is not self._database)

                with self._metered():
                    yield each()

    async def _entered(self, connection: StoreConnection, store_id: str, *, on_replica: bool) -> StoreScope:
        """Set the store context, which ends that of the store before."""
        token = self._signer.sign(
            self.principal.principal_id, store_id, credential=self.principal.credential, masked=self.principal.masked
        )
        try:
            if on_replica:
                entered = await self._entered_on_replica(connection, token)
            else:
                entered = await connection.one(self._set_context, token)
        except DatabaseError as error:
            if error.sqlstate == ROLE_MAY_NOT_RUN_SQL:
                raise _not_allowed(store_id, "the one you have") from None
            if error.sqlstate != NO_CONTEXT:
                raise
            # What is remembered of the principal may be older than what the database has just said.
            others = [access.store_id for access in self.principal.stores if access.store_id != store_id]
            raise NotFoundError(f"No such store among yours. Your stores: {', '.join(others) or 'none'}.") from None
        if call := current_call.get(None):
            call.store_id, call.role = entered.store_id, entered.role
            call.entered[entered.store_id] = entered.role
            # The tool was let through for a role in one of the stores; this store's role decides.
            if call.needs not in self.principal.scopes_as(entered.role):
                raise _not_allowed(entered.store_id, entered.role)
        return StoreScope(connection, **dict(entered))

    def _for_reading(self) -> Database:
        """Where the reads of the call in progress go; outside of a tool nobody would ask the primary instead."""
        call, replica = current_call.get(None), self._replica
        if call is None or replica is None or not (call.may_read_replica and replica.is_usable):
            return self._database
        call.reads_replica = True
        return replica.database

    async def _entered_on_replica(self, connection: StoreConnection, token: str) -> EnteredStore:
        """Set the context on a replica as the primary sets it now; raises like the query there.

        Raises:
            ReplicaBehindError: The replica would let somebody else in, or in another role.
        """
        (allowed,) = await self._database.fetch(self._set_context, token)
        try:
            entered = await connection.one(self._set_context, token)
        except DatabaseError as error:
            if error.sqlstate != NO_CONTEXT:
                raise
            raise ReplicaBehindError from None
        if entered.role != allowed.role:
            raise ReplicaBehindError
        return entered

    def _place_in(self, *store_ids: str) -> AbstractAsyncContextManager[None]:
        if self._limits is None:
            return nullcontext()
        own = {access.store_id for access in self.principal.stores}
        places = [store_id if store_id in own else None for store_id in store_ids]
        return self._limits.inside(self.principal.principal_id, *places)

    def _metered(self) -> AbstractContextManager[None]:
        return self._limits.calls.charge(self.principal.principal_id) if self._limits else nullcontext()


def _not_allowed(store_id: str, role: str) -> NotAllowedError:
    call = current_call.get(None)
    return NotAllowedError(
        f"Your role in {store_id} ({role}) does not allow {call.tool if call else 'this'}. "
        "Name a store in which it does; get_store_context lists your stores and roles."
    )


def scopes_on(
    principal: Principal,
    context: Context,
    database: str,
    set_context: Query[EnteredStore],
    replica: Replica | None = None,
) -> StoreScopes:
    """A principal's way into its stores within a request, under the login of one of the server's pools."""
    server = context.lifespan_context
    # No request, no header: the setting is for stdio, where one person configures both.
    header = get_http_headers().get(STORE_HEADER)
    return StoreScopes(
        server[database],
        server["signing_key"].signer,
        principal,
        header or server["default_store"],
        server["limits"],
        set_context,
        replica,
    )


def scopes_of(
    principal: Principal, context: Context, set_context: Query[EnteredStore] = SET_STORE_CONTEXT
) -> StoreScopes:
    """The same under the login of the tools."""
    return scopes_on(principal, context, "database", set_context, context.lifespan_context["replica"])


def store_scopes(context: Context = CurrentContext()) -> StoreScopes:
    """Dependency of every tool: the caller's way into its stores."""
    return scopes_of(calling_principal(), context)
