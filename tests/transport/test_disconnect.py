"""Nobody's query outlives the caller: not over HTTP, not over HTTP+SSE, not over stdio."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.transport.address import MCP_PATH, SSE_PATH
from tests.support import Retailer, answer
from tests.transport.processes import for_server, running
from tests.transport.serving import Era, Served, bearer, request, serving, structured
from tests.transport.shop import (
    blocked_backends,
    eventually,
    locked_receipts,
    open_store,
    server_backends,
    wait_for_locks,
)
from tests.transport.test_sse import sse_client

# One connection: if a cancelled call kept it, nobody would be served any more. The time limit is far off.
ONE = {"pool_size": 1, "query_timeout_seconds": 60}
SLOW_CALL = {"name": "summarize_sales", "arguments": {}}


@pytest.fixture
async def seattle(retailer: Retailer) -> Retailer:
    await open_store(retailer, "seattle")
    await wait_for_locks(retailer)
    return retailer


async def nothing_runs(retailer: Retailer) -> None:
    """The query has ended although the lock is still there."""

    async def nothing_waits() -> bool:
        return not await blocked_backends(retailer)

    await eventually(nothing_waits)


async def pool_is_clean(retailer: Retailer, served: Served, token: str) -> None:
    structured(await served.call("summarize_sales", authorization=bearer(token)))
    assert [backend["state"] for backend in await server_backends(retailer) if "sales" in backend["query"]] in (
        [],
        ["idle"],
    )
    assert not await server_backends(retailer, "state like 'idle in transaction%'")


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_caller_over_http_that_hangs_up(era: Era, seattle: Retailer, caplog: pytest.LogCaptureFixture) -> None:
    token = await seattle.token("seattle")
    body, headers = request("tools/call", SLOW_CALL, era)
    async with serving(seattle, **ONE) as served:
        async with locked_receipts(seattle):
            async with httpx2.AsyncClient(base_url=served.base, timeout=60) as http:
                call = asyncio.create_task(
                    http.post(MCP_PATH, content=body, headers=headers | {"authorization": bearer(token)})
                )
                await eventually(lambda: blocked_backends(seattle))
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            await nothing_runs(seattle)
        await pool_is_clean(seattle, served, token)
    # It happens all the time and is no error of the server.
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_caller_over_sse_that_hangs_up(seattle: Retailer) -> None:
    token = await seattle.token("seattle")
    async with serving(seattle, **ONE) as served:
        async with locked_receipts(seattle):
            async with sse_client(served, token) as client:
                call = asyncio.create_task(answer(client, "summarize_sales"))
                await eventually(lambda: blocked_backends(seattle))
            await asyncio.wait([call])
            await nothing_runs(seattle)
            call.exception()
        await pool_is_clean(seattle, served, token)


async def test_a_caller_over_sse_that_takes_a_call_back(seattle: Retailer) -> None:
    token = await seattle.token("seattle")
    async with serving(seattle, **ONE) as served:
        async with locked_receipts(seattle), httpx2.AsyncClient(base_url=served.base, timeout=60) as http:
            headers = {"authorization": bearer(token), "content-type": "application/json"}
            async with http.stream("GET", SSE_PATH, headers=headers | {"accept": "text/event-stream"}) as stream:
                lines = stream.aiter_lines()
                address = await anext(line[6:] async for line in lines if line.startswith("data: /messages/"))
                for message in (*greeting(), call_message("summarize_sales"), cancellation()):
                    if message["method"] == "notifications/cancelled":
                        await eventually(lambda: blocked_backends(seattle))
                    assert (await http.post(address, json=message, headers=headers)).status_code == 202
                await nothing_runs(seattle)
        await pool_is_clean(seattle, served, token)


def greeting() -> list[dict[str, Any]]:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    return [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
    ]


def call_message(tool: str, number: int = 7) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": {}}}


def cancellation() -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}


@pytest.mark.parametrize("leaves", [False, True], ids=["takes the call back", "closes its end"])
async def test_a_caller_over_stdio(leaves: bool, seattle: Retailer, tmp_path: Path) -> None:
    token = await seattle.token("seattle")
    environment = for_server(seattle, RETAIL_TOKEN=token, RETAIL_POOL_SIZE="1", RETAIL_QUERY_TIMEOUT_SECONDS="60")
    async with running(tmp_path, environment, "stdio") as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        async def send(*messages: dict[str, Any]) -> None:
            stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
            await stdin.drain()

        async def receive() -> dict[str, Any]:
            return json.loads(await asyncio.wait_for(stdout.readline(), 30))

        await send(*greeting())
        assert (await receive())["id"] == 1
        async with locked_receipts(seattle):
            await send(call_message("summarize_sales"))
            await eventually(lambda: blocked_backends(seattle))
            if leaves:
                stdin.close()
            else:
                await send(cancellation())
            await nothing_runs(seattle)
        if leaves:
            assert await asyncio.wait_for(process.wait(), 30) == 0
        else:
            # The one connection serves the next call; the one that was taken back is not answered any more.
            await send(call_message("get_store_context", number=8))
            found = await receive()
            assert found["id"] == 8
            assert not found["result"].get("isError"), found
