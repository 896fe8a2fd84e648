"""Where HTTP is served: the paths, and the socket of the configured address."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from server.config import Settings
from server.errors import ConfigurationError, InvalidInputError

MCP_PATH = "/mcp"
SSE_PATH = "/sse"


def checked_server_url(url: str) -> str:
    """The URL of a running server, as somebody wrote it.

    Raises:
        InvalidInputError: It is none.
    """
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url or not url.isascii() or not url.isprintable():
        raise InvalidInputError(f"That is no URL of a server. It looks like http://127.0.0.1:8000{MCP_PATH}.")
    return url


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
