"""Bounds on HTTP requests, whatever they ask for."""

from __future__ import annotations

from contextlib import AsyncExitStack

from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.authentication import BaseUser, UnauthenticatedUser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import TooManyCallsError
from server.transport.http_limits import HttpLimits


class RequestLimits:
    """An ASGI layer behind authentication: so many requests, so many of them open, and no larger ones.

    Lists and greetings cost about as much as calls, so requests of every kind are counted. Who is not
    known passes: it is refused before its body is read.

    Args:
        app: What to serve.
        limits: Shared by all requests of this server.
        max_bytes: Largest body.
    """

    def __init__(self, app: ASGIApp, limits: HttpLimits, max_bytes: int) -> None:
        self._app = app
        self._bounded = RequestBodyLimitMiddleware(app, max_bytes)
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request when its turn has come, or answer 429; 413 if it is too large."""
        caller: BaseUser = scope.get("user", UnauthenticatedUser())
        if not caller.is_authenticated:
            await self._app(scope, receive, send)
            return
        async with AsyncExitStack() as held:
            try:
                await self._limits.requests.consume(caller.display_name)
                await held.enter_async_context(self._limits.open_requests.acquire(caller.display_name))
            except TooManyCallsError as error:
                await _refusal(error)(scope, receive, send)
                return
            await self._bounded(scope, receive, send)


def _refusal(error: TooManyCallsError) -> JSONResponse:
    return JSONResponse(
        {"error": "too_many_requests", "error_description": str(error)},
        status_code=429,
        headers={"Retry-After": str(error.retry_seconds)},
    )
