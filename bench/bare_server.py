"""The least that FastMCP can do: one tool without a database, identity or middleware of ours.

Run as a child process; tells apart what the protocol costs from what this server adds.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop
from fastmcp import FastMCP
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from server.config import Settings
from server.process.sockets import listening_socket
from server.transport.http import HttpServer, http_app

TOOL = "multiply"


class Product(BaseModel):
    """Four fields."""

    left: int
    right: int
    product: int
    text: str


def multiply(left: int, right: int) -> Product:
    """Multiply two numbers."""
    return Product(left=left, right=right, product=left * right, text=f"{left} x {right}")


def build() -> FastMCP[Any]:
    server: FastMCP[Any] = FastMCP("Bare", cache_ttl=60, cache_scope="private")
    server.tool(multiply)

    @server.custom_route("/ready", methods=["GET"])
    async def ready(_: Request) -> JSONResponse:
        """Answers as soon as there is a server."""
        return JSONResponse({"status": "ready"})

    return server


async def serve(port: int | None) -> None:
    server = build()
    if port is None:
        await server.run_async("stdio", show_banner=False)
        return
    settings = Settings(host="127.0.0.1", port=port)
    with listening_socket(settings.host, settings.port) as listener:
        await HttpServer(http_app(server, settings), settings, lambda: None).serve(sockets=[listener])


if __name__ == "__main__":
    try:
        uvloop.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else None))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)
