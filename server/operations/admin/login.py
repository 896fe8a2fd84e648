"""Passwords of the server's logins."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

from server.db.urls import parsed
from server.errors import ConfigurationError

_ITERATIONS = 4096  # PostgreSQL's scram_iterations


async def set_login_password(connection: Any, login: str, setting: str, url: str | None) -> None:
    """Give a login the password that its URL has; the database gets and logs a verifier only.

    Args:
        connection: An admin connection.
        login: The role, for example mcp_user.
        setting: Variable that the URL came from, for the error that names it.
        url: The URL.

    Raises:
        ConfigurationError: The URL is missing, names another login, or has no password in ASCII.
    """
    named = None if url is None else parsed(url, setting)
    password = (named and named.password) or ""
    if named is None or named.user != login or not password or not password.isascii():
        raise ConfigurationError(
            f"--set-password takes the password of {login} from {setting}: "
            f"postgresql://{login}:PASSWORD@host/database, in ASCII, with special characters percent-encoded."
        )
    await connection.execute(f"alter role {login} password '{scram_verifier(password, secrets.token_bytes(16))}'")


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of a password for SCRAM-SHA-256 (RFC 5803)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, client, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"
