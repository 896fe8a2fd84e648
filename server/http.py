"""Serving streamable HTTP with uvicorn."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.config import Settings
from server.errors import ConfigurationError, UnavailableError

MCP_PATH = "/mcp"
SSE_PATH = "/sse"
_SSE_MESSAGES_PATH = "/messages/"
_RETRY_AFTER_SECONDS = 2
_SHUTDOWN_SECONDS = 10


class Edge:
    """The outermost ASGI layer: tidies headers, and says 503 when identity cannot be checked.

    httptools hands header values over with their trailing white space, which RFC 9112 section 5.1
    says is no part of them. A token look-up that finds no database raises before any MCP code runs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        started = False

        async def track(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, track)
        except UnavailableError as error:
            if started:
                raise
            body = json.dumps({"error": "temporarily_unavailable", "error_description": str(error)}).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"retry-after", str(_RETRY_AFTER_SECONDS).encode()),
            ]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": body})


@contextmanager
def listening_socket(settings: Settings) -> Iterator[socket.socket]:
    """Bind the configured address before anything else starts, so that a taken port is told at once.

    Raises:
        ConfigurationError: The address is taken, forbidden or does not exist.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        reason = "is in use by another program" if error.errno == errno.EADDRINUSE else "cannot be used"
        raise ConfigurationError(
            f"Port {settings.port} on {settings.host} {reason}. Set RETAIL_PORT to another one (0 picks a free one), "
            "or stop the other program."
        ) from None
    with listener:
        yield listener


def http_app(server: FastMCP[Any], settings: Settings) -> ASGIApp:
    """The server as an ASGI application, guarded against foreign Host and Origin headers.

    Streamable HTTP is stateless, so that any process can answer any request; not JSON-only, because
    only a stream lets the disconnect of a client cancel its query. HTTP+SSE, which the specification
    has deprecated, keeps its session in the process: run one, or route by client address.
    """
    guard: dict[str, Any] = {
        "host_origin_protection": True,
        "allowed_hosts": [settings.host, *settings.allowed_hosts],
    }
    streamable = server.http_app(path=MCP_PATH, stateless_http=True, json_response=False, **guard)
    legacy = server.http_app(path=SSE_PATH, transport="sse", **guard)

    @asynccontextmanager
    async def both(_: Starlette) -> AsyncIterator[None]:
        async with streamable.lifespan(streamable), legacy.lifespan(legacy):
            yield

    def by_path(scope: Scope) -> ASGIApp:
        return legacy if scope["path"].startswith((SSE_PATH, _SSE_MESSAGES_PATH)) else streamable

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        await by_path(scope)(scope, receive, send)

    return Edge(Starlette(routes=[Mount("/", app=dispatch)], lifespan=both))


class HttpServer(uvicorn.Server):
    """uvicorn on the fastest parts that are correct.

    Args:
        app: What to serve.
        settings: The operator's choices.
        on_ready: Called once requests are accepted.
    """

    def __init__(self, app: ASGIApp, settings: Settings, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()
