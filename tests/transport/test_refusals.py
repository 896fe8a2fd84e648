"""Refusals over HTTP: whatever refuses, a client gets an error of the protocol with the id of what it asked.

Go's official client ends its session for good after another one, and Python's show no other to their user.
"""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from server.transport import refusal_form
from server.transport.address import MCP_PATH, SSE_PATH
from tests.support import Retailer
from tests.transport.raw import PING, connected, head
from tests.transport.serving import Served, bearer, serving
from tests.transport.shop import accept_connections, eventually, open_store, refuse_connections
from tests.transport.test_sse import open_session

IDS = [7, 0, -1, 10**20, "7", "", "\u00e9\u4e2d", "x" * 500]
NO_IDS: list[Any] = [None, 1.5, 1.0, True, {}, {"a": 1}, []]
UNKNOWN = "Bearer rmcp_" + "A" * 43


async def send(
    served: Served, content: bytes, path: str = MCP_PATH, method: str = "POST", **headers: str
) -> httpx2.Response:
    own = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    own |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx2.AsyncClient(base_url=served.base, timeout=30) as http:
        return await http.request(method, path, content=content, headers=own)


def ask(request_id: object = 7, **members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "tools/list"} | members).encode()


def told(response: httpx2.Response, status: int, request_id: object = 7) -> str:
    """What a refusal says, if it has the right form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    refusal = response.json()
    assert refusal.keys() == {"jsonrpc", "id", "error"}
    assert (refusal["jsonrpc"], refusal["id"]) == ("2.0", request_id)
    assert isinstance(refusal["error"]["code"], int)
    return str(refusal["error"]["message"])


@pytest.mark.parametrize("request_id", IDS, ids=lambda value: repr(value)[:12])
async def test_a_refusal_has_the_id_of_the_request(request_id: object, http: Served) -> None:
    told(await send(http, ask(request_id)), 401, request_id)


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (401, MCP_PATH, {"authorization": ""}),
        (401, MCP_PATH, {"authorization": UNKNOWN}),
        (401, "/messages/?session_id=0", {"authorization": UNKNOWN}),
        (403, MCP_PATH, {"origin": "https://evil.example"}),
        (403, "/messages/", {"origin": "https://evil.example"}),
        (404, "/", {}),
        (404, "/mcp/x", {}),
        (404, "/messages/?session_id=" + "0" * 32, {}),
        (400, "/messages/", {}),
        (400, "/messages/?session_id=x", {}),
        (405, SSE_PATH, {}),
        (405, "/health", {}),
        (406, MCP_PATH, {"accept": "text/html"}),
        (400, MCP_PATH, {"content_type": "text/plain"}),
        (421, MCP_PATH, {"host": "evil.example"}),
        (421, "/messages/", {"host": "evil.example"}),
        (400, MCP_PATH, {"mcp_protocol_version": "1999-01-01"}),
    ],
)
async def test_every_refusal_has_that_form(
    status: int, path: str, headers: dict[str, str], http: Served, seattle: str
) -> None:
    refused = await send(http, ask(), path, **{"authorization": bearer(seattle)} | headers)
    assert told(refused, status)
    assert ("www-authenticate" in refused.headers) == (status == 401)
    assert ("allow" in refused.headers) == (status == 405)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", MCP_PATH, 405), ("PUT", MCP_PATH, 405), ("DELETE", MCP_PATH, 401), ("GET", SSE_PATH, 401)],
)
async def test_who_asks_nothing_gets_the_form_alone(method: str, path: str, status: int, http: Served) -> None:
    assert told(await send(http, b"", path, method), status, None)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_other_places_keep_theirs(method: str, http: Served) -> None:
    response = await send(http, b"", "/.well-known/oauth-protected-resource", method)
    assert response.status_code == 404
    assert response.text == ("" if method == "HEAD" else "Not Found")


async def test_a_refusal_of_nothing_to_see(http: Served) -> None:
    response = await send(http, b"", MCP_PATH, "HEAD")
    assert response.status_code == 405
    assert response.text == ""


async def test_an_unknown_token_is_told_what_stdio_tells(http: Served) -> None:
    response = await send(http, ask(), authorization=UNKNOWN)
    text = told(response, 401)
    assert text.startswith("This token is not valid: unknown, expired or revoked.")
    assert "retail-mcp token issue" in text
    assert response.json()["error"]["data"] == {"error": "invalid_token"}
    challenge = response.headers["www-authenticate"]
    assert f'error="invalid_token", error_description="{text}"' in challenge
    assert "register" not in challenge
    none = await send(http, ask())
    assert "Authorization: Bearer" in told(none, 401)
    assert none.headers["www-authenticate"] == "Bearer"


async def test_too_many_requests_and_no_database(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    token = bearer(await retailer.token("seattle"))
    async with serving(retailer, rate_per_minute=1, rate_burst=1) as served:
        for _ in range(4):
            assert (await send(served, ask(), authorization=token)).status_code == 200
        refused = await send(served, ask("next"), authorization=token)
        assert "did not run" in told(refused, 429, "next")
        assert int(refused.headers["retry-after"]) > 0
    async with serving(retailer) as served:
        await refuse_connections(retailer)
        down = await send(served, ask("down"), authorization=token)
        await accept_connections(retailer)
        assert "not reachable right now" in told(down, 503, "down")
        assert int(down.headers["retry-after"]) > 0

        async def answers() -> bool:
            return (await send(served, ask(), authorization=token)).status_code == 200

        await eventually(answers)


BIG = "A" * 2_000_000


@pytest.mark.parametrize("chunked", [False, True])
async def test_of_a_body_that_is_too_large_the_beginning_is_enough(chunked: bool, http: Served, seattle: str) -> None:
    async def pieces(body: bytes) -> Any:
        yield body

    for members, known in (
        ({"params": {"cursor": BIG}}, 7),
        ({"params": {"a": [{"b": BIG}]}}, 7),
        ({"method": BIG}, 7),
    ):
        content: Any = ask(**members)
        told(await send(http, pieces(content) if chunked else content, authorization=bearer(seattle)), 413, known)
    last: Any = json.dumps({"jsonrpc": "2.0", "params": {"cursor": BIG}, "id": 7}).encode()
    told(await send(http, pieces(last) if chunked else last, authorization=bearer(seattle)), 413, None)
    # Of a name that is cut nobody knows how it goes on.
    cut: Any = ask(BIG)
    told(await send(http, pieces(cut) if chunked else cut, authorization=bearer(seattle)), 413, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 50_000, b'{"id":' * 9_000, ask(None), b'{"jsonrpc":"2.0"}']
    + [ask(request_id) for request_id in NO_IDS],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("authorization", [None, UNKNOWN])
async def test_without_an_id_there_is_none(body: bytes, authorization: str | None, http: Served) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    told(await send(http, body, **headers), 401, None)


@pytest.mark.parametrize("length", [f"content-length: {len(PING)}", "transfer-encoding: chunked"])
async def test_nobody_waits_long_for_an_id(length: str, http: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal_form, "_BODY_SECONDS", 0.1)
    async with connected(http.port) as connection:
        await connection.send(head(http.port, length))
        refused = await connection.answer()
        assert (refused.status, refused.message["id"]) == (401, None)


@pytest.mark.parametrize("method", ["tools/call", "tools/list", "initialize", "ping", "made/up"])
@pytest.mark.parametrize("request_id", NO_IDS, ids=repr)
async def test_a_request_without_a_proper_id_is_no_notification(
    request_id: object, method: str, http: Served, seattle: str
) -> None:
    body = ask(request_id, method=method, params={"name": "get_store_context", "arguments": {}})
    for version in ("2025-11-25", "2026-07-28"):
        headers = {"mcp_protocol_version": version, "authorization": bearer(seattle)}
        assert told(await send(http, body, **headers), 400, None)
    async with open_session(http, seattle) as address:
        path = address.removeprefix(http.base)
        assert "whole number" in told(await send(http, body, path, authorization=bearer(seattle)), 400, None)


@pytest.mark.parametrize("members", [{}, {"id": None}], ids=["as it should be", "with a null"])
async def test_a_notification_is_one(members: dict[str, Any], http: Served, seattle: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"} | members).encode()
    accepted = await send(http, body, authorization=bearer(seattle))
    assert accepted.status_code == 202
    # An answer to a question that nobody asked is taken like one.
    answered = await send(http, b'{"jsonrpc":"2.0","id":1,"result":{}}', authorization=bearer(seattle))
    assert answered.status_code == 202


@pytest.mark.parametrize("name", ["Authorization", "Host", "Origin", "X-Store-Id", "MCP-Protocol-Version"])
@pytest.mark.parametrize("same", [True, False])
async def test_a_header_that_decides_comes_once(name: str, same: bool, http: Served, both: str) -> None:
    values = {
        "Authorization": (bearer(both), UNKNOWN),
        "Host": (f"127.0.0.1:{http.port}", "evil.example"),
        "Origin": (http.base, "https://evil.example"),
        "X-Store-Id": ("seattle", "redmond"),
        "MCP-Protocol-Version": ("2025-11-25", "2026-07-28"),
    }
    lines = {header.lower(): f"{header}: {value}" for header, (value, _) in values.items()}
    again = values[name][0 if same else 1]
    fixed = ["content-type: application/json", f"content-length: {len(PING)}"]
    async with connected(http.port) as connection:
        for repeated in ([f"{name}: {again}"], [f"{name.upper()}: {again}", "X: Y"]):
            for order in ([*lines.values(), *repeated], [*repeated, *lines.values()]):
                request = "\r\n".join(["POST /mcp HTTP/1.1", *fixed, *order, "", ""]).encode() + PING
                await connection.send(request)
                refused = await connection.answer()
                assert (refused.status, refused.message["id"]) == (400, 7)
                assert name in refused.message["error"]["message"]
        await connection.send("\r\n".join(["POST /mcp HTTP/1.1", *fixed, *lines.values(), "", ""]).encode() + PING)
        assert (await connection.answer()).status == 200


async def test_no_accept_means_any(http: Served, seattle: str) -> None:
    lines = [f"content-length: {len(PING)}"]
    async with connected(http.port) as connection:
        for accept in ([], ["accept: */*"], ["accept: application/json, text/event-stream"]):
            await connection.send(head(http.port, *lines, *accept, token=seattle) + PING)
            assert (await connection.answer()).message["result"] == {}
        await connection.send(head(http.port, request=f"GET {SSE_PATH} HTTP/1.1", token=seattle))
        assert b" 200 " in await connection.reader.readline()


async def test_a_slash_redirects_nobody(two_stores: Retailer, seattle: str) -> None:
    """A redirect names http:// where a proxy ends TLS, and clients do not take their token or a POST there."""
    alike = {"/mcp/": "/mcp", "/sse/": "/sse", "/messages": "/messages/"}
    headers = {"host": "retail.example.com", "x_forwarded_proto": "https"}
    async with serving(two_stores, public_url="https://retail.example.com") as served:
        for path in (*alike, "/health/", "/ready/", "/mcp//", "//mcp"):
            for method in ("GET", "POST", "HEAD", "DELETE"):
                response = await send(served, PING, path, method, **headers)
                assert "location" not in response.headers
                same = alike.get(path)
                expected = 404 if same is None else (await send(served, PING, same, method, **headers)).status_code
                assert response.status_code == expected, (method, path)
        told(await send(served, PING, "/mcp/", **headers), 401)
        answered = await send(served, PING, "/mcp/", authorization=bearer(seattle), **headers)
        assert answered.status_code == 200
