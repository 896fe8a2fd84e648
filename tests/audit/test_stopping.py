"""What the real program leaves in the log when it is stopped, and when it is killed."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import pytest

from tests.audit.reading import calls_of, entered
from tests.support import Retailer, answer
from tests.transport.processes import for_server, running
from tests.transport.serving import Served
from tests.transport.shop import eventually, locked_receipts, wait_for_locks
from tests.transport.test_stopping import address

STOP_SECONDS = 10
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


class StdioClient:
    """Speaks to a stdio server line by line."""

    def __init__(self, process: Process) -> None:
        assert process.stdin and process.stdout
        self.process = process
        self._last_id = 0

    async def open(self) -> None:
        await self.exchange("initialize", HELLO)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def begin(self, tool: str, arguments: dict[str, Any] | None = None) -> None:
        """Call a tool without waiting for the answer."""
        self._last_id += 1
        params = {"name": tool, "arguments": arguments or {}}
        self._send({"jsonrpc": "2.0", "id": self._last_id, "method": "tools/call", "params": params})

    async def call(self, tool: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self.exchange("tools/call", {"name": tool, "arguments": arguments or {}})

    async def exchange(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._last_id += 1
        self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        assert self.process.stdout
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        message = json.loads(line)
        assert message["id"] == self._last_id
        return dict(message["result"])

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")


async def end_input(process: Process) -> None:
    assert process.stdin
    process.stdin.close()


async def terminate(process: Process) -> None:
    process.send_signal(signal.SIGTERM)


async def interrupt(process: Process) -> None:
    process.send_signal(signal.SIGINT)


async def stopped(process: Process) -> int:
    """Wait for the end; reads on, so that no full pipe holds the process up."""
    assert process.stdout and process.stderr
    await asyncio.wait_for(asyncio.gather(process.stdout.read(), process.stderr.read()), STOP_SECONDS)
    return await asyncio.wait_for(process.wait(), STOP_SECONDS)


@pytest.mark.parametrize("stop", [end_input, terminate, interrupt])
async def test_a_stdio_server_that_is_stopped_loses_nothing(stop: Any, tmp_path: Path, shop: Retailer) -> None:
    """The last call has been answered a moment ago: its entry is still in memory."""
    token = await shop.token("seattle")
    async with running(tmp_path, for_server(shop, RETAIL_TOKEN=token), "stdio") as process:
        client = StdioClient(process)
        await client.open()
        for limit in range(1, 21):
            assert not (await client.call("list_transactions", {"limit": limit})).get("isError")
        await stop(process)
        assert await stopped(process) == 0

    entries = await calls_of(shop)
    assert [entry["arguments"]["limit"] for entry in entries] == list(range(1, 21))
    assert {entry["transport"] for entry in entries} == {"stdio"}


@pytest.mark.parametrize("stop", [terminate, interrupt])
async def test_an_http_server_that_is_stopped_loses_nothing(stop: Any, tmp_path: Path, shop: Retailer) -> None:
    token = await shop.token("seattle")
    async with running(tmp_path, for_server(shop, RETAIL_PORT="0")) as process:
        served = Served(await address(process), None)  # type: ignore[arg-type]
        async with served.client(token) as client:
            for limit in range(1, 21):
                await answer(client, "list_transactions", limit=limit)
            await stop(process)
        assert await stopped(process) == 0

    assert [entry["arguments"]["limit"] for entry in await calls_of(shop)] == list(range(1, 21))


@pytest.mark.parametrize("stop", [terminate, interrupt])
async def test_a_call_that_a_signal_ends_is_entered_too(stop: Any, tmp_path: Path, shop: Retailer) -> None:
    await wait_for_locks(shop)
    token = await shop.token("seattle")
    async with running(tmp_path, for_server(shop, RETAIL_TOKEN=token), "stdio") as process:
        client = StdioClient(process)
        await client.open()
        async with locked_receipts(shop):
            client.begin("list_transactions", {"limit": 7})

            async def is_waiting() -> list[dict[str, Any]]:
                return await shop.fetch("select pid from pg_stat_activity where wait_event_type = 'Lock'")

            await eventually(is_waiting)
            await stop(process)
            assert await stopped(process) == 0

    (entry,) = await calls_of(shop)
    assert (entry["outcome"], entry["arguments"]) == ("cancelled", {"limit": 7})


async def test_a_server_that_is_killed_loses_only_what_had_just_come(tmp_path: Path, shop: Retailer) -> None:
    """Whatever had been visible stays; what had not is at most what came since the last write."""
    token = await shop.token("seattle")
    async with running(tmp_path, for_server(shop, RETAIL_TOKEN=token), "stdio") as process:
        client = StdioClient(process)
        await client.open()
        for limit in range(1, 11):
            await client.call("list_transactions", {"limit": limit})
        await entered(shop, 10)
        await client.call("list_transactions", {"limit": 11})
        process.kill()
        await process.wait()

    kept = [entry["arguments"]["limit"] for entry in await calls_of(shop)]
    assert kept in (list(range(1, 11)), list(range(1, 12)))
