"""Finds out who a bearer token stands for, in the database, as mcp_auth."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from weakref import WeakValueDictionary

from pydantic import BaseModel, Json, TypeAdapter

from server.auth.identity_cache import IdentityCache
from server.calls.principal import Principal, StoreAccess
from server.db.pool import Database
from server.db.queries import QueryFile

# 32 random bytes in URL-safe base64 without padding, behind a prefix that secret scanners can find.
TOKEN_PREFIX = "rmcp_"  # noqa: S105 - public, the secret follows it
TOKEN_LENGTH = len(TOKEN_PREFIX) + 43


class _AuthenticatedRow(BaseModel):
    principal_id: int
    subject: str
    credential: int
    expires_at: datetime
    stores: Json[list[dict[str, Any]]]


class _SubjectRow(BaseModel):
    principal_id: int
    subject: str
    stores: Json[list[dict[str, Any]]]


QUERIES = QueryFile("server.auth")
AUTHENTICATE = QUERIES.query("authenticate", _AuthenticatedRow)
AUTHENTICATE_SUBJECT = QUERIES.query("authenticate_subject", _SubjectRow)
_STORES = TypeAdapter(tuple[StoreAccess, ...])


def token_digest(token: str) -> bytes:
    """What is kept of a token, in the database or in memory: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


Authenticated = tuple[Principal, datetime]


class Authenticator:
    """Finds the principal behind a token.

    Args:
        database: A pool of connections as mcp_auth.
        cache: What is remembered between calls; without one every call is looked up.
    """

    def __init__(self, database: Database, cache: IdentityCache[Authenticated] | None = None) -> None:
        self._database = database
        self._cache = cache
        # A look-up per token at a time: a flood under one token holds one of the few connections, not all.
        self._asking: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def authenticate(self, token: str) -> Authenticated | None:
        """Look an opaque token up.

        Returns:
            The principal and the token's expiry, or None for a token that is unknown, expired, revoked
            or whose principal is not active.

        Raises:
            BusyError, DatabaseUnavailableError: See `Database.transaction`.
        """
        if len(token) != TOKEN_LENGTH or not token.startswith(TOKEN_PREFIX):
            return None
        digest = token_digest(token)
        return await self.remembered(digest, lambda: self._look_up(digest))

    async def remembered(
        self, digest: bytes, look_up: Callable[[], Awaitable[Authenticated | None]]
    ) -> Authenticated | None:
        """What is remembered of a token, or else what `look_up` finds out about it.

        Args:
            digest: The token's SHA-256.
            look_up: Asked when nothing is remembered; its errors pass.
        """
        if self._cache is None:
            return await look_up()
        found = self._cache.get(digest)
        if found is None:
            async with self._asking.setdefault(digest, asyncio.Lock()):
                # Who waited here finds what the one before it found.
                found = self._cache.get(digest)
                if found is None:
                    generation = self._cache.generation
                    found = await look_up()
                    if found is not None:
                        self._cache.put(digest, found, generation)
        # A remembered token runs out like any other.
        return found if found is not None and found[1] > datetime.now(UTC) else None

    async def find_subject(self, issuer: str, subject: str) -> Principal | None:
        """Who a subject of an identity provider is here; None for nobody.

        Raises:
            BusyError, DatabaseUnavailableError: See `Database.transaction`.
        """
        for row in await self._database.fetch(AUTHENTICATE_SUBJECT, issuer, subject):
            return Principal(row.principal_id, row.subject, _STORES.validate_python(row.stores))
        return None

    async def _look_up(self, digest: bytes) -> Authenticated | None:
        rows = await self._database.fetch(AUTHENTICATE, digest)
        if not rows:
            return None
        (row,) = rows
        stores = _STORES.validate_python(row.stores)
        return Principal(row.principal_id, row.subject, stores, row.credential), row.expires_at
