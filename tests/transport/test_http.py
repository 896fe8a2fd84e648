"""HTTP itself: headers, sizes, health, eras and errors of the protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from fastmcp.server.middleware import Middleware

from server import __version__
from tests.support import Retailer
from tests.transport.serving import Era, Served, bearer, failure, message, request, serving, structured
from tests.transport.shop import accept_connections, eventually, open_store, refuse_connections

each_era = pytest.mark.parametrize("era", ["modern", "legacy"])


async def test_both_eras_give_the_same_answers(http: Served, seattle: str) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("get_store_context", {}),
        ("summarize_sales", {"group_by": "product"}),
        ("list_transactions", {"limit": 2}),
        ("get_transaction", {"transaction": "SEATTLE-1"}),
        ("get_transaction", {"transaction": "unknown"}),
        ("summarize_sales", {"limit": "many"}),
    ]
    answers = []
    for mode in ("auto", "legacy"):
        async with http.client(seattle, mode=mode) as client:
            results = [await client.call_tool(*call, raise_on_error=False) for call in calls]
            answers.append([(result.is_error, result.structured_content, result.content[0].text) for result in results])
    assert answers[0] == answers[1]
    assert [is_error for is_error, *_ in answers[0]] == [False, False, False, False, True, True]


async def test_both_eras_list_the_same_tools(http: Served, seattle: str) -> None:
    lists = []
    for mode in ("auto", "legacy"):
        async with http.client(seattle, mode=mode) as client:
            lists.append([tool.model_dump(mode="json") for tool in await client.list_tools()])
    assert lists[0] == lists[1]
    assert len(lists[0]) == 19


async def test_the_server_introduces_itself(http: Served, seattle: str) -> None:
    authorization = bearer(seattle)
    greeting = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    legacy = message(await http.post("initialize", greeting, era="legacy", authorization=authorization))["result"]
    modern = message(await http.post("server/discover", authorization=authorization))["result"]
    assert legacy["serverInfo"] == {"name": "zava-retail", "title": "Zava Retail", "version": __version__}
    assert "get_store_context" in legacy["instructions"]
    assert legacy["instructions"] == modern["instructions"]


async def test_nobody_else_may_keep_an_answer(http: Served, seattle: str) -> None:
    listed = message(await http.post("tools/list", authorization=bearer(seattle)))["result"]
    assert listed["cacheScope"] == "private"
    called = await http.call("get_store_context", authorization=bearer(seattle))
    assert "public" not in called.headers.get("cache-control", "")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example"]
)
@each_era
async def test_a_foreign_host_is_refused(host: str, era: Era, http: Served, seattle: str) -> None:
    response = await http.call("get_store_context", era=era, authorization=bearer(seattle), host=host)
    assert response.status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1.evil.example", "null"])
@each_era
async def test_a_foreign_origin_is_refused(origin: str, era: Era, http: Served, seattle: str) -> None:
    response = await http.call("get_store_context", era=era, authorization=bearer(seattle), origin=origin)
    assert response.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_page_on_this_machine_may_ask(host: str, http: Served, seattle: str) -> None:
    response = await http.call(
        "get_store_context",
        authorization=bearer(seattle),
        host=f"{host}:{http.port}",
        origin=f"http://{host}:{http.port}",
    )
    structured(response)


async def test_an_allowed_host_is_let_in(two_stores: Retailer, seattle: str) -> None:
    async with serving(two_stores, allowed_hosts=("mcp.example.com",)) as served:
        allowed = await served.call("get_store_context", authorization=bearer(seattle), host="mcp.example.com")
        other = await served.call("get_store_context", authorization=bearer(seattle), host="mcp.example.org")
    structured(allowed)
    assert other.status_code == 421


async def raw_request(port: int, lines: list[bytes], body: bytes) -> bytes:
    """Send exactly these bytes and return the whole response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"\r\n".join([b"POST /mcp HTTP/1.1", *lines, b"connection: close", b"", body]))
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("blank", [b"", b" ", b"\t", b"  \t "], ids=repr)
@each_era
async def test_blanks_after_a_header_do_not_matter(blank: bytes, era: Era, http: Served, seattle: str) -> None:
    body, headers = request("tools/call", {"name": "get_store_context", "arguments": {}}, era)
    headers |= {"host": f"127.0.0.1:{http.port}", "authorization": bearer(seattle), "x-store-id": "seattle"}
    lines = [f"{name}: {value}".encode() + blank for name, value in headers.items()]
    lines.append(b"content-length: %d" % len(body))
    answer = await raw_request(http.port, lines, body)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert b'"store_id":"seattle"' in answer


BIG = 1024 * 1024 + 1


async def test_a_body_over_one_mebibyte_is_refused(http: Served, seattle: str) -> None:
    response = await http.call("get_transaction", {"transaction": "A" * BIG}, authorization=bearer(seattle))
    assert response.status_code == 413


async def test_nor_can_one_arrive_in_pieces(http: Served, seattle: str) -> None:
    """Without its length said beforehand."""
    body, headers = request(
        "tools/call", {"name": "get_transaction", "arguments": {"transaction": "A" * BIG}}, "modern"
    )

    async def pieces() -> Any:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    async with httpx2.AsyncClient(timeout=30) as client:
        response = await client.post(http.url, content=pieces(), headers=headers | {"authorization": bearer(seattle)})
    assert response.status_code == 413


async def test_a_large_body_below_that_is_read(http: Served, seattle: str) -> None:
    response = await http.call("get_transaction", {"transaction": "A" * 1_000_000}, authorization=bearer(seattle))
    assert "transaction" in failure(response)


async def test_the_largest_body_is_a_setting(two_stores: Retailer, seattle: str) -> None:
    async with serving(two_stores, max_request_bytes=16_384) as served:
        for size, status in ((15_000, 200), (17_000, 413)):
            response = await served.call("get_transaction", {"transaction": "A" * size}, authorization=bearer(seattle))
            assert response.status_code == status


async def test_nobody_who_is_unknown_has_a_body_read(http: Served) -> None:
    response = await http.call("get_transaction", {"transaction": "A" * BIG}, authorization="Bearer rmcp_nobody")
    assert response.status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"jsonrpc": "2.0"}', b"[" * 100_000])
@each_era
async def test_what_is_no_request_is_refused(body: bytes, era: Era, http: Served, seattle: str) -> None:
    _, headers = request("tools/list", {}, era)
    async with httpx2.AsyncClient(timeout=30) as client:
        response = await client.post(http.url, content=body, headers=headers | {"authorization": bearer(seattle)})
    assert 400 <= response.status_code < 500
    assert "Traceback" not in response.text


@each_era
async def test_an_unknown_tool_is_an_error_of_the_protocol(era: Era, http: Served, seattle: str) -> None:
    response = await http.call("hunter2-secret", era=era, authorization=bearer(seattle))
    error = message(response)["error"]
    assert error["code"] == -32602
    assert error["message"] == "Unknown tool. tools/list names the tools there are."
    assert "hunter2-secret" not in response.text


class CountLists(Middleware):
    """Counts how often the whole list of tools is made."""

    def __init__(self) -> None:
        self.lists = 0

    async def on_list_tools(self, context: Any, call_next: Any) -> Any:
        self.lists += 1
        return await call_next(context)


async def test_a_call_does_not_list_all_tools(two_stores: Retailer, seattle: str) -> None:
    """The SDK asks FastMCP for the schema of the called tool; where it gets none, it lists all tools for it."""
    async with serving(two_stores) as served:
        counter = CountLists()
        served.app.add_middleware(counter)
        structured(await served.call("summarize_sales", {"limit": 5}, authorization=bearer(seattle)))
        assert counter.lists == 0
        # Shows that this would be noticed.
        served.app._mcp_server.get_tool_input_schema = None
        structured(await served.call("summarize_sales", {"limit": 5}, authorization=bearer(seattle)))
        assert counter.lists == 1


async def test_no_session_is_kept(two_stores: Retailer, http: Served, seattle: str) -> None:
    """A legacy conversation may move between processes with every request."""
    authorization = bearer(seattle)
    greeting = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    async with serving(two_stores) as other:
        hello = await http.post("initialize", greeting, era="legacy", authorization=authorization)
        assert "mcp-session-id" not in hello.headers
        for served in (other, http, other):
            listed = await served.post("tools/list", era="legacy", authorization=authorization)
            assert len(message(listed)["result"]["tools"]) == 19
            called = await served.call("summarize_sales", era="legacy", authorization=authorization)
            assert structured(called)["store_id"] == "seattle"


async def test_a_session_somebody_made_up_is_ignored(http: Served, seattle: str) -> None:
    response = await http.call(
        "summarize_sales", era="legacy", authorization=bearer(seattle), mcp_session_id="made-up-by-the-caller"
    )
    assert structured(response)["store_id"] == "seattle"


async def test_health_and_readiness_need_no_token(http: Served) -> None:
    health, ready = await http.get("/health"), await http.get("/ready")
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    "change",
    [
        "delete from migrations.applied where file_name = (select max(file_name) from migrations.applied)",
        "update migrations.applied set sha256 = 'x' where file_name = (select max(file_name) from migrations.applied)",
        "drop schema migrations cascade",
    ],
    ids=["behind", "changed", "without a ledger"],
)
async def test_a_server_whose_schema_is_not_its_own_is_not_ready(change: str, retailer: Retailer) -> None:
    async with serving(retailer) as served:
        await retailer.execute(change)
        ready, health = await served.get("/ready"), await served.get("/health")
    assert (ready.status_code, ready.json()) == (503, {"status": "unavailable"})
    assert health.status_code == 200


async def test_a_server_stays_ready_when_the_next_release_migrates_its_database(retailer: Retailer) -> None:
    async with serving(retailer) as served:
        await retailer.execute(
            "insert into migrations.applied (file_name, sha256) values ('versioned/9999_later.sql', 'x')"
        )
        ready = await served.get("/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_a_server_without_its_database_is_not_ready_until_it_is_back(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    token = bearer(await retailer.token("seattle"))
    async with serving(retailer) as served:
        await refuse_connections(retailer)
        down = await served.get("/ready")
        call = await served.call("get_store_context", authorization=token)
        await accept_connections(retailer)

        async def is_ready() -> bool:
            return (await served.get("/ready")).status_code == 200

        await eventually(is_ready)
        again = await served.call("get_store_context", authorization=token)
    assert (down.status_code, down.json()) == (503, {"status": "unavailable"})
    assert call.status_code == 503
    assert int(call.headers["retry-after"]) > 0
    assert "not reachable right now" in call.json()["error"]["message"]
    structured(again)


@pytest.mark.parametrize("path", ["/", "/admin", "/mcp/../health/x", "/.well-known/oauth-authorization-server"])
async def test_nothing_else_is_served(path: str, http: Served) -> None:
    assert (await http.get(path)).status_code == 404


async def test_no_header_tells_what_the_server_is_made_of(http: Served, seattle: str) -> None:
    response = await http.call("get_store_context", authorization=bearer(seattle))
    assert "server" not in response.headers
    assert "x-powered-by" not in response.headers
