"""Looks bearer tokens up in the database, anew on each call, so that revocation is immediate."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Json, TypeAdapter

from server.db.pool import Database
from server.db.queries import QueryFile
from server.principal import Principal, StoreAccess

# 32 random bytes in URL-safe base64 without padding, behind a prefix that secret scanners can find.
TOKEN_PREFIX = "rmcp_"  # noqa: S105 - public, the secret follows it
TOKEN_LENGTH = len(TOKEN_PREFIX) + 43


class _AuthenticatedRow(BaseModel):
    principal_id: int
    subject: str
    expires_at: datetime
    stores: Json[list[dict[str, Any]]]


QUERIES = QueryFile("server.auth")
AUTHENTICATE = QUERIES.query("authenticate", _AuthenticatedRow)
_STORES = TypeAdapter(tuple[StoreAccess, ...])


def token_digest(token: str) -> bytes:
    """What the database keeps of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


class Authenticator:
    """Finds the principal behind an opaque token.

    Args:
        database: The server's pool.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def authenticate(self, token: str) -> tuple[Principal, datetime] | None:
        """Look a token up.

        Returns:
            The principal and the token's expiry, or None for a token that is unknown, expired, revoked
            or whose principal is not active.

        Raises:
            BusyError, DatabaseUnavailableError: See `Database.transaction`.
        """
        if len(token) != TOKEN_LENGTH or not token.startswith(TOKEN_PREFIX):
            return None
        rows = await self._database.fetch(AUTHENTICATE, token_digest(token))
        if not rows:
            return None
        (row,) = rows
        return Principal(row.principal_id, row.subject, _STORES.validate_python(row.stores)), row.expires_at
