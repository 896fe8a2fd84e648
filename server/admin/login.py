"""The password of the server's login."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import unquote, urlsplit

from server.errors import ConfigurationError

LOGIN = "mcp_user"
_ITERATIONS = 4096  # PostgreSQL's scram_iterations


async def set_login_password(connection: Any, server_url: str | None) -> None:
    """Give mcp_user the password that the server's URL has; the database gets and logs a verifier only.

    Raises:
        ConfigurationError: The URL is missing, names another login, or has no password in ASCII.
    """
    parts = urlsplit(server_url or "")
    password = unquote(parts.password or "")
    if parts.username != LOGIN or not password or not password.isascii():
        raise ConfigurationError(
            f"--set-password takes the password from RETAIL_DATABASE_URL: postgresql://{LOGIN}:PASSWORD@host/database, "
            "in ASCII, with special characters percent-encoded."
        )
    await connection.execute(f"alter role {LOGIN} password '{scram_verifier(password, secrets.token_bytes(16))}'")


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of a password for SCRAM-SHA-256 (RFC 5803)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, client, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
