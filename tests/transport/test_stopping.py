"""Starting and stopping the real program."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import stat
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from server.transport.address import SSE_PATH
from tests.support import Retailer, answer
from tests.transport.processes import SERVER, environment, for_server, running
from tests.transport.serving import Served, bearer

STOP_SECONDS = 5
# Making a database and a year of sales takes its time on a slow machine.
DEMO_SECONDS = 120
HELLO = b"""\
{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, \
"clientInfo": {"name": "test", "version": "1"}}}
"""


async def address(process: Process, seconds: float = 30) -> str:
    """Wait until the server says where it is."""
    assert process.stdout

    async def read() -> str:
        printed = ""
        while line := (await process.stdout.readline()).decode():
            printed += line
            if found := re.search(r"Serving MCP at (http://127\.0\.0\.1:\d+)/mcp", line):
                return found[1]
        assert process.stderr
        raise AssertionError(printed + (await process.stderr.read()).decode())

    return await asyncio.wait_for(read(), seconds)


async def stop(process: Process, how: signal.Signals) -> int:
    """Send the signal, and return the exit code."""
    process.send_signal(how)
    started = time.monotonic()
    # Reads on, so that no full pipe holds the process up.
    _, err = await asyncio.wait_for(process.communicate(), STOP_SECONDS)
    assert time.monotonic() - started < STOP_SECONDS
    assert b"ERROR" not in err, err
    assert process.returncode is not None
    return process.returncode


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stops_the_http_server_cleanly(
    how: signal.Signals, tmp_path: Path, two_stores: Retailer, seattle: str
) -> None:
    """Even with a client that still listens."""
    async with running(tmp_path, for_server(two_stores, RETAIL_PORT="0")) as process:
        served = Served(await address(process), None)  # type: ignore[arg-type]
        assert (await served.get("/ready")).status_code == 200
        async with served.client(seattle) as client:
            assert (await answer(client, "summarize_sales"))["store_id"] == "seattle"
        headers = {"authorization": bearer(seattle), "accept": "text/event-stream"}
        async with (
            httpx2.AsyncClient(base_url=served.base) as http,
            http.stream("GET", SSE_PATH, headers=headers) as stream,
        ):
            assert stream.status_code == 200
            assert await stop(process, how) == 0
            # Raises where it breaks off.
            await stream.aread()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stops_the_stdio_server_cleanly(
    how: signal.Signals, tmp_path: Path, two_stores: Retailer, seattle: str
) -> None:
    async with running(tmp_path, for_server(two_stores, RETAIL_TOKEN=seattle), "stdio") as process:
        assert process.stdin and process.stdout
        process.stdin.write(HELLO)
        await asyncio.wait_for(process.stdout.readline(), 30)
        process.send_signal(how)
        # Its client keeps the pipe open: the signal alone has to do.
        assert await asyncio.wait_for(process.wait(), STOP_SECONDS) == 0


async def test_a_client_that_reads_nothing_any_more_is_no_failure(
    tmp_path: Path, two_stores: Retailer, seattle: str
) -> None:
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *SERVER, "stdio"),
        cwd=tmp_path,
        env=for_server(two_stores, RETAIL_TOKEN=seattle, RETAIL_LOG_LEVEL="INFO"),
        stdin=PIPE,
        stdout=writing,
        stderr=PIPE,
    )
    os.close(reading)
    os.close(writing)
    _, err = await asyncio.wait_for(process.communicate(HELLO), 30)

    assert process.returncode == 0
    assert b"Traceback" not in err
    assert b"The client went away" in err


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Short, for the socket's path, and reachable for the server's own user when root runs the tests."""
    directory = Path(tempfile.mkdtemp(prefix="retail-test-"))
    directory.chmod(0o755)
    yield directory / "data"
    shutil.rmtree(directory)


def postgres_of(data_dir: Path) -> list[psutil.Process]:
    """Database processes that work below a directory."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(data_dir) in part for part in process.info["cmdline"] or ())
    ]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_demo_starts_by_itself_and_leaves_nothing_running(data_dir: Path, tmp_path: Path) -> None:
    env = environment(RETAIL_DATA_DIR=str(data_dir), RETAIL_PORT="0", RETAIL_LOG_LEVEL="WARNING")
    kept: list[str] = []
    for how in (signal.SIGTERM, signal.SIGINT):
        async with running(tmp_path, env) as process:
            served = Served(await address(process, DEMO_SECONDS), None)  # type: ignore[arg-type]
            assert postgres_of(data_dir)
            tokens = json.loads((data_dir / "demo-tokens.json").read_text())
            async with served.client(tokens[0]["token"]) as client:
                context = await answer(client, "get_store_context")
                assert context["current_store"]["customers"] > 0
            assert await stop(process, how) == 0
        assert postgres_of(data_dir) == []
        kept.append((data_dir / "context.key").read_text() + str(tokens))
    assert kept[0] == kept[1]
    assert mode(data_dir / "context.key") == mode(data_dir / "demo-tokens.json") == 0o600
