"""The Inspector's command line, as a client that this project did not write."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from server import tools
from tests.protocol.npm import Programs
from tests.support import Retailer
from tests.transport.processes import ROOT, SERVER
from tests.transport.serving import bearer, serving

pytestmark = [pytest.mark.protocol, pytest.mark.timeout(600)]

Target = tuple[str, ...]
each_era = pytest.mark.parametrize("era", ["modern", "legacy"])

SEARCH = (
    "--tool-name",
    "search_products",
    "--tool-args-json",
    json.dumps({"query": "paint", "limit": 1, "store_id": "seattle"}),
)


@pytest.fixture(scope="session")
async def token(demo: Retailer) -> str:
    """A token of somebody who may use every tool: manager in Seattle, auditor in Redmond."""
    await demo.token("redmond", role="auditor", subject="everywhere")
    return await demo.token("seattle", role="manager", subject="everywhere")


async def inspect(programs: Programs, directory: Path, target: Target, *command: str) -> tuple[dict[str, Any], str]:
    """What the Inspector got from a server, and what it says of it."""
    answer = directory / "answer.json"
    code, told = await programs.run(
        *("mcp-inspector", "--cli", *target, *command, "--output", str(answer)),
        # A busy machine takes longer than its 15 s to start a process.
        *("--connect-timeout", "90000"),
        # Not the one of whoever runs the tests.
        MCP_CATALOG_PATH=str(directory / "catalog.json"),
    )
    assert code == 0, told
    return json.loads(answer.read_text(encoding="utf-8")), told


async def check(programs: Programs, directory: Path, target: Target) -> None:
    """Tools whose schemas every client can use, and an answer of one."""
    listed, told = await inspect(programs, directory, target, "--method", "tools/list", "--strict")
    assert len(listed["tools"]) == len(tools.discover())
    # It fails on errors alone.
    assert "Warning: tool" not in told, told
    found, _ = await inspect(programs, directory, target, "--method", "tools/call", *SEARCH)
    answer = found["structuredContent"]
    assert (answer["store_id"], len(answer["rows"])) == ("seattle", 1)


@each_era
async def test_it_works_over_http(era: str, tmp_path: Path, demo: Retailer, token: str, programs: Programs) -> None:
    header = f"Authorization: {bearer(token)}"
    async with serving(demo) as served:
        await check(programs, tmp_path, ("--server-url", served.url, "--header", header, "--protocol-era", era))


@each_era
async def test_it_works_over_stdio(era: str, tmp_path: Path, demo: Retailer, token: str, programs: Programs) -> None:
    variables = demo.server_environment | {"RETAIL_TOKEN": token, "PYTHONPATH": str(ROOT)}
    given = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    await check(programs, tmp_path, (sys.executable, *SERVER, "stdio", *given, "--protocol-era", era))
