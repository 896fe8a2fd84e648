"""The bridge adds nothing to what the server says and loses nothing of it; where there is no answer, it gives one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from mcp_types import PromptReference

from tests.support import Retailer
from tests.transport.processes import environment
from tests.transport.serving import Era, Served, serving
from tests.transport.shop import blocked_backends, eventually, locked_receipts, open_store, wait_for_locks
from tests.transport.speaking import HANDSHAKE, Line, asking, on_pipe

ERAS: tuple[Era, ...] = ("legacy", "modern")
CALL = {"name": "summarize_sales", "arguments": {}}
CANCELLED = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}


async def ask(line: Line, number: int, method: str, params: dict[str, Any] | None = None, era: Era = "legacy") -> Any:
    await line.send(json.dumps(asking(number, method, params, era=era)).encode())
    return next(message for message in await line.answers(number) if message["id"] == number)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_all_that_the_server_offers_goes_through(
    mode: str, two_stores: Retailer, http: Served, both: str, tmp_path: Path
) -> None:
    command = StdioTransport(
        sys.executable, ["-m", "server", "bridge", http.url], env=environment(RETAIL_TOKEN=both), cwd=str(tmp_path)
    )
    seen = []
    brand = PromptReference(type="ref/prompt", name="find_product")
    async with Client(command, mode=mode) as bridged, http.client(both, mode=mode) as direct:
        for client in (bridged, direct):
            completed = await client.complete(brand, {"name": "store_id", "value": ""})
            assert completed.values == ["redmond", "seattle"]
            read = await client.read_resource("retail://stores/seattle/categories")
            written = await client.get_prompt("find_product", {"wish": "a lamp\u2028, 60 W \U0001f4a1"})
            called = await client.call_tool("summarize_sales", {"store_id": "redmond"})
            seen.append(
                [
                    *(tool.model_dump() for tool in await client.list_tools()),
                    *(prompt.model_dump() for prompt in await client.list_prompts()),
                    *(resource.model_dump() for resource in await client.list_resources()),
                    *(template.model_dump() for template in await client.list_resource_templates()),
                    *(content.model_dump() for content in (*read, *written.messages, *called.content)),
                    client.instructions,
                    client.server_info,
                    client.protocol_version,
                ]
            )
    assert seen[0] == seen[1]


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_is_taken_back_ends_its_query(era: Era, retailer: Retailer, tmp_path: Path) -> None:
    await open_store(retailer, "seattle")
    await wait_for_locks(retailer)
    token = await retailer.token("seattle")
    async with (
        serving(retailer, pool_size=1, query_timeout_seconds=60) as served,
        on_pipe(tmp_path, environment(RETAIL_TOKEN=token), "bridge", served.url) as line,
    ):
        async with locked_receipts(retailer):
            await line.send(json.dumps(asking(2, "tools/call", CALL, era=era)).encode())
            await eventually(lambda: blocked_backends(retailer))
            await line.send(json.dumps(CANCELLED).encode())

            async def nothing_waits() -> bool:
                return not await blocked_backends(retailer)

            await eventually(nothing_waits)
        found = await ask(line, 3, "tools/call", CALL, era)
        assert not found["result"].get("isError"), found
        assert {message["id"] for message in await line.answers()} == {3}


@pytest.mark.parametrize("era", ERAS)
async def test_without_a_server_a_call_fails_and_says_so(era: Era, retailer: Retailer, tmp_path: Path) -> None:
    """And the bridge lives on: the next call works once the server does."""
    await open_store(retailer, "seattle")
    token = await retailer.token("seattle")
    async with serving(retailer) as served:
        port = served.port
    async with on_pipe(tmp_path, environment(RETAIL_TOKEN=token), "bridge", served.url) as line:
        listed = await ask(line, 1, "tools/list", era=era)
        assert listed["error"]["code"] == -32603
        assert "Check that it runs" in listed["error"]["message"]
        called = await ask(line, 2, "tools/call", CALL, era)
        assert called["result"]["isError"]
        assert called["result"]["content"] == [{"type": "text", "text": listed["error"]["message"]}]
        assert ("resultType" in called["result"]) is (era == "modern")
        async with serving(retailer, port=port):
            if era == "legacy":
                assert (await ask(line, 3, "initialize", HANDSHAKE))["result"]["serverInfo"]
            called = await ask(line, 4, "tools/call", CALL, era)
            assert called["result"]["structuredContent"]["store_id"] == "seattle"
            await retailer.execute("update guard.api_token set revoked_at = now()")

            async def is_refused() -> bool:
                refused = await ask(line, 5, "tools/call", CALL, era)
                line.came.clear()  # type: ignore[attr-defined]
                return bool(refused["result"].get("isError"))

            await eventually(is_refused)
            refused = await ask(line, 6, "tools/list", era=era)
            assert refused["error"]["code"] == -32603
            assert refused["error"]["message"].endswith(".")
