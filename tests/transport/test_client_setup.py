"""What the server prints for a client works in that client, and the bridge leads to the HTTP server."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.support import CONTEXT_KEY, Retailer, answer, refusal
from tests.transport.processes import ROOT, environment, for_operator, run, run_here
from tests.transport.serving import Served, serving
from tests.transport.shop import open_store

CLIENTS = ("claude-desktop", "vscode", "cursor", "claude-code")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without anybody's .env file."""
    monkeypatch.chdir(tmp_path)


async def printed(retailer: Retailer, *arguments: str, **variables: str) -> dict[str, Any]:
    """The one entry of a printed configuration."""
    env = for_operator(retailer, **(retailer.server_environment | variables))
    end = await run_here(env, "config", *arguments)
    assert (end.code, end.err) == (0, ""), end
    # Rights of an operator must not get into a client's file.
    assert retailer.admin_url not in end.out
    configuration = json.loads(end.out)
    (servers,) = configuration.values()
    (entry,) = servers.values()
    return dict(entry)


def installed_environment(**variables: str) -> dict[str, str]:
    """That of a process which knows the product because it is installed."""
    if importlib.util.find_spec("server").origin != str(ROOT / "server/__init__.py"):  # pragma: no cover
        pytest.skip("another copy of the product is installed")
    return {name: value for name, value in environment(**variables).items() if name != "PYTHONPATH"}


def installed_client(entry: dict[str, Any], directory: Path) -> Client[Any]:
    """`client_of`, but the product is found as it is for a client: because it is installed."""
    return client_of(entry, directory, installed_environment(**entry["env"]))


def client_of(entry: dict[str, Any], directory: Path, env: dict[str, str] | None = None) -> Client[Any]:
    """Start the server as a client with this entry does: with a little environment of its own, from anywhere."""
    transport = StdioTransport(
        entry["command"],
        entry["args"],
        env=env or environment(**entry["env"]),
        cwd=str(directory),
        keep_alive=False,
        log_file=directory / "stderr",
    )
    return Client(transport)


def plant_decoys(directory: Path) -> None:
    """What a project that a client starts servers in may hold: names of ours and of what we import, each a trap."""
    trap = "open('trapped', 'a').write(__name__ + chr(10)); raise SystemExit('trapped')\n"
    for package in ("server", "seed", "fastmcp", "multiprocessing"):
        (directory / package).mkdir()
        for name in ("__init__", "__main__"):
            (directory / package / f"{name}.py").write_text(trap)
    for module in ("server", "asyncpg", "json", "logging", "pickle", "sitecustomize", "usercustomize"):
        (directory / f"{module}.py").write_text(trap)
    (directory / ".env").write_text(
        "RETAIL_LOG_LEVEL=DEBUG\nRETAIL_DATABASE_URL=postgresql://mcp_user@127.0.0.1:1/x\n"
        "RETAIL_TOKEN=rmcp_other\nFASTMCP_LOG_LEVEL=DEBUG\nFASTMCP_LOG_ENABLED=true\n"
    )


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A directory of decoys."""
    directory = tmp_path / "project"
    directory.mkdir()
    plant_decoys(directory)
    return directory


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_printed_configuration_is_complete(client: str, retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    entry = await printed(retailer, client, "--store", "seattle")
    assert entry["command"] == sys.executable
    assert entry["args"] == ["-P", "-m", "server", "stdio"]
    assert entry["env"]["RETAIL_DATABASE_URL"] == retailer.app_url
    assert entry["env"]["RETAIL_CONTEXT_KEY"] == CONTEXT_KEY
    assert entry["env"]["RETAIL_TOKEN"].startswith("rmcp_")
    assert "RETAIL_ADMIN_DATABASE_URL" not in entry["env"]


async def test_a_client_starts_the_server_with_it(retailer: Retailer, tmp_path: Path) -> None:
    await open_store(retailer, "seattle")
    entry = await printed(retailer, "claude-desktop", "--store", "seattle", "--role", "support")
    async with client_of(entry, tmp_path) as client:
        assert (await answer(client, "get_store_context"))["role"] == "support"


async def test_a_client_starts_our_server_whatever_its_directory_holds(retailer: Retailer, trapped: Path) -> None:
    await open_store(retailer, "seattle")
    entry = await printed(retailer, "claude-code", "--store", "seattle")

    async with installed_client(entry, trapped) as client:
        assert (await answer(client, "get_store_context"))["role"] == "manager"

    assert not (trapped / "trapped").exists()
    assert "DEBUG" not in (trapped / "stderr").read_text()


async def test_a_bridge_is_ours_whatever_its_directory_holds(retailer: Retailer, trapped: Path) -> None:
    await open_store(retailer, "seattle")
    async with serving(retailer) as served:
        entry = await printed(retailer, "claude-desktop", "--store", "seattle", "--http", RETAIL_PORT=str(served.port))
        async with installed_client(entry, trapped) as client:
            assert (await answer(client, "get_store_context"))["role"] == "manager"

    assert not (trapped / "trapped").exists()


@pytest.mark.parametrize("script", ["retail-mcp", "retail-mcp-seed"])
async def test_the_installed_commands_are_ours_whatever_the_directory_holds(script: str, trapped: Path) -> None:
    (trapped / ".env").unlink()
    program = Path(sys.executable).with_name(script)
    process = await asyncio.create_subprocess_exec(
        program, "--help", cwd=trapped, env=installed_environment(), stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()

    assert process.returncode == 0, err
    assert script in out.decode()
    assert not (trapped / "trapped").exists()


async def test_workers_of_the_installed_command_are_ours_too(retailer: Retailer, trapped: Path) -> None:
    """They are processes that import anew."""
    (trapped / ".env").unlink()
    env = installed_environment(**retailer.server_environment, RETAIL_PORT="0")
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("retail-mcp"), "--workers=2", cwd=trapped, env=env, stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    try:
        lines = b""
        async with asyncio.timeout(120):
            while b"Serving MCP" not in lines and (line := await process.stdout.readline()):
                lines += line
    finally:
        process.terminate()
        _, err = await process.communicate()

    assert b"Serving MCP" in lines, err
    assert not (trapped / "trapped").exists()


@pytest.mark.parametrize("client", ["vscode", "cursor", "claude-code"])
async def test_a_client_can_be_pointed_at_the_http_server(client: str, two_stores: Retailer, http: Served) -> None:
    entry = await printed(two_stores, client, "--store", "redmond", "--http", RETAIL_PORT=str(http.port))
    assert entry["url"] == http.url
    scheme, token = entry["headers"]["Authorization"].split()
    assert scheme == "Bearer"
    async with http.client(token) as connected:
        assert (await answer(connected, "summarize_sales"))["store_id"] == "redmond"


async def test_the_bridge_gives_the_http_servers_answers(retailer: Retailer, tmp_path: Path) -> None:
    """For Claude Desktop, which opens no URL from its file."""
    await open_store(retailer, "seattle", units=7)
    async with serving(retailer) as served:
        entry = await printed(retailer, "claude-desktop", "--store", "seattle", "--http", RETAIL_PORT=str(served.port))
        assert entry["args"] == ["-P", "-m", "server", "bridge", served.url]
        assert set(entry["env"]) == {"RETAIL_TOKEN"}
        async with client_of(entry, tmp_path) as bridged, served.client(entry["env"]["RETAIL_TOKEN"]) as direct:
            for tool, arguments in (("summarize_sales", {}), ("get_store_context", {}), ("list_transactions", {})):
                assert await answer(bridged, tool, **arguments) == await answer(direct, tool, **arguments)
            assert await refusal(bridged, "get_transaction", transaction="UNKNOWN") == await refusal(
                direct, "get_transaction", transaction="UNKNOWN"
            )
            names = [[tool.name for tool in await client.list_tools()] for client in (bridged, direct)]
            assert names[0] == names[1]
            await retailer.execute("update guard.api_token set revoked_at = now()")
            refused = await bridged.call_tool("summarize_sales", {}, raise_on_error=False)
            assert refused.is_error


async def test_a_bridge_without_a_token_does_not_start(tmp_path: Path) -> None:
    end = await run(tmp_path, environment(), "bridge", "http://127.0.0.1:1/mcp")
    assert end.code == 2
    assert end.out == ""
    (line,) = end.err.splitlines()
    assert line.startswith("Error: RETAIL_TOKEN is not set.")


@pytest.mark.parametrize("url", ["127.0.0.1:8000/mcp", "http://", "http://[::", "ftp://127.0.0.1/mcp"])
async def test_a_bridge_to_no_address_does_not_start(url: str, tmp_path: Path) -> None:
    end = await run(tmp_path, environment(RETAIL_TOKEN="rmcp_x"), "bridge", url)
    assert (end.code, end.out) == (2, "")
    assert end.err == "Error: That is no URL of a server. It looks like http://127.0.0.1:8000/mcp.\n"


async def test_a_bridge_with_a_token_that_can_be_none_does_not_start(tmp_path: Path) -> None:
    end = await run(tmp_path, environment(RETAIL_TOKEN="rmcp_\u201cx"), "bridge", "http://127.0.0.1:1/mcp")
    assert (end.code, end.out) == (2, "")
    assert end.err.startswith("Error: RETAIL_TOKEN is no token")
    assert "\u201c" not in end.err
