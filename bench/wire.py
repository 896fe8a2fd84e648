"""Light clients: requests are made before the clock starts, replies are looked at and not unpacked.

They speak the 2026-07-28 revision, which has no handshake: every request says for itself what it is.
Source: MCP specification 2026-07-28, basic/transports and basic/index ("per-request protocol fields").
"""

from __future__ import annotations

import asyncio
import json
import re
from asyncio.subprocess import Process
from collections.abc import Mapping
from typing import Any, cast

import httptools

VERSION = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_CLOSE_SECONDS = 10
_SUCCESS = re.compile(rb'"isError":\s*false')
_ID = re.compile(rb'"id":\s*(\d+)')


class CallFailedError(Exception):
    """A reply that is not the success of a tool."""


def call_body(tool: str, arguments: Mapping[str, Any], request_id: int) -> bytes:
    """A tools/call request."""
    params = {"name": tool, "arguments": dict(arguments), "_meta": _META}
    message = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
    return json.dumps(message, separators=(",", ":")).encode()


def http_request(tool: str, arguments: Mapping[str, Any], port: int, token: str | None) -> bytes:
    """A whole HTTP request that calls a tool."""
    body = call_body(tool, arguments, 1)
    headers = [
        "POST /mcp HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"MCP-Protocol-Version: {VERSION}",
        "Mcp-Method: tools/call",
        f"Mcp-Name: {tool}",
        f"Content-Length: {len(body)}",
    ]
    if token is not None:
        headers.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*headers, "", ""]).encode() + body


def check_success(reply: bytes) -> None:
    """Accept the success of a tool and nothing else.

    Raises:
        CallFailedError: With the beginning of the reply.
    """
    if not _SUCCESS.search(reply):
        raise CallFailedError(reply[:300].decode(errors="replace"))


def structured_content(reply: bytes) -> dict[str, Any]:
    """Result of a tool from a whole reply, be it JSON or one event of a stream."""
    text = reply.split(b"data:", 1)[1].split(b"\n", 1)[0] if reply.startswith(b"event:") else reply
    return cast("dict[str, Any]", json.loads(text)["result"]["structuredContent"])


class HttpConnection(asyncio.Protocol):
    """One keep-alive connection with one request at a time, opened again after the server closed it for idleness.

    Args:
        port: Port of 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._waiter: asyncio.Future[bytes] | None = None

    async def send(self, request: bytes) -> bytes:
        """Send a request and return the body of its 200.

        Raises:
            CallFailedError: Another status, or a lost connection.
        """
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, "127.0.0.1", self._port)
            assert self._transport is not None
        self._waiter = loop.create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio.Protocol."""
        self._body, self._parser = [], httptools.HttpResponseParser(self)
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio.Protocol."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio.Protocol."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(CallFailedError(f"connection lost: {exc}"))

    def on_body(self, body: bytes) -> None:
        """Part of httptools."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Part of httptools."""
        body, self._body = b"".join(self._body), []
        status = self._parser.get_status_code()
        if self._waiter is None or self._waiter.done():
            return
        if status == 200:
            self._waiter.set_result(body)
        else:
            self._waiter.set_exception(CallFailedError(f"HTTP {status}: {body[:300]!r}"))


class StdioConnection:
    """The pipes of one server process, shared by any number of callers.

    Args:
        process: A server that reads requests from its standard input.
    """

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._waiters: dict[int, asyncio.Future[bytes]] = {}
        self._last_id = 0
        self._reader = asyncio.create_task(self._read())

    async def call(self, tool_request: bytes) -> bytes:
        """Send a request made by `call_body` with id 0 and return its reply line."""
        self._last_id += 1
        line = tool_request.replace(b'"id":0', b'"id":%d' % self._last_id, 1)
        return await self._exchange(self._last_id, line)

    async def initialize(self) -> bytes:
        """Open the connection as clients of the handshake revisions do, and return the reply."""
        client = {"name": "bench", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": "initialize", "params": params}
        return await self._exchange(self._last_id, json.dumps(message).encode())

    async def close(self) -> None:
        """End the server as clients do, by closing its standard input."""
        self._stdin.close()
        # Ends with the server's output; a server that stays is stopped by whoever started it.
        await asyncio.wait([self._reader], timeout=_CLOSE_SECONDS)
        self._reader.cancel()

    async def _exchange(self, request_id: int, line: bytes) -> bytes:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[request_id] = waiter
        self._stdin.write(line + b"\n")
        return cast("bytes", await waiter)

    async def _read(self) -> None:
        while line := await self._stdout.readline():
            found = _ID.search(line)
            waiter = self._waiters.pop(int(found[1]), None) if found else None
            if waiter is not None and not waiter.done():
                waiter.set_result(line)
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(CallFailedError("the server ended"))
