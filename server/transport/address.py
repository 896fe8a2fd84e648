"""Where HTTP is served: the paths of the protocol's endpoints."""

from __future__ import annotations

from urllib.parse import urlsplit

from server.errors import InvalidInputError

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
