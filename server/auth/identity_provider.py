"""Tokens of the customer's identity provider: JSON Web Tokens, verified by the keys that it publishes."""

from __future__ import annotations

import logging
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from cachetools import TTLCache
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.utilities.auth import decode_jwt_header
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from server.auth.authenticator import Authenticated, Authenticator, token_digest
from server.auth.key_set import KeySetClient
from server.config import JwtAlgorithm, Settings
from server.errors import ConfigurationError, IdentityProviderUnavailableError, UnknownIdentityError

logger = logging.getLogger(__name__)

# RFC 9068 names the second; most providers still use the first or none. Others, as of logout tokens, open nothing.
_TOKEN_TYPES = {"jwt", "at+jwt", "application/at+jwt"}
_MAX_TOKEN_LENGTH = 16_384
_MAX_SUBJECT_LENGTH = 500
# Bounds what tokens with made-up key ids can do to the provider, and how long a key it has just made is unknown.
_REFETCH_SECONDS = 10.0
# The provider's clock may be a little ahead; expiry gets no such grace.
_CLOCK_TOLERANCE_SECONDS = 5
_REPEAT_WARNING_SECONDS = 60.0


def check_identity_provider(settings: Settings) -> bool:
    """Whether tokens of an identity provider are accepted.

    Raises:
        ConfigurationError: Some of its settings are missing.
    """
    given = {
        "RETAIL_JWT_ISSUER": settings.jwt_issuer,
        "RETAIL_JWT_AUDIENCE": settings.jwt_audience,
        "RETAIL_JWT_JWKS_URI": settings.jwt_jwks_uri,
    }
    if not any(given.values()):
        return False
    given["RETAIL_PUBLIC_URL"] = settings.public_url
    if missing := [name for name, value in given.items() if not value]:
        raise ConfigurationError(
            f"An identity provider is configured in part: {', '.join(missing)} missing. Without issuer and audience "
            "the server would take tokens that were meant for somebody else. See docs/remote.md."
        )
    return True


class IdentityProvider:
    """Finds the principal behind a token of the identity provider.

    Args:
        settings: Issuer, audience, keys and algorithms.
        authenticator: Finds the principal of a subject, and remembers.
        keys: Fetches the provider's keys.
    """

    def __init__(self, settings: Settings, authenticator: Authenticator, keys: KeySetClient) -> None:
        assert settings.jwt_issuer is not None
        self._issuer = settings.jwt_issuer
        self._authenticator = authenticator
        self._keys = keys
        # One per algorithm: each accepts its own and no other, whatever a token says about itself.
        self._verifiers: dict[JwtAlgorithm, JWTVerifier] = {
            algorithm: JWTVerifier(
                jwks_uri=settings.jwt_jwks_uri,
                issuer=settings.jwt_issuer,
                audience=list(settings.jwt_audience),
                algorithm=algorithm,
                http_client=keys,
                jwks_refresh_interval=_REFETCH_SECONDS,
            )
            for algorithm in settings.jwt_algorithms
        }
        self._claims = JWTClaimsRegistry(
            leeway=_CLOCK_TOLERANCE_SECONDS, exp={"essential": True}, sub={"essential": True}
        )
        self._warned: TTLCache[str, None] = TTLCache(1024, _REPEAT_WARNING_SECONDS)

    async def authenticate(self, token: str) -> Authenticated | None:
        """Verify a token and look its subject up.

        Returns:
            The principal, narrowed to the token's scopes, and the token's expiry; None for a token that is not
            valid: wrong signature, algorithm, issuer or audience, expired, not valid yet, or no JSON Web Token.

        Raises:
            UnknownIdentityError: The token is valid, its subject unknown here.
            IdentityProviderUnavailableError: The keys cannot be fetched.
            BusyError, DatabaseUnavailableError: See `Database.transaction`.
        """
        if token.count(".") != 2 or len(token) > _MAX_TOKEN_LENGTH:
            return None
        return await self._authenticator.remembered(token_digest(token), lambda: self._verify(token))

    async def _verify(self, token: str) -> Authenticated | None:
        try:
            header: object = decode_jwt_header(token)
        except (ValueError, RecursionError):
            return None
        if not isinstance(header, dict):
            return None
        verifier = self._verifiers.get(cast(JwtAlgorithm, str(header.get("alg"))))
        if verifier is None or str(header.get("typ", "JWT")).lower() not in _TOKEN_TYPES:
            return None
        accepted = await verifier.verify_token(token)
        if accepted is None:
            if self._keys.is_missing(header.get("kid")):
                self._warn(
                    "Keys of the identity provider cannot be fetched. Check RETAIL_JWT_JWKS_URI and the way there."
                )
                raise IdentityProviderUnavailableError
            return None
        expires_at = self._checked_expiry(accepted.claims)
        if expires_at is None:
            return None
        subject = str(accepted.claims["sub"])
        # What no operator can have entered need not be looked for, such as a NUL.
        known = len(subject) <= _MAX_SUBJECT_LENGTH and subject.isprintable()
        principal = await self._authenticator.find_subject(self._issuer, subject) if known else None
        if principal is None:
            self._tell_operator(subject if known else None)
            raise UnknownIdentityError
        # A token without scopes was given for something else, such as to tell who logged in.
        return replace(principal, token_scopes=frozenset(accepted.scopes)), expires_at

    def _checked_expiry(self, claims: dict[str, Any]) -> datetime | None:
        """Require an expiry and a subject, which FastMCP does not, and allow `nbf` less than its 30 seconds ahead."""
        try:
            self._claims.validate(claims)
            return datetime.fromtimestamp(claims["exp"], UTC)
        except (JoseError, ValueError, TypeError, OverflowError, OSError):
            return None

    def _tell_operator(self, subject: str | None) -> None:
        if subject is None:
            self._warn("A subject that is too long or not printable was refused; it cannot be let in.")
            return
        # Quoted, as the text is somebody else's and will be pasted.
        self._warn(
            f"Nobody here is subject {subject!r} of {self._issuer}; refused. To let it in: retail-mcp principal "
            f"add --subject NAME --issuer {shlex.quote(self._issuer)} --external-subject {shlex.quote(subject)}"
        )

    def _warn(self, message: str) -> None:
        """Log once in a while what each call would repeat."""
        if message not in self._warned:
            self._warned[message] = None
            logger.warning("%s", message)
