"""Tools, resources and prompts outside a caller's scopes are neither listed nor usable, on every transport."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StdioTransport
from fastmcp.dependencies import Depends
from fastmcp.exceptions import ToolError
from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.tools import Tool, tool
from mcp import MCPError

from server import tools
from server.calls.principal import ROLE_SCOPES, Role, Scope
from server.db.operator import admin_connection
from server.errors import ConfigurationError
from server.operations.admin.principals import ExternalIdentity, add_principal, grant_store
from server.tenancy.dependencies import store_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import requires_scope
from tests.security.identity_provider import Provider, running_provider
from tests.support import Retailer
from tests.transport.processes import SERVER, for_server
from tests.transport.serving import serving
from tests.transport.shop import open_store

TRANSPORTS = ("modern", "legacy", "stdio")
GATED: dict[str, Scope] = {
    "gated_read": "retail:read",
    "gated_pii": "retail:pii",
    "gated_sql": "retail:sql",
    "gated_audit": "retail:audit",
}
each_transport = pytest.mark.parametrize("transport", TRANSPORTS)
UNKNOWN_TOOL = "Unknown tool. tools/list names the tools there are."
UNKNOWN_PROMPT = "Unknown prompt. prompts/list names the prompts there are."


async def enter(store_id: str | None = None, scopes: StoreScopes = Depends(store_scopes)) -> dict[str, str]:
    """Enter a store and say which."""
    async with scopes.enter(store_id) as store:
        return {"store_id": store.store_id, "role": store.role}


def add_gated(server: FastMCP[Any]) -> None:
    """One tool, resource, template and prompt per scope, and one of each that declares none."""
    for name, meta in [*((name, requires_scope(scope)) for name, scope in GATED.items()), ("gated_undeclared", None)]:
        server.add_tool(Tool.from_function(enter, name=name, meta=meta))
        server.add_resource(Resource.from_function(lambda: "text", uri=f"test://{name}", name=name, meta=meta))
        server.add_template(
            ResourceTemplate.from_function(lambda key: key, uri_template=f"test://{name}/{{key}}", name=name, meta=meta)
        )
        server.add_prompt(Prompt.from_function(lambda: "text", name=name, meta=meta))


@pytest.fixture
async def shops(retailer: Retailer) -> Retailer:
    for store_id in ("redmond", "seattle"):
        await open_store(retailer, store_id)
    return retailer


@asynccontextmanager
async def acting(retailer: Retailer, transport: str, token: str, **settings: Any) -> AsyncIterator[Client[Any]]:
    """A client with a token, over one of the transports, of a server with the gated components."""
    if transport == "stdio":
        async with retailer.server(token=token) as server:
            add_gated(server)
            async with Client(server) as client:
                yield client
        return
    async with serving(retailer, **settings) as served:
        add_gated(served.app)
        mode = "auto" if transport == "modern" else "legacy"
        async with served.client(token, mode=mode) as client:
            yield client


def gated(names: Sequence[str]) -> set[str]:
    return {name for name in names if name.startswith("gated")}


async def listed(client: Client[Any]) -> list[set[str]]:
    """Names of what is offered, of each kind."""
    return [
        gated([tool.name for tool in await client.list_tools()]),
        gated([resource.name for resource in await client.list_resources()]),
        gated([template.name for template in await client.list_resource_templates()]),
        gated([prompt.name for prompt in await client.list_prompts()]),
    ]


async def usable(client: Client[Any]) -> list[set[str]]:
    """Names of what works when it is asked for by name, of each kind; what does not is an error of the protocol."""
    names = [*GATED, "gated_undeclared"]
    return [
        {name for name in names if await works(client.call_tool(name, {"store_id": "seattle"}), UNKNOWN_TOOL)},
        {name for name in names if await works(client.read_resource(f"test://{name}"), "Resource not found.")},
        {name for name in names if await works(client.read_resource(f"test://{name}/key"), "Resource not found.")},
        {name for name in names if await works(client.get_prompt(name), UNKNOWN_PROMPT)},
    ]


async def works(asked: Any, refusal: str) -> bool:
    try:
        await asked
    except MCPError as error:
        assert (error.error.code, error.error.message) == (-32602, refusal)
        return False
    return True


@each_transport
@pytest.mark.parametrize("role", ["manager", "support", "analyst", "auditor"])
async def test_a_role_has_what_its_scopes_cover_and_nothing_else(role: Role, transport: str, shops: Retailer) -> None:
    expected = {name for name, scope in GATED.items() if scope in ROLE_SCOPES[role]}
    assert expected < set(GATED)
    async with acting(shops, transport, await shops.token("seattle", role=role)) as client:
        assert await listed(client) == [expected] * 4
        assert await usable(client) == [expected] * 4


@each_transport
async def test_what_is_out_of_scope_reads_like_what_does_not_exist(transport: str, shops: Retailer) -> None:
    refusals = []
    async with acting(shops, transport, await shops.token("seattle", role="analyst")) as client:
        for name in ("gated_audit", "gated_undeclared", "gated_nonsense"):
            for arguments in ({}, {"store_id": "seattle"}, {"wrong": 1}):
                with pytest.raises(MCPError) as refused:
                    await client.call_tool(name, arguments)
                refusals.append((refused.value.error.code, refused.value.error.message))

    assert set(refusals) == {(-32602, UNKNOWN_TOOL)}


@each_transport
async def test_the_role_in_the_entered_store_decides(transport: str, shops: Retailer) -> None:
    """Auditor in one store, manager in the other: what one role allows is not done with the other."""
    await shops.token("seattle", role="auditor", subject="ada")
    token = await shops.token("redmond", role="manager", subject="ada")
    async with acting(shops, transport, token) as client:
        assert (await listed(client))[0] == set(GATED)
        for name, allowed, other in (
            ("gated_audit", "seattle", "redmond"),
            ("gated_sql", "redmond", "seattle"),
            ("gated_pii", "redmond", "seattle"),
        ):
            assert (await client.call_tool(name, {"store_id": allowed})).structured_content["store_id"] == allowed
            refused = await client.call_tool(name, {"store_id": other}, raise_on_error=False)
            assert refused.is_error
            assert f"Your role in {other}" in refused.content[0].text
            assert name in refused.content[0].text


@each_transport
async def test_a_changed_role_changes_what_is_offered(transport: str, shops: Retailer) -> None:
    async with acting(shops, transport, await shops.token("seattle", role="auditor", subject="ada")) as client:
        assert "gated_audit" in (await listed(client))[0]
        async with admin_connection(shops.admin_url) as connection:
            await grant_store(connection, "ada", "seattle", "manager")
        # Refused at once: by the role in the store, or as unknown once the server has heard of the change.
        with pytest.raises((ToolError, MCPError), match=r"Your role in seattle|Unknown tool"):
            await client.call_tool("gated_audit")
        await until(lambda: listed(client), [{"gated_read", "gated_pii", "gated_sql"}] * 4)


async def until(ask: Any, expected: Any) -> None:
    for _ in range(500):
        if (found := await ask()) == expected:
            return
    assert found == expected


@pytest.mark.parametrize("transport", ["modern", "legacy"])
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("retail:read", {"gated_read"}),
        ("retail:read retail:sql", {"gated_read", "gated_sql"}),
        ("retail:read retail:audit", {"gated_read"}),
        ("retail:read retail:pii retail:sql retail:audit admin", {"gated_read", "gated_pii", "gated_sql"}),
    ],
)
async def test_a_providers_token_narrows_a_role_and_never_widens_it(
    scope: str, expected: set[str], transport: str, shops: Retailer, provider: Provider
) -> None:
    async with admin_connection(shops.admin_url) as connection:
        await add_principal(connection, "ada", ExternalIdentity(provider.issuer, "auth|ada"))
        await grant_store(connection, "ada", "seattle", "manager")
    async with acting(shops, transport, provider.token(scope=scope), **provider.settings) as client:
        assert await listed(client) == [expected] * 4
        assert await usable(client) == [expected] * 4


@pytest.fixture
def provider() -> Any:
    with running_provider() as provider:
        yield provider


@pytest.mark.parametrize("transport", ["modern", "legacy"])
async def test_lists_are_never_those_of_the_caller_before(transport: str, shops: Retailer) -> None:
    tokens = {role: await shops.token("seattle", role=role) for role in ("manager", "auditor")}
    async with serving(shops) as served:
        add_gated(served.app)
        for role in ("manager", "auditor") * 3:
            async with served.client(tokens[role], mode="auto" if transport == "modern" else "legacy") as client:
                offered = (await listed(client))[0]
            assert ("gated_audit" in offered) == (role == "auditor")


async def test_a_principal_without_a_store_is_told_so(shops: Retailer) -> None:
    token = await shops.token("seattle")
    async with acting(shops, "modern", token) as client:
        await shops.execute("delete from guard.store_access")
        told = await client.call_tool("gated_read", raise_on_error=False)
    assert told.is_error
    assert "No such store" in told.content[0].text or "no open store" in told.content[0].text


@pytest.mark.parametrize("role", ["analyst", "auditor"])
async def test_a_process_on_stdio_offers_the_same(role: Role, tmp_path: Path, shops: Retailer) -> None:
    transport = StdioTransport(
        sys.executable,
        [*SERVER, "stdio"],
        env=for_server(shops, RETAIL_TOKEN=await shops.token("seattle", role=role)),
        cwd=str(tmp_path),
        keep_alive=False,
        log_file=tmp_path / "stderr",
    )
    async with Client(transport) as client:
        offered = {tool.name for tool in await client.list_tools()}
        called = await works(client.call_tool("list_audit_events", raise_on_error=False), UNKNOWN_TOOL)

    assert ("list_audit_events" in offered, called) == ((True, True) if role == "auditor" else (False, False))


@pytest.mark.parametrize("ask", ["list_tools", "list_resources", "list_resource_templates", "list_prompts"])
async def test_without_a_valid_identity_nothing_is_listed(ask: str, shops: Retailer) -> None:
    async with acting(shops, "stdio", await shops.token("seattle")) as client:
        await getattr(client, ask)()
        await shops.execute("delete from guard.api_token")

        async def refused() -> str:
            try:
                await getattr(client, ask)()
            except MCPError as error:
                return error.error.message
            return ""

        for _ in range(500):
            if message := await refused():
                break
    assert "not valid (any more)" in message


def test_our_own_tools_take_these_scopes() -> None:
    """All that is not for everybody, by name: a scope changes only on purpose."""
    declared = {function.__name__: function.__fastmcp__.meta["scope"] for function in tools.discover()}  # type: ignore[attr-defined]
    assert set(declared.values()) <= set(GATED.values())
    assert {name: scope for name, scope in declared.items() if scope != "retail:read"} == {
        "get_schema": "retail:sql",
        "list_audit_events": "retail:audit",
        "run_query": "retail:sql",
    }


def test_a_tool_that_declares_no_scope_stops_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enter, "__module__", "server.tools.stores.tools")
    monkeypatch.setattr("server.tools.stores.tools.enter", tool(enter), raising=False)
    with pytest.raises(ConfigurationError, match="The tool enter does not say who may call it"):
        tools.discover()
