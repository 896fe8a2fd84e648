"""Serving streamable HTTP with uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.http import StarletteWithLifespan
from sse_starlette.sse import AppStatus
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.address import MCP_PATH, SSE_PATH
from server.audit.refusals import HttpRefusals
from server.config import Settings
from server.errors import UnavailableError, UnknownIdentityError
from server.limits import Limits
from server.middleware.messages import OnlyMessages
from server.middleware.request_limits import RequestLimits
from server.monitoring.activity import Activity
from server.monitoring.observer import NOBODY, Observer

_SSE_MESSAGES_PATH = "/messages/"
# RFC 9728: behind it stands the path of what is protected.
_METADATA_PATH = "/.well-known/oauth-protected-resource/"
_RETRY_AFTER_SECONDS = 2
_NO_LEGACY = JSONResponse(
    {
        "error": "not_offered",
        "error_description": (
            "HTTP+SSE keeps its sessions in one process and is off, as this server has several. Connect to "
            f"{MCP_PATH} (streamable HTTP), or ask the operator for a server with RETAIL_WORKERS=1."
        ),
    },
    status_code=404,
)
_SHUTDOWN_SECONDS = 10
_LOOK_SECONDS = 0.05
# Between the end of a call and the last byte of its answer.
_LAST_ANSWER_SECONDS = 0.25


class Edge:
    """The outermost ASGI layer: one process for both transports.

    It tidies headers, as httptools hands values over with their trailing white space, which RFC 9112
    section 5.1 says is no part of them, and keeps foreseen failures out of uvicorn's log.

    Args:
        streamable: Serves every path but those of `legacy`.
        legacy: Serves HTTP+SSE; None where a session's requests would not all come to this process.
        observer: Who is told of refused requests.
    """

    def __init__(
        self, streamable: StarletteWithLifespan, legacy: StarletteWithLifespan | None, observer: Observer = NOBODY
    ) -> None:
        self._streamable = streamable
        self._legacy = legacy
        self._refusals = HttpRefusals(observer)
        # Starlette speaks the lifespan protocol; requests go past it.
        self._lifespan = Starlette(lifespan=self.running)

    @asynccontextmanager
    async def running(self, _: object = None) -> AsyncIterator[None]:
        """Both transports, started."""
        async with AsyncExitStack() as opened:
            for app in filter(None, (self._streamable, self._legacy)):
                await opened.enter_async_context(app.lifespan(app))
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        path = scope["path"]
        legacy = path.startswith((SSE_PATH, _SSE_MESSAGES_PATH)) or (
            path.startswith(_METADATA_PATH) and path.endswith(SSE_PATH)
        )
        app = (self._legacy or _NO_LEGACY) if legacy else self._streamable
        # Starlette raises again what `answer_failure` has answered.
        with suppress(UnavailableError, UnknownIdentityError):
            await app(scope, receive, self._refusals.counting(send))


def answer_failure(_: Request, error: Exception) -> Response:
    """Answer for an error outside of any tool call, such as a token look-up that finds no database."""
    if isinstance(error, UnavailableError):
        return JSONResponse(
            {"error": "temporarily_unavailable", "error_description": str(error)},
            status_code=503,
            headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
        )
    if isinstance(error, UnknownIdentityError):
        # Another token of the same identity would change nothing, so this is no 401.
        return JSONResponse({"error": "access_denied", "error_description": str(error)}, status_code=403)
    return JSONResponse({"error": "server_error"}, status_code=500)


def http_app(server: FastMCP[Any], settings: Settings, observer: Observer = NOBODY) -> Edge:
    """The server as an ASGI application, guarded against foreign Host and Origin headers.

    Streamable HTTP is stateless, so that any process can answer any request; not JSON-only, because
    only a stream lets the disconnect of a client cancel its query. HTTP+SSE, which the specification
    has deprecated, keeps its session in the process: of several workers none offers it, and several servers
    need a balancer that routes by client address.
    """
    # The same for both transports.
    limits = Limits.of(settings, observer)
    guard: dict[str, Any] = {
        "host_origin_protection": True,
        "allowed_hosts": [settings.host, *settings.allowed_hosts],
        "allowed_origins": list(settings.allowed_origins),
        "middleware": [
            Middleware(RequestLimits, limits=limits, max_bytes=settings.max_request_bytes),
            Middleware(OnlyMessages, paths=(MCP_PATH, _SSE_MESSAGES_PATH)),
        ],
    }
    if settings.public_url is not None:
        public = urlsplit(settings.public_url)
        guard["allowed_hosts"].append(public.netloc)
        guard["allowed_origins"].append(f"{public.scheme}://{public.netloc}")
    streamable = server.http_app(path=MCP_PATH, stateless_http=True, json_response=False, **guard)
    legacy = server.http_app(path=SSE_PATH, transport="sse", **guard) if settings.workers == 1 else None
    for app in filter(None, (streamable, legacy)):
        app.add_exception_handler(Exception, answer_failure)
    return Edge(streamable, legacy, observer)


class HttpServer(uvicorn.Server):
    """uvicorn on the fastest parts that are correct.

    Args:
        app: What to serve.
        settings: The operator's choices.
        on_ready: Called once requests are accepted.
        activity: What the process is about; it is told when the server is to stop.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, on_ready: Callable[[], None], activity: Activity | None = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                log_config=None,
                access_log=False,
                server_header=False,
                # uvicorn would believe every program on this machine.
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                limit_concurrency=settings.max_connections,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            )
        )
        self._on_ready = on_ready
        self._drain_seconds = settings.drain_seconds
        self._activity = activity or Activity()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal comes."""
        # By itself sse-starlette ends every stream at the signal, also those in which a call is to be answered.
        AppStatus.enable_automatic_graceful_drain = False
        try:
            await super().serve(sockets)
        finally:
            AppStatus.should_exit = False
            AppStatus.enable_automatic_graceful_drain = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Go on serving while balancers notice, then stop listening and let running calls finish.

        A second Ctrl-C ends the waiting.
        """
        self._activity.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                while not self.force_exit:  # noqa: ASYNC110 - a flag that a signal handler of uvicorn sets
                    await asyncio.sleep(_LOOK_SECONDS)
        streams = asyncio.create_task(self._end_streams())
        try:
            await super().shutdown(sockets)
        finally:
            streams.cancel()

    async def _end_streams(self) -> None:
        """End the streams that only their clients would, once no call is left that may answer in one."""
        while self._activity.calls:  # noqa: ASYNC110 - no call is to pay for an event that is awaited once
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_LAST_ANSWER_SECONDS)
        AppStatus.should_exit = True
