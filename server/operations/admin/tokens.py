"""Issuing, listing and revoking bearer tokens."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from server.auth.authenticator import TOKEN_PREFIX, token_digest
from server.calls.principal import Role
from server.db.queries import QueryFile
from server.errors import InvalidInputError, NotFoundError

QUERIES = QueryFile("server.operations.admin", "tokens.sql")
_PRINCIPAL = QUERIES.statement("ensure_principal")
_OPEN_STORES = QUERIES.statement("open_stores")
_ROLES = QUERIES.statement("roles_of")
_GRANT = QUERIES.statement("grant_role")
_ADD_TOKEN = QUERIES.statement("add_token")
_LIST = QUERIES.statement("list_tokens")
_STORES_OF_TOKEN = QUERIES.statement("stores_of_token")
_STORES_OF_SUBJECT = QUERIES.statement("stores_of_subject")
_REVOKE = QUERIES.statement("revoke_token")
_REVOKE_SUBJECT = QUERIES.statement("revoke_subject")
_RECORD = QUERIES.statement("record_access_change")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token; the only time that its text exists outside its owner's hands."""

    token: str
    token_id: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What is known of a token afterwards."""

    token_id: int
    subject: str
    note: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    access: list[str]

    @property
    def state(self) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if self.expires_at > datetime.now(UTC) else "expired"


async def issue_token(
    connection: Any,
    subject: str,
    stores: Sequence[str],
    role: Role,
    *,
    lifetime: timedelta,
    note: str | None = None,
    change_role: bool = False,
) -> IssuedToken:
    """Make a token for a subject, creating it and granting access as needed.

    Args:
        connection: The operator's connection.
        subject: Stable name of the person or program.
        stores: Stores it may enter.
        role: Its role in these stores.
        lifetime: How long the token is valid.
        note: What it is for, shown by `list_tokens`.
        change_role: Whether an existing other role may be replaced.

    Raises:
        InvalidInputError: No store, an unknown one, or the subject has another role there and `change_role` is false.
    """
    if not 1 <= len(subject) <= 200:
        raise InvalidInputError("A subject has 1 to 200 characters.")
    if not stores:
        raise InvalidInputError("A token without a store opens nothing. Name one or more.")
    async with connection.transaction():
        open_stores = [row["store_id"] for row in await connection.fetch(_OPEN_STORES)]
        if unknown := [store for store in stores if store not in open_stores]:
            raise InvalidInputError(
                f"No open store {', '.join(unknown)}. There are: {', '.join(open_stores) or 'none yet'}."
            )
        principal = await connection.fetchrow(_PRINCIPAL, subject)
        if not principal["is_active"]:
            raise InvalidInputError(f"The subject {subject} is deactivated and gets no token.")
        principal_id = principal["principal_id"]
        roles = {row["store_id"]: row["role"] for row in await connection.fetch(_ROLES, principal_id)}
        other = {store: roles[store] for store in stores if roles.get(store, role) != role}
        if other and not change_role:
            held = ", ".join(f"{held_role} in {store}" for store, held_role in other.items())
            raise InvalidInputError(
                f"{subject} is {held} already. Nothing was changed: name that role, or add --change-role to make "
                f"it {role} (all its tokens follow)."
            )
        for store in stores:
            if roles.get(store) != role:
                await connection.execute(_GRANT, principal_id, store, role)
                change = json.dumps({"subject": subject, "role": role, "was": roles.get(store)})
                await connection.execute(_RECORD, "access_granted", [store], change)
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        expires_at = datetime.now(UTC) + lifetime
        token_id = await connection.fetchval(_ADD_TOKEN, token_digest(token), principal_id, expires_at, note)
        issued = json.dumps({"subject": subject, "token_id": token_id, "expires_at": expires_at.isoformat()})
        # It opens what its subject may enter, not only what was named here.
        await connection.execute(_RECORD, "token_issued", sorted({*roles, *stores}), issued)
    return IssuedToken(token, token_id, expires_at)


async def list_tokens(connection: Any) -> list[TokenRow]:
    """Every token ever issued, oldest first, without its text."""
    return [TokenRow(**row) for row in await connection.fetch(_LIST)]


async def revoke_token(connection: Any, token_id: int) -> None:
    """End one token, effective on its next call.

    Raises:
        NotFoundError: There is no such token, or it was revoked before.
    """
    async with connection.transaction():
        if await connection.execute(_REVOKE, token_id) == "UPDATE 0":
            raise NotFoundError(f"There is no unrevoked token {token_id}. See: retail-mcp token list")
        stores = [row["store_id"] for row in await connection.fetch(_STORES_OF_TOKEN, token_id)]
        await connection.execute(_RECORD, "token_revoked", stores, json.dumps({"token_id": token_id}))


async def revoke_subject(connection: Any, subject: str) -> int:
    """End all tokens of a subject; returns how many.

    Raises:
        NotFoundError: The subject has no unrevoked token.
    """
    async with connection.transaction():
        count = int((await connection.execute(_REVOKE_SUBJECT, subject)).split()[-1])
        if count == 0:
            raise NotFoundError(f"{subject} has no unrevoked token. See: retail-mcp token list")
        stores = [row["store_id"] for row in await connection.fetch(_STORES_OF_SUBJECT, subject)]
        await connection.execute(_RECORD, "token_revoked", stores, json.dumps({"subject": subject, "tokens": count}))
    return count
