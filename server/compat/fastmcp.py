"""FastMCP's low-level server, which is the SDK's.

FastMCP keeps it in `_mcp_server`. What the SDK lets a server decide and FastMCP does not pass on is decided there.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastmcp import FastMCP
from mcp.server.context import ServerMiddleware
from mcp.server.models import InitializationOptions
from mcp.shared.message import SessionMessage

from server.compat.mcp import ReadStream, WriteStream

Serve = Callable[
    [ReadStream[SessionMessage | Exception], WriteStream[SessionMessage], InitializationOptions, bool],
    Coroutine[Any, Any, None],
]
"""Serves a connection of stdio or HTTP+SSE until it ends: its messages, where answers go, options, whether to raise."""


def set_title(server: FastMCP[Any], title: str) -> None:
    """Set the name for people in `serverInfo`. FastMCP's constructor takes none.

    Fails in: tests/transport/test_http.py::test_the_server_introduces_itself
    """
    server._mcp_server.title = title


def add_outermost(server: FastMCP[Any], middleware: ServerMiddleware[Any]) -> None:
    """Add the SDK's kind of middleware around all that there is.

    FastMCP's own kind is inside of the SDK's, which refuses requests by itself.

    Fails in: tests/transport/test_protocol_errors.py
    """
    server._mcp_server.middleware.insert(0, middleware)


def serve_connections_by(server: FastMCP[Any], around: Callable[[Serve], Serve]) -> None:
    """Serve connections in another way. Streamable HTTP has none and does not come here.

    FastMCP's transports call `run` of the low-level server, with these four arguments.

    Args:
        server: Whose connections.
        around: Makes the new way from the old one.

    Fails in: tests/transport/test_falling_back.py::test_initialize_is_accepted_after_discover
    """
    low_level = server._mcp_server
    serve = around(low_level.run)

    async def run(
        read_stream: ReadStream[SessionMessage | Exception],
        write_stream: WriteStream[SessionMessage],
        initialization_options: InitializationOptions,
        raise_exceptions: bool = False,
    ) -> None:
        await serve(read_stream, write_stream, initialization_options, raise_exceptions)

    low_level.run = run  # type: ignore[method-assign]
