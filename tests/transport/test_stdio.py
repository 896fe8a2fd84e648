"""stdio: one client, one token, and nothing but the protocol on standard output."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from server.errors import ConfigurationError
from tests.support import Retailer, answer, refusal
from tests.transport.processes import SERVER, Finished, for_server, run, running
from tests.transport.serving import Served
from tests.transport.shop import eventually, open_store


@asynccontextmanager
async def stdio_client(directory: Path, retailer: Retailer, token: str, **variables: str) -> AsyncIterator[Client[Any]]:
    """A client that starts the server as its child, as desktop programs do."""
    transport = StdioTransport(
        sys.executable,
        [*SERVER, "stdio"],
        env=for_server(retailer, RETAIL_TOKEN=token, **variables),
        cwd=str(directory),
        keep_alive=False,
        log_file=directory / "stderr",
    )
    async with Client(transport) as client:
        yield client


async def test_the_answers_are_those_of_http(tmp_path: Path, two_stores: Retailer, http: Served, seattle: str) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("get_store_context", {}),
        ("summarize_sales", {"group_by": "product"}),
        ("list_transactions", {}),
        ("search_customers", {"name": "grace"}),
        ("get_transaction", {"transaction": "REDMOND-1"}),
        ("summarize_sales", {"store_id": "redmond"}),
    ]
    answers = []
    async with (
        stdio_client(tmp_path, two_stores, seattle) as over_stdio,
        http.client(seattle) as over_http,
    ):
        for client in (over_stdio, over_http):
            found = [await client.call_tool(*call, raise_on_error=False) for call in calls]
            answers.append([(result.is_error, result.content[0].text) for result in found])
            answers[-1].append([tool.model_dump(mode="json") for tool in await client.list_tools()])
    assert answers[0] == answers[1]
    assert [is_error for is_error, _ in answers[0][:-1]] == [False, False, False, False, True, True]


async def test_a_setting_picks_the_store(tmp_path: Path, two_stores: Retailer, both: str) -> None:
    async with stdio_client(tmp_path, two_stores, both, RETAIL_STORE_ID="redmond") as client:
        assert (await answer(client, "summarize_sales"))["store_id"] == "redmond"
        assert (await answer(client, "get_store_context"))["current_store"]["store_id"] == "redmond"
        # It is a default, not a wall: the token opens both.
        assert (await answer(client, "summarize_sales", store_id="seattle"))["store_id"] == "seattle"


@pytest.mark.parametrize(
    "change",
    [
        "update guard.api_token set revoked_at = now()",
        "update guard.api_token set expires_at = now()",
        "update guard.principal set is_active = false",
    ],
    ids=["revoked", "expired", "deactivated"],
)
async def test_a_token_that_ends_does_so_at_the_next_call(change: str, retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    async with retailer.client("seattle") as client:
        await answer(client, "summarize_sales")
        await retailer.execute(change)
        await refusal(client, "summarize_sales")

        async def told_why() -> bool:
            refused = await refusal(client, "summarize_sales")
            return "not valid (any more)" in refused and "retail-mcp token issue" in refused

        await eventually(told_why, seconds=3)


@pytest.mark.parametrize("token", ["hunter2-secret", "rmcp_hunter2-secret", "rmcp_" + "hunter2" * 6 + "h"])
async def test_an_unknown_token_does_not_start(token: str, two_stores: Retailer) -> None:
    with pytest.raises(ConfigurationError, match="RETAIL_TOKEN is not valid") as refused:
        async with two_stores.server(token=token):
            pass
    assert "hunter2" not in str(refused.value)


LEGACY_SESSION = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "summarize_sales", "arguments": {}}},
    {"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "no_such_tool", "arguments": {}}},
    {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "get_transaction", "arguments": {"x": 1}}},
]


async def test_standard_output_belongs_to_the_protocol(tmp_path: Path, two_stores: Retailer, seattle: str) -> None:
    """Even when everything is logged, and when the client just closes the pipe at the end."""
    env = for_server(two_stores, RETAIL_TOKEN=seattle, RETAIL_LOG_LEVEL="DEBUG")
    replies: dict[int, dict[str, Any]] = {}
    async with running(tmp_path, env, "stdio") as process:
        assert process.stdin and process.stdout and process.stderr
        log = asyncio.create_task(process.stderr.read())
        for request in LEGACY_SESSION:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            while "id" in request and request["id"] not in replies:
                line = await asyncio.wait_for(process.stdout.readline(), 30)
                message = json.loads(line)
                assert message["jsonrpc"] == "2.0"
                replies[message.get("id", 0)] = message
        process.stdin.close()
        rest = await asyncio.wait_for(process.stdout.read(), 30)
        code = await asyncio.wait_for(process.wait(), 30)
        logged = (await log).decode()
    assert rest == b""
    assert code == 0
    assert replies[1]["result"]["serverInfo"]["name"] == "zava-retail"
    assert len(replies[2]["result"]["tools"]) == 19
    assert replies[3]["result"]["structuredContent"]["store_id"] == "seattle"
    assert replies[4]["error"]["code"] == -32602
    assert replies[5]["result"]["isError"]
    assert logged
    assert seattle not in logged


async def test_without_a_valid_token_it_does_not_start(tmp_path: Path, two_stores: Retailer) -> None:
    revoked = await two_stores.token("seattle", subject="revoked")
    await two_stores.execute(
        "update guard.api_token set revoked_at = now() "
        "where principal_id = (select principal_id from guard.principal where subject = 'revoked')"
    )
    tokens = {
        "none": {},
        "revoked": {"RETAIL_TOKEN": revoked},
    }
    ends = await asyncio.gather(
        *(run(tmp_path, for_server(two_stores, **variables), "stdio") for variables in tokens.values())
    )
    finished: dict[str, Finished] = dict(zip(tokens, ends, strict=True))
    for name, end in finished.items():
        assert end.code == 2, (name, end)
        assert end.out == "", name
        (line,) = end.err.splitlines()
        assert line.startswith("Error: "), line
        assert "RETAIL_TOKEN" in line
        assert "retail-mcp token issue --subject NAME --store STORE --role ROLE" in line
    assert "is not set" in finished["none"].err
    assert "unknown, expired or revoked" in finished["revoked"].err
