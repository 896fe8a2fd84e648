"""The single place that says who is asking."""

from __future__ import annotations

from dataclasses import dataclass

from fastmcp import Context
from fastmcp.server.dependencies import get_access_token

from server.auth.authenticator import Authenticator
from server.auth.bearer import PRINCIPAL_CLAIM
from server.calls.principal import Principal
from server.calls.server_context import ServerContext
from server.errors import NotAllowedError


@dataclass(frozen=True, slots=True)
class StdioIdentity:
    """Whom a server on standard streams acts for.

    Attributes:
        token: Of RETAIL_TOKEN; None over HTTP, where each request has its own.
        authenticator: Finds the principal behind it.
    """

    token: str | None
    authenticator: Authenticator


async def current_principal(context: Context | None) -> Principal:
    """The principal of this request: the bearer token's over HTTP, the configured token's on stdio.

    Args:
        context: FastMCP's context of the request.

    Raises:
        NotAllowedError: There is no valid identity. None is ever assumed.
    """
    access_token = get_access_token()
    if access_token is not None:
        principal = access_token.claims[PRINCIPAL_CLAIM]
        assert isinstance(principal, Principal)
        return principal
    stdio = ServerContext.of(context).get(StdioIdentity) if context is not None else None
    if stdio is not None and stdio.token is not None:
        found = await stdio.authenticator.authenticate(stdio.token)
        if found is not None:
            return found[0]
    raise NotAllowedError(
        "The token of this connection is not valid (any more). Get a new one from the operator "
        "(retail-mcp token issue) and restart the connection with it."
    )
