"""Bearer tokens over HTTP."""

from __future__ import annotations

from fastmcp.server.auth import AccessToken, TokenVerifier

from server.auth.authenticator import Authenticator

PRINCIPAL_CLAIM = "principal"


class OpaqueTokenVerifier(TokenVerifier):
    """Accepts the opaque tokens that `python -m server token issue` makes.

    Args:
        authenticator: Looks the tokens up.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        super().__init__()
        self._authenticator = authenticator

    async def verify_token(self, token: str) -> AccessToken | None:
        """Attach the principal to the request, or refuse it with 401."""
        found = await self._authenticator.authenticate(token)
        if found is None:
            return None
        principal, expires_at = found
        return AccessToken(
            token=token,
            client_id=principal.subject,
            scopes=[],
            expires_at=int(expires_at.timestamp()),
            claims={PRINCIPAL_CLAIM: principal},
        )
