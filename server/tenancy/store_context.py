"""Setting the signed store context of a transaction: the database decides who enters, and as what."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel

from server.calls.call import current_call
from server.calls.principal import Principal, Role
from server.db.connection import NO_CONTEXT, ROLE_MAY_NOT_RUN_SQL, StoreConnection
from server.db.pool import Database
from server.db.queries import Query, QueryFile
from server.errors import DatabaseError, NotAllowedError, NotFoundError, ReplicaBehindError
from server.tenancy.context_token import ContextSigner


class EnteredStore(BaseModel):
    """The store that a transaction is about, as the database describes it."""

    store_id: str
    role: Role
    store_name: str
    currency: str
    time_zone: str
    today: date


QUERIES = QueryFile("server.tenancy", "store_context.sql")
SET_STORE_CONTEXT = QUERIES.query("set_store_context", EnteredStore)


class StoreContext:
    """Enters stores on behalf of one principal.

    Args:
        signer: Signer of request tokens.
        principal: Who is asking.
        primary: The database that decides, also for transactions on a replica.
        query: Enters a store under the login of the transaction.
    """

    def __init__(
        self,
        signer: ContextSigner,
        principal: Principal,
        primary: Database,
        query: Query[EnteredStore] = SET_STORE_CONTEXT,
    ) -> None:
        self._signer = signer
        self._principal = principal
        self._primary = primary
        self._query = query

    async def set(self, connection: StoreConnection, store_id: str, *, on_replica: bool) -> EnteredStore:
        """Set the context of a transaction, which ends that of the store before.

        Args:
            connection: In a transaction.
            store_id: The store.
            on_replica: Whether the transaction is on a replica.

        Raises:
            NotFoundError: The store does not exist or is not the principal's: the two are one.
            NotAllowedError: The role in this store does not allow the tool in progress.
            ReplicaBehindError: The replica disagrees with the primary.
        """
        token = self._signer.sign(
            self._principal.principal_id, store_id, credential=self._principal.credential, masked=self._principal.masked
        )
        try:
            entered = await (self._set_on_replica if on_replica else self._set)(connection, token)
        except DatabaseError as error:
            if error.sqlstate == ROLE_MAY_NOT_RUN_SQL:
                raise _not_allowed(store_id, "the one you have") from None
            if error.sqlstate != NO_CONTEXT:
                raise
            # The principal may be older than what the database has just said.
            others = [access.store_id for access in self._principal.stores if access.store_id != store_id]
            raise NotFoundError(f"No such store among yours. Your stores: {', '.join(others) or 'none'}.") from None
        if call := current_call.get(None):
            call.enter(entered.store_id, entered.role)
            # The tool was allowed for a role in one of the stores; this store's role decides.
            if call.required_scope not in self._principal.scopes_as(entered.role):
                raise _not_allowed(entered.store_id, entered.role)
        return entered

    async def _set(self, connection: StoreConnection, token: str) -> EnteredStore:
        return await connection.one(self._query, token)

    async def _set_on_replica(self, connection: StoreConnection, token: str) -> EnteredStore:
        """Set the context on a replica as the primary sets it now."""
        (allowed,) = await self._primary.fetch(self._query, token)
        try:
            entered = await self._set(connection, token)
        except DatabaseError as error:
            if error.sqlstate != NO_CONTEXT:
                raise
            raise ReplicaBehindError from None
        if entered.role != allowed.role:
            raise ReplicaBehindError
        return entered


def _not_allowed(store_id: str, role: str) -> NotAllowedError:
    call = current_call.get(None)
    return NotAllowedError(
        f"Your role in {store_id} ({role}) does not allow {call.tool if call else 'this'}. "
        "Name a store in which it does; get_store_context lists your stores and roles."
    )
