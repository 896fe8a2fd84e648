"""A client that asks server/discover first may still begin with `initialize`, as it may over streamable HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import Retailer
from tests.transport.processes import environment, for_server
from tests.transport.serving import LEGACY, MODERN, Served
from tests.transport.speaking import HANDSHAKE, Line, asking, on_pipe, on_sse

DISCOVER = asking(1, "server/discover", era="modern")
INITIALIZE = asking(2, "initialize", HANDSHAKE)
CANCELLED = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
WAYS = ("stdio", "bridge", "sse")
CONNECTIONS = ("stdio", "sse")


@asynccontextmanager
async def way(name: str, directory: Path, retailer: Retailer, http: Served, token: str) -> AsyncIterator[Line]:
    async with {
        "stdio": lambda: on_pipe(directory, for_server(retailer, RETAIL_TOKEN=token), "stdio"),
        "bridge": lambda: on_pipe(directory, environment(RETAIL_TOKEN=token), "bridge", http.url),
        "sse": lambda: on_sse(http, token),
    }[name]() as line:
        yield line


async def say(line: Line, *messages: dict[str, Any]) -> None:
    for message in messages:
        await line.send(json.dumps(message).encode())


def by_id(messages: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {message["id"]: message for message in messages}


@pytest.mark.parametrize("waits", [True, False], ids=["answered", "given-up"])
@pytest.mark.parametrize("name", WAYS)
async def test_initialize_is_accepted_after_discover(
    name: str, *, waits: bool, tmp_path: Path, two_stores: Retailer, http: Served, seattle: str
) -> None:
    async with way(name, tmp_path, two_stores, http, seattle) as line:
        await say(line, DISCOVER)
        if waits:
            assert MODERN in by_id(await line.answers(1))[1]["result"]["supportedVersions"]
        else:
            await say(line, CANCELLED)
        await say(line, INITIALIZE)
        assert by_id(await line.answers(2))[2]["result"]["protocolVersion"] == LEGACY
        call = {"name": "summarize_sales", "arguments": {}}
        await say(line, INITIALIZED, asking(3, "tools/list"), asking(4, "tools/call", call))
        came = by_id(await line.answers(3, 4))
        assert came[3]["result"]["tools"]
        assert came[4]["result"]["structuredContent"]["store_id"] == "seattle"


@pytest.mark.parametrize("name", CONNECTIONS)
async def test_discover_still_begins_the_new_version(
    name: str, tmp_path: Path, two_stores: Retailer, http: Served, seattle: str
) -> None:
    async with way(name, tmp_path, two_stores, http, seattle) as line:
        await say(line, DISCOVER, asking(3, "tools/list", era="modern"))
        came = by_id(await line.answers(1, 3))
        assert came[3]["result"]["resultType"] == "complete"
        # By now it is settled.
        await say(line, INITIALIZE, asking(4, "server/discover", era="modern"))
        came = by_id(await line.answers(2, 4))
        assert came[2]["error"]["code"] == -32022
        assert came[2]["error"]["data"]["supported"] == [MODERN]
        assert came[4]["result"]["supportedVersions"]


@pytest.mark.parametrize("name", CONNECTIONS)
async def test_a_request_before_the_handshake_is_told_what_comes_first(
    name: str, tmp_path: Path, two_stores: Retailer, http: Served, seattle: str
) -> None:
    async with way(name, tmp_path, two_stores, http, seattle) as line:
        await say(line, asking(3, "tools/list"))
        error = by_id(await line.answers(3))[3]["error"]
        assert error["code"] == -32602
        assert error["message"].startswith("Nothing was done: send initialize first")
