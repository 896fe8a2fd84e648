"""The command that asks one question from the shell."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from mcp import MCPError

from server.app import build
from server.cli.demo import prepare_demo
from server.config import Settings, load_settings
from server.errors import ConfigurationError, InvalidInputError, UserError
from server.operations.deployment import Deployment, open_deployment
from server.operations.startup import connections_of
from server.transport.address import checked_server_url


def call(tool: str, *arguments: str, url: str | None = None) -> None:
    """Call a tool for RETAIL_TOKEN and print its answer as JSON; a refusal is one line and exit code 2.

    Args:
        tool: Its name, for example summarize_sales.
        arguments: NAME=VALUE each. A value that is JSON is taken as such, anything else as text.
        url: A running HTTP server to ask, for example http://127.0.0.1:8000/mcp, instead of the database itself.
    """
    given = dict(_parsed(argument) for argument in arguments)
    settings = load_settings()
    if url is not None:
        token = settings.token.get_secret_value() if settings.token else None
        answer = asyncio.run(_ask(Client(StreamableHttpTransport(checked_server_url(url), auth=token)), tool, given))
    else:
        with open_deployment(settings) as deployment:
            answer = asyncio.run(_ask_here(settings, deployment, tool, given))
    json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
    print()  # noqa: T201


def _parsed(argument: str) -> tuple[str, Any]:
    name, sign, text = argument.partition("=")
    if not (name and sign):
        raise InvalidInputError(f"{argument!r} is no NAME=VALUE, for example limit=5 or 'group_by=[\"month\"]'.")
    try:
        return name, json.loads(text)
    except json.JSONDecodeError:
        return name, text


async def _ask_here(settings: Settings, deployment: Deployment, tool: str, arguments: dict[str, Any]) -> Any:
    if deployment.embedded:
        await prepare_demo(settings, deployment)
    async with build(settings, connections_of(deployment), "stdio") as server:
        return await _ask(Client(server), tool, arguments)


async def _ask(client: Client[Any], tool: str, arguments: dict[str, Any]) -> Any:
    async with AsyncExitStack() as opened:
        try:
            await opened.enter_async_context(client)
        except (RuntimeError, OSError, ValueError, MCPError, httpx2.HTTPError) as error:
            raise ConfigurationError(
                f"The server does not let anybody in there ({type(error).__name__}). Check --url and RETAIL_TOKEN."
            ) from None
        try:
            return (await client.call_tool(tool, arguments)).structured_content
        except (ToolError, MCPError) as error:
            raise UserError(str(error)) from None
