"""Raw messages to the server over each of its transports, and what comes back."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx2
from mcp.shared.inbound import encode_header_value

from server.transport.address import SSE_PATH
from tests.transport.processes import running
from tests.transport.serving import LEGACY, MODERN, Era, Served, bearer

HANDSHAKE = {
    "protocolVersion": LEGACY,
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def asking(number: int, method: Any, params: Any = None, *, era: Era = "legacy") -> dict[str, Any]:
    """A request of an era; anything may be wrong with it."""
    if era == "modern" and (params is None or isinstance(params, dict)):
        params = {"_meta": META, **(params or {})}
    return {"jsonrpc": "2.0", "id": number, "method": method, **({} if params is None else {"params": params})}


class Line(Protocol):
    """A way to a server on which messages are written, and answered in any order."""

    async def send(self, text: bytes) -> None: ...

    async def answers(self, *numbers: int | None) -> list[dict[str, Any]]:
        """What came, once each of these requests is answered; None stands for an answer without an id."""


class _Line:
    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []

    async def _next(self) -> dict[str, Any]:
        raise NotImplementedError

    async def answers(self, *numbers: int | None) -> list[dict[str, Any]]:
        async with asyncio.timeout(60):
            while not set(numbers) <= {message.get("id", 0) for message in self.came}:
                self.came.append(await self._next())
        return self.came


class Pipe(_Line):
    """A child process."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    async def send(self, text: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(text + b"\n")
        await self._process.stdin.drain()

    async def _next(self) -> dict[str, Any]:
        assert self._process.stdout
        line = await self._process.stdout.readline()
        assert line, "the process ended"
        return dict(json.loads(line))


class EventStream(_Line):
    """A session of HTTP+SSE."""

    def __init__(self, http: httpx2.AsyncClient, address: str, events: AsyncIterator[httpx2.ServerSentEvent]) -> None:
        super().__init__()
        self._http = http
        self._address = address
        self._events = events

    async def send(self, text: bytes) -> None:
        headers = {"content-type": "application/json"}
        response = await self._http.post(self._address, content=text, headers=headers)
        if response.status_code != 202:
            self.came.append(response.json())

    async def _next(self) -> dict[str, Any]:
        async for event in self._events:
            return dict(json.loads(event.data))
        raise AssertionError("the stream ended")


class Posts(_Line):
    """Streamable HTTP: each message is a request of its own."""

    def __init__(self, http: httpx2.AsyncClient, url: str, era: Era) -> None:
        super().__init__()
        self._http = http
        self._url = url
        self._era = era

    async def send(self, text: bytes) -> None:
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN if self._era == "modern" else LEGACY,
        }
        try:
            message = json.loads(text)
            if self._era == "modern":
                headers |= {"mcp-method": message["method"]}
                headers |= {"mcp-name": message["params"].get("name", message["params"].get("uri"))}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        headers = {name: encode_header_value(value) for name, value in headers.items() if isinstance(value, str)}
        response = await self._http.post(self._url, content=text, headers=headers)
        if response.status_code == 202:
            return
        # Not splitlines, which also splits at what JSON may hold.
        for line in response.text.split("\n"):
            if line.startswith(("{", "data: {")):
                self.came.append(json.loads(line.removeprefix("data: ")))

    async def _next(self) -> dict[str, Any]:
        raise AssertionError(f"unanswered, of {self.came}")


@asynccontextmanager
async def on_pipe(
    directory: Path, env: dict[str, str], *command: str, log: list[str] | None = None
) -> AsyncIterator[Pipe]:
    """A process that speaks on its standard streams; what it logs is added to `log` at its end."""
    async with running(directory, env, *command) as process, logging_to(log, process):
        yield Pipe(process)
        assert process.stdin
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 30) == 0


@asynccontextmanager
async def logging_to(log: list[str] | None, process: Process) -> AsyncIterator[None]:
    """Read what the process logs, and add it to the list once it has ended."""
    assert process.stderr
    logged = asyncio.create_task(process.stderr.read())
    try:
        yield
        written = await asyncio.wait_for(logged, 30)
    finally:
        logged.cancel()
        await asyncio.wait({logged})
    if log is not None:
        log.append(written.decode())


@asynccontextmanager
async def on_sse(served: Served, token: str) -> AsyncIterator[EventStream]:
    """A session of HTTP+SSE."""
    headers = {"authorization": bearer(token)}
    async with (
        httpx2.AsyncClient(base_url=served.base, timeout=60, headers=headers) as http,
        http.stream("GET", SSE_PATH, headers={"accept": "text/event-stream"}) as stream,
    ):
        events = aiter(httpx2.EventSource(stream))
        endpoint = await anext(events)
        yield EventStream(http, endpoint.data, events)


@asynccontextmanager
async def on_http(served: Served, token: str, era: Era) -> AsyncIterator[Posts]:
    """Streamable HTTP in an era."""
    async with httpx2.AsyncClient(timeout=60, headers={"authorization": bearer(token)}) as http:
        yield Posts(http, served.url, era)
