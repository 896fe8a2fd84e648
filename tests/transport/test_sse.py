"""HTTP+SSE, the transport of 2024, for clients that know no other: the same rules on two more paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import SSETransport

from server.transport.address import SSE_PATH
from tests.support import Retailer, answer, refusal
from tests.transport.serving import Served, bearer, request, serving
from tests.transport.shop import eventually, open_store


def sse_client(served: Served, token: str, **headers: str) -> Client[Any]:
    return Client(SSETransport(served.base + SSE_PATH, auth=token, headers=headers), mode="legacy")


@asynccontextmanager
async def open_session(served: Served, token: str) -> AsyncIterator[str]:
    """Open a stream and return the address that its messages go to."""
    headers = {"authorization": bearer(token), "accept": "text/event-stream"}
    async with (
        httpx2.AsyncClient(base_url=served.base, timeout=30) as http,
        http.stream("GET", SSE_PATH, headers=headers) as stream,
    ):
        assert stream.status_code == 200
        async for line in stream.aiter_lines():
            if line.startswith("data: /messages/"):
                yield served.base + line.removeprefix("data: ")
                return


async def post(address: str, params: dict[str, Any] | None = None, **headers: str) -> int:
    """Send a message to a session."""
    body, own_headers = request("tools/list", params or {}, "legacy")
    async with httpx2.AsyncClient(timeout=30) as http:
        return (await http.post(address, content=body, headers=own_headers | headers)).status_code


async def test_the_answers_are_those_of_streamable_http(http: Served, seattle: str) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("get_store_context", {}),
        ("summarize_sales", {"group_by": "product"}),
        ("get_transaction", {"transaction": "REDMOND-1"}),
        ("summarize_sales", {"store_id": "redmond"}),
    ]
    answers = []
    for client in (sse_client(http, seattle), http.client(seattle)):
        async with client:
            found = [await client.call_tool(*call, raise_on_error=False) for call in calls]
            answers.append([(result.is_error, result.content[0].text) for result in found])
    assert answers[0] == answers[1]
    assert [is_error for is_error, _ in answers[0]] == [False, False, True, True]


async def test_the_header_chooses_the_store(http: Served, both: str) -> None:
    async with sse_client(http, both, **{"X-Store-Id": "redmond"}) as client:
        assert (await answer(client, "summarize_sales"))["store_id"] == "redmond"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer hunter2-secret"}], ids=["none", "wrong"])
async def test_without_a_valid_token_no_stream_opens(headers: dict[str, str], http: Served, seattle: str) -> None:
    async with httpx2.AsyncClient(base_url=http.base) as client:
        assert (await client.get(SSE_PATH, headers=headers)).status_code == 401
        assert (await client.get(SSE_PATH, params={"token": seattle}, headers=headers)).status_code == 401
    async with open_session(http, seattle) as address:
        assert await post(address, **headers) == 401


@pytest.mark.parametrize(("header", "status"), [("host", 421), ("origin", 403)])
async def test_foreign_hosts_and_origins_are_refused(header: str, status: int, http: Served, seattle: str) -> None:
    foreign = {"host": "evil.example"} if header == "host" else {"origin": "http://evil.example"}
    authorization = {"authorization": bearer(seattle)}
    async with httpx2.AsyncClient(base_url=http.base) as client:
        assert (await client.get(SSE_PATH, headers=authorization | foreign)).status_code == status
    async with open_session(http, seattle) as address:
        assert await post(address, **authorization, **foreign) == status


async def test_a_message_too_large_is_refused(http: Served, seattle: str) -> None:
    async with open_session(http, seattle) as address:
        assert await post(address, {"cursor": "A" * (1024 * 1024)}, authorization=bearer(seattle)) == 413
        assert await post(address, {"cursor": "A" * 900_000}, authorization=bearer(seattle)) == 202


async def test_a_session_answers_its_owner_alone(two_stores: Retailer, http: Served, seattle: str) -> None:
    """Whoever learns its address still needs its owner's identity."""
    other = await two_stores.token("redmond")
    async with open_session(http, seattle) as address:
        assert 400 <= await post(address, authorization=bearer(other)) < 500
        assert await post(address, authorization=bearer(seattle)) == 202


async def test_a_revoked_token_ends_an_open_session(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    token = await retailer.token("seattle")
    async with serving(retailer) as served, open_session(served, token) as address:
        assert await post(address, authorization=bearer(token)) == 202
        await retailer.execute("update guard.api_token set revoked_at = now()")

        async def refused() -> bool:
            return await post(address, authorization=bearer(token)) == 401

        await eventually(refused, seconds=3)


async def test_withdrawn_access_counts_in_an_open_session(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    await open_store(retailer, "redmond")
    token = await retailer.token("seattle", "redmond")
    async with serving(retailer) as served, sse_client(served, token) as client:
        await answer(client, "summarize_sales", store_id="redmond")
        await retailer.execute("update guard.store_access set valid_until = now() where store_id = 'redmond'")
        refused = await refusal(client, "summarize_sales", store_id="redmond")
        assert refused == "No such store among yours. Your stores: seattle."

        async def one_store_is_left() -> bool:
            return (await answer(client, "get_store_context"))["current_store"] is not None

        await eventually(one_store_is_left, seconds=3)


async def test_two_sessions_at_once_never_mix(two_stores: Retailer, http: Served, seattle: str) -> None:
    redmond = await two_stores.token("redmond")
    async with sse_client(http, seattle) as one, sse_client(http, redmond) as other:
        found = await asyncio.gather(*(answer(client, "summarize_sales") for _ in range(15) for client in (one, other)))
    assert [result["store_id"] for result in found] == ["seattle", "redmond"] * 15
