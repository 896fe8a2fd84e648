"""What a refusal in the middle of a body means for who answers the request, with applications made for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, cast

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from server.compat.uvicorn import UvicornServer
from server.process.background import background
from server.transport import http_connection
from server.transport.http_connection import HttpConnection, IdleConnections

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
NO_CHUNK = b"zzz\r\n"
# uvicorn reads no further when so much of a body waits for the application.
HIGH_WATER = 65_536
MORE_THAN_SOCKETS_HOLD = b"a" * 50_000_000
PATIENCE = 10


class ServerWithoutSignals(UvicornServer):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave Ctrl-C to pytest."""
        yield


@asynccontextmanager
async def connected(app: ASGIApp) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of one application."""
    connection = partial(HttpConnection, idle=IdleConnections(100), on_refusal=lambda _: None)
    http = cast("type[asyncio.Protocol]", connection)
    server = ServerWithoutSignals(
        uvicorn.Config(app, http=http, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            async with asyncio.timeout(PATIENCE):
                yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await serving


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]


async def test_an_application_that_waits_for_the_body_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the connection is closed, which lets go of it anyway."""
    monkeypatch.setattr(http_connection, "_LINGER_SECONDS", PATIENCE * 2)
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            told.put_nowait(message["body"])
        told.put_nowait(message["type"])

    async with connected(app) as (reader, writer):
        writer.write(HEAD + b"1\r\na\r\n")
        assert await told.get() == b"a"
        writer.write(NO_CHUNK)
        assert b" 400 " in await head_of(reader)
        assert await told.get() == "http.disconnect"


@pytest.mark.parametrize("behind", [b"", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", HEAD], ids=["no", "whole", "half"])
async def test_a_stream_learns_that_its_client_is_gone_whatever_was_sent_behind(behind: bytes) -> None:
    """uvicorn 0.54 tells only the request that was read last: a stream before it went on for ever."""
    gone = asyncio.Event()

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        async def write() -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"ping", "more_body": True})
                await asyncio.sleep(0.01)

        async with background(write()):
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()

    async with connected(app) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await reader.readuntil(b"ping")
        writer.write(behind)
        await writer.drain()
        # So that it is read before the end.
        await asyncio.sleep(0.05)
        writer.close()
        await gone.wait()


async def test_an_application_that_answers_after_the_refusal_is_not_heard() -> None:
    refused, answered = asyncio.Event(), asyncio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await refused.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"too late"})
        answered.set()

    async with connected(app) as (reader, writer):
        writer.write(HEAD + NO_CHUNK)
        assert b" 400 " in await head_of(reader)
        refused.set()
        await answered.wait()
        rest = await reader.read()
    assert b"too late" not in rest
    assert b"HTTP/1.1 200" not in rest


async def test_a_client_that_goes_on_sending_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that is closed with bytes unread is reset, and the refusal may be lost."""
    monkeypatch.setattr(http_connection, "_LINGER_SECONDS", PATIENCE * 2)
    done = asyncio.Event()

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        await done.wait()

    async with connected(app) as (reader, writer):
        # In one piece, as nothing more is read once so much waits.
        writer.write(HEAD + b"%x\r\n%b\r\n" % (HIGH_WATER + 1, b"a" * (HIGH_WATER + 1)) + NO_CHUNK)
        assert b" 400 " in await head_of(reader)
        assert b"error" in await reader.read()
        writer.write(MORE_THAN_SOCKETS_HOLD)
        await writer.drain()
        done.set()
