"""People and programs that may ask: who they are at the identity provider, and what they may enter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from server.calls.principal import Role
from server.db.queries import QueryFile
from server.errors import InvalidInputError, NotFoundError

MAX_SUBJECT_LENGTH = 200
MAX_EXTERNAL_LENGTH = 500

QUERIES = QueryFile("server.operations.admin", "principals.sql")
_ADD = QUERIES.statement("add_principal")
_LOCK = QUERIES.statement("lock_principal")
_ADD_IDENTITY = QUERIES.statement("add_external_identity")
_OWNER = QUERIES.statement("owner_of_external_identity")
_IS_OPEN = QUERIES.statement("is_open_store")
_HELD = QUERIES.statement("held_role")
_GRANT = QUERIES.statement("grant_store")
_WITHDRAW = QUERIES.statement("withdraw_store")
_WITHDRAW_ALL = QUERIES.statement("withdraw_all_stores")
_REVOKE_TOKENS = QUERIES.statement("revoke_all_tokens")
_FORGET = QUERIES.statement("forget_external_identities")
_DEACTIVATE = QUERIES.statement("deactivate")
_LIST = QUERIES.statement("list_principals")
_RECORD = QUERIES.statement("record_principal_operation")


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """A subject of an identity provider, as the claims `iss` and `sub` of its tokens name it."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class ListedPrincipal:
    """One principal with everything that an operator decides about it."""

    subject: str
    is_active: bool
    access: list[str]
    identities: list[str]
    tokens: int


async def add_principal(connection: Any, subject: str, identity: ExternalIdentity | None = None) -> None:
    """Make a principal, or let an inactive one in again; optionally say who it is at the identity provider.

    It may enter nothing before `grant_store`. A principal may have several identities.

    Raises:
        InvalidInputError: A name is impossible, or the identity is another principal's.
    """
    if not 1 <= len(subject) <= MAX_SUBJECT_LENGTH or not subject.isprintable():
        raise InvalidInputError(f"A subject has 1 to {MAX_SUBJECT_LENGTH} printable characters.")
    if identity is not None and not all(
        1 <= len(text) <= MAX_EXTERNAL_LENGTH and text.isprintable() for text in (identity.issuer, identity.subject)
    ):
        raise InvalidInputError(
            f"An issuer and its subject have 1 to {MAX_EXTERNAL_LENGTH} printable characters. Copy both from the "
            "claims iss and sub of a token, or from the server's log."
        )
    async with connection.transaction():
        principal_id = await connection.fetchval(_ADD, subject)
        details = {"subject": subject}
        if identity is not None:
            await connection.execute(_ADD_IDENTITY, identity.issuer, identity.subject, principal_id)
            owner = await connection.fetchrow(_OWNER, identity.issuer, identity.subject)
            if owner["principal_id"] != principal_id:
                raise InvalidInputError(
                    f"That identity is {owner['subject']} already. Nothing was changed: use that name, or end it first "
                    "with: retail-mcp principal revoke --subject NAME"
                )
            details |= {"issuer": identity.issuer, "external_subject": identity.subject}
        await _record(connection, "principal_added", details)


async def grant_store(
    connection: Any, subject: str, store_id: str, role: Role, *, until: datetime | None = None
) -> Role | None:
    """Let a principal into a store with a role, in place of one that it has there.

    Args:
        connection: The operator's connection.
        subject: The principal.
        store_id: The store.
        role: What it may do there.
        until: When that ends; None for no end.

    Returns:
        The role that it had there before, if any.

    Raises:
        InvalidInputError: There is no such open store, or `until` is past.
        NotFoundError: There is no such active principal.
    """
    if until is not None and until <= datetime.now(UTC):
        raise InvalidInputError("--until is past. Name a later day, or leave it out for access without end.")
    async with connection.transaction():
        principal_id = await _active(connection, subject)
        if not await connection.fetchval(_IS_OPEN, store_id):
            raise InvalidInputError(f"There is no open store {store_id}. Open it with: retail-mcp store add")
        held: Role | None = await connection.fetchval(_HELD, principal_id, store_id)
        await connection.execute(_GRANT, principal_id, store_id, role, until)
        details = {"subject": subject, "role": role, "was": held, "until": until.isoformat() if until else None}
        await _record(connection, "access_granted", details, store_id)
    return held


async def revoke_store(connection: Any, subject: str, store_id: str) -> None:
    """End a principal's access to one store, effective on its next call.

    Raises:
        NotFoundError: There is no such active principal, or no access to end.
    """
    async with connection.transaction():
        principal_id = await _active(connection, subject)
        if await connection.execute(_WITHDRAW, principal_id, store_id) == "UPDATE 0":
            raise NotFoundError(f"{subject} has no access to {store_id}. See: retail-mcp principal list")
        await _record(connection, "access_revoked", {"subject": subject}, store_id)


async def revoke_principal(connection: Any, subject: str) -> None:
    """End everything that a principal has: access, tokens, identities; effective on its next call.

    Its name stays, for the audit log.

    Raises:
        NotFoundError: There is no such active principal.
    """
    async with connection.transaction():
        principal_id = await _active(connection, subject)
        stores = [row["store_id"] for row in await connection.fetch(_WITHDRAW_ALL, principal_id)]
        for statement in (_REVOKE_TOKENS, _FORGET, _DEACTIVATE):
            await connection.execute(statement, principal_id)
        for store_id in sorted(stores) or [None]:
            await _record(connection, "principal_revoked", {"subject": subject}, store_id)


async def list_principals(connection: Any) -> list[ListedPrincipal]:
    """Every principal there is or was, by name."""
    return [ListedPrincipal(**row) for row in await connection.fetch(_LIST)]


async def _active(connection: Any, subject: str) -> int:
    found = await connection.fetchrow(_LOCK, subject)
    if found is None or not found["is_active"]:
        raise NotFoundError(
            f"There is no active principal {subject}. Make it with: retail-mcp principal add --subject NAME"
        )
    return int(found["principal_id"])


async def _record(connection: Any, action: str, details: Mapping[str, str | None], store_id: str | None = None) -> None:
    await connection.execute(_RECORD, action, store_id, json.dumps(details))
