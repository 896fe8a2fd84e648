"""The signed request token that opens a store context in the database (sql/repeatable/0030_guard.sql)."""

from __future__ import annotations

import hashlib
import hmac
import time

# A request token is used within milliseconds; a minute tolerates clocks that differ a little.
REQUEST_TOKEN_SECONDS = 60


class ContextSigner:
    """Signs request tokens `T|kid|expires|principal|store|credential[|masked]` with HMAC-SHA256 (RFC 2104).

    Args:
        key: The secret of RETAIL_CONTEXT_KEY. The database keeps it in the form of `pads`.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self.kid = hashlib.sha256(b"retail context key id|" + self._key).hexdigest()[:16]

    def pads(self) -> tuple[bytes, bytes]:
        """Inner and outer padded key, 64 bytes each, from which SQL computes the same HMAC."""
        block = (hashlib.sha256(self._key).digest() if len(self._key) > 64 else self._key).ljust(64, b"\0")
        return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)

    def sign(
        self,
        principal_id: int,
        store_id: str,
        *,
        credential: int = 0,
        masked: bool = False,
        lifetime_seconds: float = REQUEST_TOKEN_SECONDS,
    ) -> str:
        """A token that lets this principal enter this store until it expires, if it has access.

        Args:
            principal_id: Number of the principal.
            store_id: Store to enter.
            credential: Id of the opaque token that the principal presented, which must still be valid; 0 for none.
            masked: Whether personal data is to be masked beyond what the role asks for.
            lifetime_seconds: Seconds until it expires.
        """
        payload = f"T|{self.kid}|{time.time() + lifetime_seconds:.0f}|{principal_id}|{store_id}|{credential}"
        if masked:
            payload += "|masked"
        return hmac.digest(self._key, payload.encode(), "sha256").hex() + payload
