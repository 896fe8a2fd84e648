"""The keys that sign store contexts, on the database's side."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from server.db.queries import QueryFile
from server.errors import ConfigurationError, InvalidInputError, NotFoundError
from server.process.private_files import replace_secret
from server.tenancy.context_token import ContextSigner

QUERIES = QueryFile("server.operations.admin", "keys.sql")
_INSTALL = QUERIES.statement("install_key")
_IS_ACCEPTED = QUERIES.statement("is_accepted")
_RETIRE_OTHERS = QUERIES.statement("retire_other_keys")
_LOCK = QUERIES.statement("lock_keys")
_LASTING = QUERIES.statement("lasting_keys")
_RETIRE = QUERIES.statement("retire_key")
_LIST = QUERIES.statement("list_keys")
_RECORD = QUERIES.statement("record_key_operation")


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the id of the new key, and those of the keys that end after the overlap."""

    kid: str
    retiring: list[str]


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key by its id.

    Attributes:
        not_after: When it ends or ended; None for never.
        is_retired: Whether the database refuses it now.
    """

    kid: str
    created_at: datetime
    not_after: datetime | None
    is_retired: bool

    @property
    def state(self) -> Literal["valid", "retiring", "retired"]:
        """`retiring` for a key that is still accepted until `not_after`."""
        if self.is_retired:
            return "retired"
        return "valid" if self.not_after is None else "retiring"


def generate_key() -> str:
    """A new secret for RETAIL_CONTEXT_KEY: 256 random bits."""
    return secrets.token_urlsafe(32)


async def install_key(connection: Any, key: str) -> str:
    """Let the database verify contexts signed with this key; idempotent. Returns the key id.

    Raises:
        ConfigurationError: The key was retired, and stays so.
    """
    signer = ContextSigner(key)
    await connection.execute(_INSTALL, signer.kid, *signer.pads())
    if not await connection.fetchval(_IS_ACCEPTED, signer.kid):
        raise ConfigurationError(
            f"The signing key {signer.kid} was retired and cannot come back. Take the one that replaced it, or make "
            "one with: retail-mcp key generate"
        )
    return signer.kid


async def rotate_key(connection: Any, path: Path, overlap_seconds: int) -> Rotation:
    """Replace the signing key: a new one in the database and in the file, the others end after the overlap.

    In this order, so that at no moment a server holds a key that the database refuses, whatever fails.

    Args:
        connection: The operator's connection.
        path: File from which the servers take it up.
        overlap_seconds: How long contexts signed with the other keys are still accepted.

    Raises:
        ConfigurationError: The file cannot be written; the key in use stays.
    """
    key = generate_key()
    signer = ContextSigner(key)
    await connection.execute(_INSTALL, signer.kid, *signer.pads())
    try:
        replace_secret(path, key)
    except OSError as error:
        await connection.execute(_RETIRE, signer.kid)
        raise ConfigurationError(
            f"The new key cannot be written to {path} ({error.strerror}), so the one in use stays. Run this as a user "
            "who may write there, or follow docs/keys.md for keys that are kept elsewhere."
        ) from None
    async with connection.transaction():
        retiring = [row["kid"] for row in await connection.fetch(_RETIRE_OTHERS, signer.kid, overlap_seconds)]
        details = {"kid": signer.kid, "retiring": retiring, "overlap_seconds": overlap_seconds}
        await connection.execute(_RECORD, "key_rotated", json.dumps(details))
    return Rotation(signer.kid, retiring)


async def retire_key(connection: Any, kid: str) -> None:
    """Refuse contexts signed with a key from now on.

    Raises:
        InvalidInputError: It is the only one without an end, so that soon nobody would get in.
        NotFoundError: There is no such key that is accepted.
    """
    async with connection.transaction():
        await connection.execute(_LOCK)
        if await connection.fetchval(_LASTING, kid) == 0:
            raise InvalidInputError(
                f"{kid} was not retired: no other key lasts, and without one no server could serve. Replace it first: "
                "retail-mcp key rotate, or key install with a new key."
            )
        if await connection.execute(_RETIRE, kid) == "UPDATE 0":
            raise NotFoundError(f"There is no key {kid} that is accepted. See: retail-mcp key list")
        await connection.execute(_RECORD, "key_retired", json.dumps({"kid": kid}))


async def list_keys(connection: Any) -> list[ListedKey]:
    """Every key that the database has, newest first."""
    return [ListedKey(**row) for row in await connection.fetch(_LIST)]
