"""The identity provider's keys: how fetching them went."""

from __future__ import annotations

from typing import Any

import httpx2

_TIMEOUT_SECONDS = 5.0


class KeySetClient(httpx2.AsyncClient):
    """Fetches a JSON Web Key Set and remembers what the last attempt brought.

    FastMCP's verifier answers "not valid" whether a key is wrong or cannot be fetched; with this a caller with
    a good token can be told to come back instead.
    """

    def __init__(self) -> None:
        super().__init__(timeout=_TIMEOUT_SECONDS)
        self._failed = False
        self._key_ids: frozenset[str] = frozenset()

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Fetch once."""
        self._failed = True
        response = await super().send(request, **options)
        if response.status_code == httpx2.codes.OK:
            try:
                keys = response.json()["keys"]
                self._key_ids = frozenset(str(key["kid"]) for key in keys if key.get("kid"))
            except (ValueError, KeyError, TypeError, AttributeError):
                return response
            self._failed = False
        return response

    def is_missing(self, key_id: object) -> bool:
        """True when this key may exist but was not there in what could be fetched.

        Args:
            key_id: `kid` of a token's header, unverified; None for a token that names none.
        """
        if key_id is not None and not isinstance(key_id, str):
            return False
        return self._failed and (key_id not in self._key_ids if key_id else not self._key_ids)
