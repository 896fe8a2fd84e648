"""The key that signs store contexts, on the database's side."""

from __future__ import annotations

import secrets
from typing import Any

from server.context_token import ContextSigner
from server.db.queries import QueryFile

QUERIES = QueryFile("server.admin", "keys.sql")
_INSTALL = QUERIES.statement("install_key")


def generate_key() -> str:
    """A new secret for RETAIL_CONTEXT_KEY: 256 random bits."""
    return secrets.token_urlsafe(32)


async def install_key(connection: Any, key: str) -> str:
    """Let the database verify contexts signed with this key; idempotent. Returns the key id."""
    signer = ContextSigner(key)
    await connection.execute(_INSTALL, signer.kid, *signer.pads())
    return signer.kid
