"""The store scope: the one way from a principal to a store's rows.

    async with scopes.enter(store_id) as store:
        rows = await store.db.all(QUERY, ...)

acquires a connection, begins a transaction, sets the signed store context and yields. Four round trips: begin, context,
query, commit.

    async with scopes.enter_each(store_ids) as stores:
        async for store in stores:
            rows = await store.db.all(QUERY, ...)

does the same for several stores, one after the other in one transaction: at any moment one store is open.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel

from server.calls.principal import Principal, Role
from server.db.connection import StoreConnection
from server.db.pool import Database
from server.db.queries import Query, QueryFile
from server.db.replica import Replica
from server.monitoring.spans import step
from server.tenancy.call_limits import CallLimits
from server.tenancy.context_token import ContextSigner
from server.tenancy.routing import ReadRoute
from server.tenancy.selection import StoreSelection
from server.tenancy.store_context import SET_STORE_CONTEXT, EnteredStore, StoreContext

_STEP = "store scope"


class _Settings(BaseModel):
    """Columns of enable_analytic_settings."""

    plan_cache_mode: str
    work_mem: str


QUERIES = QueryFile("server.tenancy", "store_scope.sql")
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


class StoreScopes(StoreSelection):
    """What a tool gets injected: chooses and enters stores on behalf of one principal.

    Args:
        database: The server's pool.
        signer: Signer of request tokens.
        principal: Who is asking.
        default_store: Store to enter when a call names none and the principal has several.
        limits: Bounds how many calls have entered at a time; without them nothing does.
        set_context: Query that enters a store under the login of that pool.
        replica: Where a tool's reads go while it is near enough.
    """

    def __init__(
        self,
        database: Database,
        signer: ContextSigner,
        principal: Principal,
        default_store: str | None = None,
        limits: CallLimits | None = None,
        set_context: Query[EnteredStore] = SET_STORE_CONTEXT,
        replica: Replica | None = None,
    ) -> None:
        super().__init__(principal, default_store)
        self.principal = principal
        self._route = ReadRoute(database, replica)
        self._context = StoreContext(signer, principal, database, set_context)
        self._limits = limits

    @asynccontextmanager
    async def enter(self, store_id: str | None = None, *, write: bool = False) -> AsyncIterator[StoreScope]:
        """Open a transaction in one store, read-only unless `write`.

        Args:
            store_id: The store that the caller named, if any.
            write: Whether the transaction may change rows.

        Raises:
            StoreNeededError, NotAllowedError: See `choose`.
            NotFoundError, NotAllowedError: See `StoreContext.set`.
            TooManyCallsError: The caller or the store has too many calls in progress.
            BusyError, DatabaseUnavailableError: See `Database.transaction`.
        """
        chosen = self.choose(store_id)
        database = self._route.primary if write else self._route.for_reading()
        with step(_STEP) as span:
            async with self._acquire(chosen), database.transaction(write=write) as connection:
                store = await self._entered(connection, chosen, database)
                # The store that the database let the caller into, never the one that was asked for.
                span.set_attribute("retail.store_id", store.store_id)
                with self._charge():
                    yield store

    @asynccontextmanager
    async def enter_each(self, store_ids: Sequence[str]) -> AsyncIterator[AsyncIterator[StoreScope]]:
        """Open a read-only transaction that goes from store to store; raises like `enter`.

        Args:
            store_ids: Chosen by `choose_several`.
        """
        database = self._route.for_reading()
        with step(_STEP, {"retail.stores": len(store_ids)}):
            async with self._acquire(*store_ids), database.transaction() as connection:

                async def each() -> AsyncIterator[StoreScope]:
                    for store_id in store_ids:
                        yield await self._entered(connection, store_id, database)

                with self._charge():
                    yield each()

    async def _entered(self, connection: StoreConnection, store_id: str, database: Database) -> StoreScope:
        entered = await self._context.set(connection, store_id, on_replica=database is not self._route.primary)
        return StoreScope(connection, **dict(entered))

    def _acquire(self, *store_ids: str) -> AbstractAsyncContextManager[None]:
        if self._limits is None:
            return nullcontext()
        own = {access.store_id for access in self.principal.stores}
        return self._limits.acquire(
            self.principal.principal_id, *(store_id if store_id in own else None for store_id in store_ids)
        )

    def _charge(self) -> AbstractContextManager[None]:
        return self._limits.rate.charge(self.principal.principal_id) if self._limits else nullcontext()
