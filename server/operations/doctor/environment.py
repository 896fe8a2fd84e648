"""Checks of what is around the database: ports, the identity provider, PostgreSQL's programs."""

from __future__ import annotations

from contextlib import suppress

import httpx2

from server.auth.identity_provider import check_identity_provider
from server.auth.key_set import KeySetClient
from server.config import Settings
from server.errors import ConfigurationError
from server.operations.backup.programs import find_program
from server.process.sockets import listening_socket

_ANSWER_SECONDS = 2
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listens nowhere


async def port(settings: Settings) -> str:
    """Whether the server can listen, or does already."""
    place = f"{settings.host}:{settings.port}"
    if await _answers(settings.host, settings.port, "/health", '{"status":"ok"}'):
        return f"a server of this kind answers at {place}"
    with listening_socket(settings.host, settings.port):
        return f"{place} is free"


async def metrics_port(settings: Settings) -> str:
    """The same of the port for metrics."""
    if settings.metrics_port is None:
        return "RETAIL_METRICS_PORT is not set: none are served"
    place = f"{settings.metrics_host}:{settings.metrics_port}"
    if await _answers(settings.metrics_host, settings.metrics_port, "/metrics", "retail_"):
        return f"a server of this kind answers at {place}"
    # Only servers with metrics pay for these.
    from prometheus_client import CollectorRegistry

    from server.monitoring.exposition import exposed

    with exposed(CollectorRegistry(), settings.metrics_host, settings.metrics_port, processes=settings.workers):
        return f"{place} is free"


async def identity_provider(settings: Settings) -> str:
    """Whether tokens of the identity provider, where there is one, can be verified."""
    if not check_identity_provider(settings):
        return "none is configured; opaque tokens only"
    assert settings.jwt_jwks_uri is not None
    async with KeySetClient() as keys:
        with suppress(httpx2.HTTPError):
            await keys.get(settings.jwt_jwks_uri)
        if keys.is_missing(None):
            raise ConfigurationError(
                "The identity provider's keys cannot be fetched. Check RETAIL_JWT_JWKS_URI and the way there."
            )
    return "its keys can be fetched"


def backup_programs(settings: Settings, server_major: int) -> str:
    """Whether backups can be made and restored."""
    for program in ("pg_dump", "pg_restore"):
        find_program(program, settings.pg_bin, server_major)
    return f"pg_dump and pg_restore fit PostgreSQL {server_major}"


async def _answers(host: str, number: int, path: str, text: str) -> bool:
    """Whether a port is taken by what is to take it."""
    host = _ANY_ADDRESS.get(host, host)
    with suppress(httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        async with httpx2.AsyncClient(timeout=_ANSWER_SECONDS) as http:
            answer = await http.get(f"http://{f'[{host}]' if ':' in host else host}:{number}{path}")
            return answer.status_code == 200 and text in answer.text
    return False
