"""The server over HTTP on a free port, and requests that a well-behaved client would not send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from starlette.types import ASGIApp

from server.monitoring.monitoring import Monitoring
from server.process.sockets import listening_socket
from server.transport.address import MCP_PATH
from server.transport.http import HttpServer, http_app
from tests.support import Retailer, chosen

Era = Literal["modern", "legacy"]
MODERN = "2026-07-28"
LEGACY = "2025-11-25"


class ServerWithoutSignals(HttpServer):
    """Stops when it is told to, not by a signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave Ctrl-C to pytest."""
        yield


@dataclass(frozen=True)
class Served:
    """A server that accepts requests.

    Attributes:
        base: URL without a path.
        app: The server behind it.
    """

    base: str
    app: FastMCP[Any]

    @property
    def url(self) -> str:
        return self.base + MCP_PATH

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def client(self, token: str, *, mode: str = "auto", headers: Mapping[str, str] | None = None) -> Client[Any]:
        """A client of the framework, in one of the protocol's eras."""
        return Client(StreamableHttpTransport(self.url, auth=token, headers=dict(headers or {})), mode=mode)

    async def get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=self.base, timeout=30) as http:
            return await http.get(path)

    async def call(
        self, tool: str, arguments: dict[str, Any] | None = None, *, era: Era = "modern", **headers: str
    ) -> httpx2.Response:
        """One tools/call as a single request; a header's name is written with underscores."""
        return await self.post("tools/call", {"name": tool, "arguments": arguments or {}}, era=era, **headers)

    async def post(
        self, method: str, params: dict[str, Any] | None = None, *, era: Era = "modern", **headers: str
    ) -> httpx2.Response:
        """One request without a handshake before it."""
        body, own_headers = request(method, params, era)
        own_headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx2.AsyncClient(timeout=30) as http:
            return await http.post(self.url, content=body, headers=own_headers)


def bearer(token: str) -> str:
    return f"Bearer {token}"


def request(method: str, params: dict[str, Any] | None, era: Era) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a JSON-RPC request of an era."""
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN if era == "modern" else LEGACY,
    }
    params = dict(params or {})
    if era == "modern":
        headers["mcp-method"] = method
        if "name" in params:
            headers["mcp-name"] = params["name"]
        params["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode(), headers


def message(response: httpx2.Response) -> dict[str, Any]:
    """The JSON-RPC message of a response, plain or in a stream."""
    if response.headers["content-type"].startswith("text/event-stream"):
        (data,) = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
        return json.loads(data)
    return response.json()


def structured(response: httpx2.Response) -> dict[str, Any]:
    """The structured result of a call that went well."""
    assert response.status_code == 200, response.text
    result = message(response)["result"]
    assert not result.get("isError"), result
    return result["structuredContent"]


def failure(response: httpx2.Response) -> str:
    """The text of a call that ran and failed."""
    assert response.status_code == 200, response.text
    result = message(response)["result"]
    assert result["isError"], result
    return result["content"][0]["text"]


@asynccontextmanager
async def serving(
    retailer: Retailer,
    *,
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    monitoring: Monitoring | None = None,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve a retailer over HTTP on the loopback interface.

    Args:
        retailer: What to serve.
        around: Wraps the application, to stand in for what is before it.
        monitoring: Who is told of what happens.
        settings: Those that differ from a test's usual ones.
    """
    configured = chosen(**{"port": 0} | settings)
    monitoring = monitoring or Monitoring()
    async with retailer.server("http", monitoring=monitoring, **settings) as app:
        with listening_socket(configured.host, configured.port) as listener:
            ready = asyncio.Event()
            edge = around(http_app(app, configured, monitoring.observer))
            runner = ServerWithoutSignals(edge, configured, ready.set, monitoring.activity, monitoring.observer)
            task = asyncio.create_task(runner.serve(sockets=[listener]))
            await ready.wait()
            try:
                yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", app)
            finally:
                runner.should_exit = True
                await task
