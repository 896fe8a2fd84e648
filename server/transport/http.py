"""Serving streamable HTTP with uvicorn."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.http import StarletteWithLifespan
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.audit.refusals import HttpRefusals
from server.auth.bearer import UNKNOWN_BEARER
from server.auth.identity_provider import check_identity_provider
from server.compat.sse_starlette import end_streams, streams_are_ending, streams_kept_open
from server.compat.uvicorn import UvicornServer
from server.config import Settings
from server.errors import UnavailableError, UnknownIdentityError
from server.monitoring.activity import Activity
from server.monitoring.observer import NULL_OBSERVER, Observer
from server.process.signals import stop_signals
from server.tenancy.dependencies import STORE_HEADER
from server.transport.address import MCP_PATH, SSE_PATH
from server.transport.http_connection import CROWDED, HttpConnection, IdleConnections
from server.transport.http_limits import HttpLimits
from server.transport.messages import OnlyMessages
from server.transport.refusal_form import RefusalForm
from server.transport.request_limits import RequestLimits

_SSE_MESSAGES_PATH = "/messages/"
# RFC 9728: behind it stands the path of what is protected.
_METADATA_PATH = "/.well-known/oauth-protected-resource/"
# A slash too many or too few leads to the same place: a redirect would name the scheme that a proxy hides, and clients
# do not send their token to http:// or repeat a POST.
_SAME_PATHS = {
    f"{MCP_PATH}/": MCP_PATH,
    f"{SSE_PATH}/": SSE_PATH,
    _SSE_MESSAGES_PATH.rstrip("/"): _SSE_MESSAGES_PATH,
}
_MCP_PATHS = frozenset({MCP_PATH, SSE_PATH, _SSE_MESSAGES_PATH})
# One of them decides who asks, whom, for which store and how; two could be read one way here and another way elsewhere.
_SINGLE_HEADERS = (b"authorization", b"host", b"origin", STORE_HEADER.encode(), b"mcp-protocol-version")
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
_REPEATED_HEADER = JSONResponse(
    {
        "error": "invalid_request",
        "error_description": (
            "Authorization, Host, Origin, X-Store-Id or MCP-Protocol-Version came more than once. Send each once."
        ),
    },
    status_code=400,
)
_TOO_MANY_CONNECTIONS = JSONResponse(
    {"error": "temporarily_unavailable", "error_description": "Too many connections are open. Try again in a while."},
    status_code=503,
    headers={"Retry-After": str(_RETRY_AFTER_SECONDS), "Connection": "close"},
)
_SHUTDOWN_SECONDS = 10
# For calls to end whose callers were hung up on.
_HANGING_UP_SECONDS = 3
_LOOK_SECONDS = 0.05
# Between the end of a call and the last byte of its answer.
_LAST_ANSWER_SECONDS = 0.25


class Edge:
    """The outermost ASGI layer: one process for both transports.

    It tidies headers, as httptools hands values over with their trailing white space, which RFC 9112
    section 5.1 says is no part of them, refuses those that contradict each other, gives every refusal one form, and
    keeps foreseen failures out of uvicorn's log.

    Args:
        streamable: Serves every path but those of `legacy`.
        legacy: Serves HTTP+SSE; None where a session's requests would not all come to this process.
        observer: Who is told of refused requests.
        invalid_token: See `RefusalForm`.
    """

    def __init__(
        self,
        streamable: StarletteWithLifespan,
        legacy: StarletteWithLifespan | None,
        observer: Observer = NULL_OBSERVER,
        invalid_token: str | None = None,
    ) -> None:
        self._streamable = streamable
        self._legacy = legacy
        self._refusals = HttpRefusals(observer)
        self._invalid_token = invalid_token
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
        consistent = _tidy(scope)
        await self._answer(self._app_for(scope) if consistent else _REPEATED_HEADER, scope, receive, send)

    def _app_for(self, scope: Scope) -> ASGIApp:
        if CROWDED in scope.get("extensions", ()):
            self._refusals.count(_TOO_MANY_CONNECTIONS.status_code)
            return _TOO_MANY_CONNECTIONS
        path: str = scope["path"]
        if path.startswith((SSE_PATH, _SSE_MESSAGES_PATH)) or (
            path.startswith(_METADATA_PATH) and path.endswith(SSE_PATH)
        ):
            return self._legacy or _NO_LEGACY
        return self._streamable

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" or scope["path"] in _MCP_PATHS:
            form = RefusalForm(scope, receive, send, self._refusals.answered, self._invalid_token)
            receive, send = form.receive, form.send
        else:
            send = self._refusals.counting(send)
        unfinished = False

        async def watched(message: Message) -> None:
            nonlocal unfinished
            unfinished = message["type"] == "http.response.start" or message.get("more_body", False)
            await send(message)

        # Starlette raises again what `answer_failure` has answered.
        with suppress(UnavailableError, UnknownIdentityError):
            await app(scope, receive, watched)
        if unfinished and streams_are_ending():
            # sse-starlette ends a stream without its last chunk, which clients and uvicorn take for a failure.
            await send({"type": "http.response.body", "body": b""})


def _tidy(scope: Scope) -> bool:
    """Bring path and headers into the form that the rest expects.

    Returns:
        False if they contradict each other.
    """
    headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
    names = [name for name, _ in headers]
    if b"accept" not in names:
        # The same as none (RFC 9110 section 12.5.1); the SDK wants one.
        headers.append((b"accept", b"*/*"))
    scope["headers"] = headers
    if (same := _SAME_PATHS.get(scope["path"])) is not None:
        scope["path"], scope["raw_path"] = same, same.encode()
    return all(names.count(name) <= 1 for name in _SINGLE_HEADERS)


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


def http_app(server: FastMCP[Any], settings: Settings, observer: Observer = NULL_OBSERVER) -> Edge:
    """The server as an ASGI application, guarded against foreign Host and Origin headers.

    Streamable HTTP is stateless, so that any process can answer any request; not JSON-only, because
    only a stream lets the disconnect of a client cancel its query. HTTP+SSE, which the specification
    has deprecated, keeps its session in the process: of several workers none offers it, and several servers
    need a balancer that routes by client address.
    """
    # The same for both transports.
    limits = HttpLimits.of(settings, observer)
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
        app.router.redirect_slashes = False
    return Edge(streamable, legacy, observer, None if check_identity_provider(settings) else UNKNOWN_BEARER)


class HttpServer(UvicornServer):
    """uvicorn on the fastest parts that are correct.

    Args:
        app: What to serve.
        settings: The operator's choices.
        on_ready: Called once requests are accepted.
        activity: What the process is about; it is told when the server is to stop.
        observer: Who is told of requests that cannot be read.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        on_ready: Callable[[], None],
        activity: Activity | None = None,
        observer: Observer = NULL_OBSERVER,
    ) -> None:
        connection = partial(
            HttpConnection, idle=IdleConnections(settings.max_connections), on_refusal=HttpRefusals(observer).count
        )
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                # uvicorn calls it, and no more.
                http=cast("type[asyncio.Protocol]", connection),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # uvicorn would believe every program on this machine.
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                timeout_keep_alive=settings.keep_alive_seconds,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS + _HANGING_UP_SECONDS,
            ),
            stops_on={signal.SIGHUP} & {*stop_signals()},
        )
        self._on_ready = on_ready
        self._drain_seconds = settings.drain_seconds
        self._activity = activity or Activity()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal comes."""
        with streams_kept_open():
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Go on serving while balancers notice, then stop listening and let running calls finish.

        A second Ctrl-C ends the waiting, and so does the end of `_SHUTDOWN_SECONDS`.
        """
        self._activity.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                while not self.force_exit:  # noqa: ASYNC110 - a flag that a signal handler of uvicorn sets
                    await asyncio.sleep(_LOOK_SECONDS)
        streams = asyncio.create_task(self._end_streams())
        patience = asyncio.create_task(self._hang_up_at_last())
        try:
            await super().shutdown(sockets)
            if self.force_exit:
                # uvicorn leaves both to be cancelled wherever they are, each with a traceback.
                await patience
                await self.end_tasks(_HANGING_UP_SECONDS)
        finally:
            streams.cancel()
            patience.cancel()

    async def _hang_up_at_last(self) -> None:
        """Hang up on those who wait longer than a stop may take: their calls end as if they had gone themselves."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                while not self.force_exit:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(_LOOK_SECONDS)
        self.hang_up()

    async def _end_streams(self) -> None:
        """End the streams that only their clients would, once no call is left that may answer in one."""
        while self._activity.calls:  # noqa: ASYNC110 - no call is to pay for an event that is awaited once
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.sleep(_LAST_ANSWER_SECONDS)
        end_streams()
