"""Bearer tokens over HTTP: the server's own and those of the customer's identity provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

from fastmcp.server.auth import AccessToken, AuthProvider, RemoteAuthProvider, TokenVerifier
from pydantic import AnyHttpUrl, TypeAdapter

from server.auth.authenticator import TOKEN_PREFIX, Authenticated, Authenticator
from server.auth.identity_provider import IdentityProvider, check_identity_provider
from server.auth.key_set import KeySetClient
from server.calls.principal import Scope
from server.config import Settings

PRINCIPAL_CLAIM = "principal"
UNKNOWN_BEARER = (
    "This token is not valid: unknown, expired or revoked. Get another one from the operator "
    "(retail-mcp token issue --subject NAME --store STORE --role ROLE)."
)
"""Said of a token where none can be had by logging in."""
REQUIRED_SCOPE: Scope = "retail:read"
SCOPES: tuple[Scope, ...] = get_args(Scope)


class BearerVerifier(TokenVerifier):
    """Attaches the principal behind a bearer token to the request, or refuses it with 401.

    Not FastMCP's MultiAuth, which takes any exception but its own TokenVerificationError for "not valid": a database
    that is down would log everybody out.

    Args:
        authenticator: Finds the principal of an opaque token, as `retail-mcp token issue` makes them.
        provider: Finds that of an identity provider's token; None where there is none.
    """

    def __init__(self, authenticator: Authenticator, provider: IdentityProvider | None = None) -> None:
        # Every role has the scope, so only a provider's token can lack it, which is 403.
        super().__init__(required_scopes=[REQUIRED_SCOPE] if provider else [])
        self._authenticator = authenticator
        self._provider = provider

    async def verify_token(self, token: str) -> AccessToken | None:
        """Find the principal; raises like `Authenticator.authenticate` and `IdentityProvider.authenticate`."""
        found = await self._authenticate(token)
        if found is None:
            return None
        principal, expires_at = found
        return AccessToken(
            token=token,
            client_id=principal.subject,
            scopes=list(principal.scopes),
            expires_at=int(expires_at.timestamp()),
            claims={PRINCIPAL_CLAIM: principal},
        )

    async def _authenticate(self, token: str) -> Authenticated | None:
        if self._provider is None or token.startswith(TOKEN_PREFIX):
            return await self._authenticator.authenticate(token)
        return await self._provider.authenticate(token)


@asynccontextmanager
async def bearer_auth(settings: Settings, authenticator: Authenticator) -> AsyncIterator[AuthProvider]:
    """How HTTP requests are authenticated; with an identity provider also where clients get tokens (RFC 9728).

    Raises:
        ConfigurationError: See `check_identity_provider`.
    """
    if not check_identity_provider(settings):
        yield BearerVerifier(authenticator)
        return
    async with KeySetClient() as keys:
        yield _advertised(settings, BearerVerifier(authenticator, IdentityProvider(settings, authenticator, keys)))


def _advertised(settings: Settings, verifier: BearerVerifier) -> AuthProvider:
    assert settings.public_url is not None
    # An issuer is compared character by character (RFC 8414), so no slash may be added to it.
    issuer = TypeAdapter(AnyHttpUrl, config={"url_preserve_empty_path": True}).validate_python(settings.jwt_issuer)
    return RemoteAuthProvider(
        verifier,
        authorization_servers=[issuer],
        base_url=settings.public_url,
        scopes_supported=list(SCOPES),
        # What a client asks its user for; the roles decide what becomes of it.
        challenge_scopes=list(SCOPES),
        resource_name="Zava Retail",
    )
