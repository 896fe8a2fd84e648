"""HTTP/1.1 byte by byte: what no client library would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

PING = b'{"jsonrpc":"2.0","id":7,"method":"ping"}'
_PATIENCE_SECONDS = 30
# So that the next piece is a packet of its own.
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Answer:
    """One response.

    Attributes:
        status: Of the final response; interim ones are passed over.
        headers: By name in lower case.
        body: Without its framing.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The JSON-RPC message in it, plain or in a stream."""
        text = self.body
        if self.headers["content-type"].startswith("text/event-stream"):
            (text,) = [line[6:] for line in self.body.splitlines() if line.startswith(b"data: {")]
        return dict(json.loads(text))


@dataclass(frozen=True)
class Connection:
    """A connection to a server on this machine."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        """Send pieces, each in a packet of its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def pour(self, pieces: Iterable[bytes]) -> None:
        """Send as fast as they are taken, until they are not any more."""
        with suppress(ConnectionError):
            for piece in pieces:
                self.writer.write(piece)
                await self.writer.drain()

    async def answer(self) -> Answer:
        """Read one response."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            status, headers = 100, {}
            while status < 200:
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")[:-2]
                status = int(first.split()[1])
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            if headers.get("transfer-encoding") != "chunked":
                return Answer(status, headers, await self.reader.readexactly(int(headers.get("content-length", 0))))
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += await self.reader.readexactly(size)
                await self.reader.readline()
            await self.reader.readline()
            return Answer(status, headers, body)

    async def closed(self, seconds: float = _PATIENCE_SECONDS) -> bool:
        """Whether the server closes within so many seconds; what it still says is dropped."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(seconds):
                await self.reader.read()
                return True
        return False


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """Open a connection; closed at the end of the block."""
    connection = Connection(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield connection
    finally:
        connection.writer.close()
        with suppress(ConnectionError):
            await connection.writer.wait_closed()


def head(port: int, *lines: str, request: str = "POST /mcp HTTP/1.1", token: str | None = None) -> bytes:
    """A request line and headers, with those that every request here needs."""
    own = [f"host: 127.0.0.1:{port}", "content-type: application/json"]
    if token is not None:
        own.append(f"authorization: Bearer {token}")
    return "\r\n".join([request, *own, *lines, "", ""]).encode("latin-1")
