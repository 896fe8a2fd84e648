"""One connection: how much it may say before it is heard, how long that may take, and what it may offer."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from server.config import Settings
from server.transport import http_connection
from server.transport.address import SSE_PATH
from server.transport.http_connection import MAX_HEAD_BYTES, MAX_HEADERS
from tests.support import Retailer
from tests.transport.raw import PING, connected, head
from tests.transport.serving import Served, bearer, serving
from tests.transport.shop import eventually
from tests.transport.test_sse import open_session

A_FLOOD = 60_000_000
PIECE = b"a" * 50_000
LENGTH = f"content-length: {len(PING)}"
PONG = {"jsonrpc": "2.0", "id": 7, "result": {}}


def flood(piece: bytes) -> Iterable[bytes]:
    return itertools.repeat(piece, A_FLOOD // len(piece))


FLOODS: dict[str, tuple[Callable[[int], bytes], bytes]] = {
    "one header": (lambda port: head(port)[:-2] + b"x-large: ", PIECE),
    "the name of a header": (lambda port: head(port)[:-2], PIECE),
    "many headers": (lambda port: head(port)[:-2], b"x: y\r\n" * 8_000),
    "the address": (lambda _: b"POST /mcp?", PIECE),
    "a header to the stream": (lambda port: head(port, request=f"GET {SSE_PATH} HTTP/1.1")[:-2] + b"x: ", PIECE),
    "a header for messages": (lambda port: head(port, request="POST /messages/ HTTP/1.1")[:-2] + b"x: ", PIECE),
    "line ends before a request": (lambda _: b"", b"\r\n" * 25_000),
}


async def slowest_health(served: Served, until: asyncio.Task[None]) -> float:
    """How long /health took at the worst, asked again and again."""
    worst = 0.0
    async with httpx2.AsyncClient(base_url=served.base, timeout=60) as http:
        while not until.done():
            began = time.monotonic()
            assert (await http.get("/health")).status_code == 200
            worst = max(worst, time.monotonic() - began)
            await asyncio.sleep(0.01)
    return worst


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_headers_is_refused_and_holds_nobody_up(kind: str, http: Served) -> None:
    begin, piece = FLOODS[kind]
    async with connected(http.port) as connection:
        pouring = asyncio.create_task(connection.pour(itertools.chain([begin(http.port)], flood(piece))))
        worst = await slowest_health(http, pouring)
        refused = await connection.answer()
    assert refused.status == 431
    assert refused.headers["connection"] == "close"
    assert refused.message["id"] is None
    assert f"at most {MAX_HEAD_BYTES} bytes" in refused.message["error"]["message"]
    assert worst < 1


async def test_nor_does_a_flood_of_trailers(http: Served, seattle: str) -> None:
    opening = head(http.port, "transfer-encoding: chunked", token=seattle) + b"1\r\n{\r\n0\r\nx-late: "
    async with connected(http.port) as connection:
        pouring = asyncio.create_task(connection.pour(itertools.chain([opening], flood(PIECE))))
        worst = await slowest_health(http, pouring)
        refused = await connection.answer()
    assert refused.status == 431
    assert worst < 1


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431)])
async def test_the_largest_headers(more: int, status: int, http: Served, seattle: str) -> None:
    least = len(head(http.port, LENGTH, "x: ", token=seattle))
    request = head(http.port, LENGTH, "x: " + "a" * (MAX_HEAD_BYTES - least + more), token=seattle)
    assert len(request) == MAX_HEAD_BYTES + more
    async with connected(http.port) as connection:
        # Also behind a request that was answered.
        await connection.send(head(http.port, LENGTH, token=seattle) + PING)
        assert (await connection.answer()).message == PONG
        await connection.send(request, PING)
        assert (await connection.answer()).status == status


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431)])
async def test_the_most_headers(more: int, status: int, http: Served, seattle: str) -> None:
    fill = [f"x-{number}: y" for number in range(MAX_HEADERS - 4 + more)]
    async with connected(http.port) as connection:
        await connection.send(head(http.port, LENGTH, *fill, token=seattle) + PING)
        assert (await connection.answer()).status == status


async def test_a_large_body_in_small_chunks_is_read(http: Served, seattle: str) -> None:
    """What frames a body is no header: it is bounded piece by piece, not in all."""
    body = PING[:-1] + b" " * 20_000 + b"}"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    assert len(chunks) > MAX_HEAD_BYTES
    async with connected(http.port) as connection:
        await connection.send(head(http.port, "transfer-encoding: chunked", token=seattle) + chunks)
        assert (await connection.answer()).message == PONG


@pytest.mark.parametrize("before", [b"", head(1, LENGTH) + PING], ids=["first", "after another"])
@pytest.mark.parametrize("trickle", [False, True])
async def test_headers_have_a_deadline(
    before: bytes, trickle: bool, http: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.5)
    async with connected(http.port) as connection:
        if before:
            await connection.send(before)
            await connection.answer()
        await connection.send(b"POST /mcp?")

        async def more() -> None:
            while trickle:
                await connection.send(b"a")

        trickling = asyncio.create_task(more())
        refused = await connection.answer()
        trickling.cancel()
        assert refused.status == 408
        assert await connection.closed()


async def test_a_body_has_a_deadline(http: Served, seattle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "BODY_SECONDS", 0.5)
    async with connected(http.port) as connection:
        await connection.send(head(http.port, LENGTH, token=seattle) + PING[:-1])
        assert (await connection.answer()).status == 408
        assert await connection.closed()


async def test_a_stream_is_no_slow_request(http: Served, seattle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line ends behind a request are none, and a second request has to wait for the first one's answer."""
    monkeypatch.setattr(http_connection, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(http_connection, "BODY_SECONDS", 0.2)
    for behind in (b"\r\n", b"GET /he", head(http.port, LENGTH)):
        async with connected(http.port) as connection:
            await connection.send(head(http.port, request=f"GET {SSE_PATH} HTTP/1.1", token=seattle), behind)
            await connection.reader.readuntil(b"/messages/")
            await connection.reader.read(1000)
            assert not await connection.closed(1)


async def test_an_idle_connection_is_kept_as_long_as_is_set(two_stores: Retailer, seattle: str) -> None:
    # Java's HttpClient does not repeat a POST that crosses with the end of its connection.
    assert Settings(_env_file=None).keep_alive_seconds >= 75
    async with serving(two_stores, keep_alive_seconds=1) as served:
        async with connected(served.port) as used, connected(served.port) as unused:
            await used.send(head(served.port, LENGTH, token=seattle) + PING)
            await used.answer()
            assert await used.closed(10)
            assert await unused.closed(10)
        async with connected(served.port) as kept:
            # Line ends are no request.
            await kept.send(b"\r\n")
            assert await kept.closed(10)


async def test_a_call_is_not_an_idle_connection(two_stores: Retailer, seattle: str) -> None:
    async with serving(two_stores, keep_alive_seconds=1) as served, connected(served.port) as connection:
        await connection.send(head(served.port, LENGTH, token=seattle) + PING)
        await connection.answer()
        await connection.send(head(served.port, request=f"GET {SSE_PATH} HTTP/1.1", token=seattle))
        await connection.reader.readuntil(b"/messages/")
        await connection.reader.read(1000)
        assert not await connection.closed(2.5)


async def test_the_longest_idle_make_room(two_stores: Retailer, seattle: str) -> None:
    async with (
        serving(two_stores, max_connections=20) as served,
        AsyncExitStack() as stack,
        open_session(served, seattle) as address,
    ):
        idle = []
        for _ in range(40):
            connection = await stack.enter_async_context(connected(served.port))
            await connection.send(head(served.port, LENGTH, token=seattle) + PING)
            assert (await connection.answer()).message == PONG
            idle.append(connection)
        ended = [await connection.closed(0.01) for connection in idle]
        assert ended == sorted(ended, reverse=True)
        assert 0 < ended.count(False) <= 20
        # What is at work stays.
        async with httpx2.AsyncClient() as http:
            accepted = await http.post(
                address, content=PING, headers={"authorization": bearer(seattle), "content-type": "application/json"}
            )
        assert accepted.status_code == 202


async def test_beyond_so_many_busy_connections_requests_are_turned_away(two_stores: Retailer, seattle: str) -> None:
    async with serving(two_stores, max_connections=3) as served:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                busy = await stack.enter_async_context(connected(served.port))
                await busy.send(b"POST /mcp")
            late = await stack.enter_async_context(connected(served.port))
            await late.send(head(served.port, LENGTH, token=seattle) + PING)
            refused = await late.answer()
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.message["id"] == 7

        async def is_served() -> bool:
            return (await served.call("get_store_context", authorization=bearer(seattle))).status_code == 200

        await eventually(is_served)


OFFERS = {
    "h2c": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB"),
    "websocket": ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    "several": ("Connection: keep-alive, upgrade", "Upgrade: h2c, websocket, TLS/1.3"),
    "in two lines": ("Connection: keep-alive", "Connection: Upgrade", "Upgrade: h2c", "Upgrade: TLS/1.2"),
    "none in fact": ("Connection: Upgrade",),
    "not of this hop": ("Upgrade: h2c",),
}  # fmt: skip
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(PING), PING)
BODIES: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "one packet": (LENGTH, (PING,)),
    "two packets": (LENGTH, (b"", PING)),
    "many packets": (LENGTH, (b"", *(PING[n : n + 9] for n in range(0, len(PING), 9)))),
    "chunked": ("transfer-encoding: chunked", (CHUNKED,)),
    "chunked, many packets": ("transfer-encoding: chunked", (b"", CHUNKED[:1], CHUNKED[1:20], CHUNKED[20:])),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("offer", OFFERS)
async def test_an_offer_of_another_protocol_is_ignored(offer: str, body: str, http: Served, seattle: str) -> None:
    """RFC 9110 section 7.8. Java's HttpClient offers h2c with its first request to any http:// address."""
    framing, (first, *rest) = BODIES[body]
    async with connected(http.port) as connection:
        for _ in range(2):
            await connection.send(head(http.port, *OFFERS[offer], framing, token=seattle) + first, *rest)
            answered = await connection.answer()
            assert (answered.status, answered.message) == (200, PONG)


async def test_requests_behind_an_offer_are_answered_in_turn(http: Served, seattle: str) -> None:
    offering = head(http.port, *OFFERS["h2c"], LENGTH, token=seattle) + PING
    plain = head(http.port, LENGTH, token=seattle) + PING.replace(b"7", b"8")
    asking = head(http.port, *OFFERS["websocket"], request="GET /health HTTP/1.1")
    async with connected(http.port) as connection:
        await connection.send(offering + plain + asking + offering)
        answers = [await connection.answer() for _ in range(4)]
    assert [answer.message.get("id") for answer in answers] == [7, 8, None, 7]
    assert answers[2].message == {"status": "ok"}


@pytest.mark.parametrize("offer", ["h2c", "none in fact"])
async def test_a_body_that_waits_to_be_asked_for(offer: str, http: Served, seattle: str) -> None:
    async with connected(http.port) as connection:
        await connection.send(head(http.port, *OFFERS[offer], LENGTH, "Expect: 100-continue", token=seattle))
        assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await connection.send(PING)
        assert (await connection.answer()).message == PONG
        # Nobody is asked for a body that nobody reads.
        await connection.send(head(http.port, *OFFERS[offer], LENGTH, "Expect: 100-continue"))
        assert (await connection.answer()).status == 401


@pytest.mark.parametrize("packets", [1, 2])
@pytest.mark.parametrize("offer", OFFERS)
async def test_messages_of_a_session_may_come_with_an_offer(
    offer: str, packets: int, http: Served, seattle: str
) -> None:
    async with open_session(http, seattle) as address, connected(http.port) as connection:
        request = f"POST {address.removeprefix(http.base)} HTTP/1.1"
        opening = head(http.port, *OFFERS[offer], LENGTH, request=request, token=seattle)
        await connection.send(*([opening + PING] if packets == 1 else [opening, PING]))
        assert (await connection.answer()).status == 202


async def test_a_stream_may_be_asked_for_with_an_offer(http: Served, seattle: str) -> None:
    async with connected(http.port) as connection:
        await connection.send(head(http.port, *OFFERS["h2c"], request=f"GET {SSE_PATH} HTTP/1.1", token=seattle))
        assert await connection.reader.readuntil(b"/messages/")


@pytest.mark.parametrize("path", ["/mcp", "/health"])
async def test_curl_may_offer_http2(path: str, http: Served, seattle: str) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    body = ["-H", "content-type: application/json", "-H", f"authorization: {bearer(seattle)}", "-d", PING.decode()]
    process = await asyncio.create_subprocess_exec(
        curl, "-sS", "--http2", "-w", " %{http_code}", *(body if path == "/mcp" else []), http.base + path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert not err
    assert out.endswith(b" 200")
    assert (b'"result":{}' in out) == (path == "/mcp")


async def test_javas_own_client_is_served(http: Served, seattle: str) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("java is not installed")
    process = await asyncio.create_subprocess_exec(
        java, str(Path(__file__).with_name("Ping.java")), http.url, seattle, PING.decode(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if b"compiler" in err:
        pytest.skip("this java runs no source files")
    lines = out.decode().splitlines()
    assert [line.split()[:2] for line in lines] == [["200", "HTTP_1_1"]] * 2, err
    assert all('"id":7,"result":{}' in line for line in lines)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT 127.0.0.1:5432 HTTP/1.1\r\nhost: 127.0.0.1:5432\r\n\r\n", 501),
        (b"CONNECT /mcp HTTP/1.1\r\nhost: a\r\n\r\n", 501),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (b"POST /mcp HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (b"POST /mcp HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST /mcp HTTP/1.1\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: x\r\n\r\n", 400),
    ],
)
async def test_what_is_no_request_is_told_so(sent: bytes, status: int, http: Served) -> None:
    async with connected(http.port) as connection:
        await connection.send(sent)
        refused = await connection.answer()
        assert (refused.status, refused.message["id"]) == (status, None)
        assert await connection.closed()
    assert (await http.get("/health")).status_code == 200


async def test_a_body_that_breaks_off_ends_one_request_alone(http: Served, seattle: str) -> None:
    async with connected(http.port) as connection:
        await connection.send(head(http.port, "transfer-encoding: chunked", token=seattle) + b'5\r\n{"jso\r\nzzz\r\n')
        assert (await connection.answer()).status == 400
        assert await connection.closed()


async def test_an_answer_is_not_mixed_with_the_refusal_of_what_follows(http: Served, seattle: str) -> None:
    async with connected(http.port) as connection:
        await connection.send(head(http.port, LENGTH, token=seattle) + PING + b"no request at all\r\n\r\n")
        assert (await connection.answer()).message == PONG
        assert await connection.closed()


async def test_trailers_are_no_headers(http: Served, seattle: str) -> None:
    """They may come in the same packet, before anybody has looked at the headers."""
    late = b"%x\r\n%b\r\n0\r\nauthorization: %b\r\n\r\n" % (len(PING), PING, bearer(seattle).encode())
    async with connected(http.port) as connection:
        await connection.send(head(http.port, "transfer-encoding: chunked", "trailer: authorization") + late)
        assert (await connection.answer()).status == 401
        # Nor do they disturb.
        await connection.send(head(http.port, "transfer-encoding: chunked", token=seattle) + late)
        assert (await connection.answer()).message == PONG
