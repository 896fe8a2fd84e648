"""What a server opens and checks before it serves; the doctor opens the same, and so finds what a start would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from fastmcp.server.auth import AuthProvider

from server.auth.authenticator import Authenticator
from server.auth.bearer import bearer_auth
from server.config import Settings
from server.embeddings.models import Embedders
from server.embeddings.sync import check_embed_login
from server.errors import ConfigurationError
from server.monitoring.observer import Observer
from server.operations.databases import Connections, Databases, opened_databases
from server.operations.deployment import Deployment
from server.tenancy.signing_key import SigningKey

Transport = Literal["http", "stdio"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What is open, and checked.

    Attributes:
        signing_key: Signs the store contexts.
        embedders: One for each model that a store is searched with.
        databases: One way in for each login.
        auth: How HTTP requests are authenticated; None on stdio.
        stdio_token: The token that a stdio server acts for; None over HTTP.
    """

    signing_key: SigningKey
    embedders: Embedders
    databases: Databases
    auth: AuthProvider | None
    stdio_token: str | None


@asynccontextmanager
async def opened_parts(
    settings: Settings, connections: Connections, transport: Transport, observer: Observer, *, audited: bool = True
) -> AsyncIterator[Parts]:
    """Open and check everything; nothing is changed and nothing kept up yet.

    Args:
        settings: The operator's choices.
        connections: The database to serve.
        transport: `http` takes each call's identity from its bearer token, `stdio` from RETAIL_TOKEN.
        observer: Who is told of waiting and of queues.
        audited: Whether calls are entered in the audit log.

    Raises:
        ConfigurationError: The settings, the database and this version do not fit together.
    """
    signing_key = SigningKey(connections.context_key, connections.context_key_file)
    embedders = Embedders(settings, observer=observer)
    try:
        async with (
            opened_databases(settings, connections, signing_key.signer.kid, observer, audited=audited) as databases,
            AsyncExitStack() as opened,
        ):
            stdio_token = auth = None
            if transport == "stdio":
                stdio_token = await valid_stdio_token(settings, databases.authenticator)
            else:
                auth = await opened.enter_async_context(bearer_auth(settings, databases.authenticator))
            if keeps_embeddings(settings, connections):
                assert connections.embed_database_url is not None
                await check_embed_login(connections.embed_database_url)
            yield Parts(signing_key, embedders, databases, auth, stdio_token)
    finally:
        await embedders.close()


def keeps_embeddings(settings: Settings, connections: Connections) -> bool:
    """Whether the server itself keeps embeddings in step with products."""
    return connections.embed_database_url is not None and settings.embed_interval_seconds > 0


async def valid_stdio_token(settings: Settings, authenticator: Authenticator) -> str:
    """The token that a stdio server acts for.

    Raises:
        ConfigurationError: There is none, or it is not valid.
    """
    remedy = "Get one with: retail-mcp token issue --subject NAME --store STORE --role ROLE"
    if settings.token is None:
        raise ConfigurationError(
            f"RETAIL_TOKEN is not set, so nobody is asking. {remedy}, and put it into this server's environment."
        )
    token = settings.token.get_secret_value()
    if await authenticator.authenticate(token) is None:
        raise ConfigurationError(f"RETAIL_TOKEN is not valid: unknown, expired or revoked. {remedy}")
    return token


def connections_of(deployment: Deployment) -> Connections:
    """What the server needs of its database.

    Raises:
        ConfigurationError: A URL or the signing key is missing.
    """
    urls = {
        "RETAIL_DATABASE_URL is not set (login mcp_user)": deployment.database_url,
        "RETAIL_AUTH_DATABASE_URL is not set (login mcp_auth)": deployment.auth_database_url,
        "RETAIL_AUDIT_DATABASE_URL is not set (login mcp_audit)": deployment.audit_database_url,
    }
    if missing := [fault for fault, url in urls.items() if url is None]:
        raise ConfigurationError(
            f"{'; '.join(missing)}. The server reaches its database under three logins; the admin URL is for "
            "commands only."
        )
    if deployment.context_key is None:
        raise ConfigurationError(
            "RETAIL_CONTEXT_KEY is not set. Make one with: retail-mcp key generate, set it here and run "
            "retail-mcp key install once."
        )
    database_url, auth_url, audit_url = (url for url in urls.values() if url is not None)
    return Connections(
        database_url,
        auth_url,
        audit_url,
        deployment.context_key,
        deployment.context_key_file,
        deployment.embed_database_url,
        deployment.sql_database_url,
        deployment.replica_database_url,
    )
