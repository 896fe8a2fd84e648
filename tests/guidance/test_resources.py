"""Resources are the answers of tools under an address: same content, same refusals, same audit."""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import unquote

import pytest
from fastmcp import Client
from mcp import MCPError

from server.errors import DatabaseUnavailableError
from tests.faults.messages import SECRET, UNREACHABLE
from tests.support import Retailer, answer
from tests.transport.shop import open_store

STORE_RESOURCES = {"categories": "list_categories", "freshness": "get_store_context", "schema": "get_schema"}


async def read(client: Client[Any], uri: str) -> Any:
    [content] = await client.read_resource(uri)
    assert content.mime_type == "application/json"
    return json.loads(content.text)


@pytest.mark.parametrize(("name", "tool"), STORE_RESOURCES.items())
async def test_a_resource_is_the_tools_answer(demo: Retailer, name: str, tool: str) -> None:
    async with demo.client(["seattle", "redmond"], store_id="seattle") as client:
        assert await read(client, f"retail://{name}") == await answer(client, tool)
        assert await read(client, f"retail://stores/redmond/{name}") == await answer(client, tool, store_id="redmond")


@pytest.mark.parametrize("name", ["categories", "schema"])
async def test_with_several_stores_a_caller_is_told_which_address_to_read(demo: Retailer, name: str) -> None:
    async with demo.client(["seattle", "redmond"]) as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(f"retail://{name}")
        [instead] = re.findall(r"for example (\S+)\.$", refused.value.error.message)
        assert instead == f"retail://stores/redmond/{name}"
        assert await read(client, instead)

    assert refused.value.error.code == -32602
    assert refused.value.error.data == {"uri": f"retail://{name}"}
    assert "several stores (redmond, seattle)" in refused.value.error.message
    assert "store_id" not in refused.value.error.message


@pytest.mark.parametrize("store_id", ["online", "nowhere", "redmond' or true --"])
async def test_not_yours_and_not_there_are_one_refusal(demo: Retailer, store_id: str) -> None:
    async with demo.client("seattle") as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(f"retail://stores/{store_id}/categories")

    assert str(refused.value) == "No such store among yours. Your stores: seattle."
    assert refused.value.error.code == -32602
    assert unquote(refused.value.error.data["uri"]) == f"retail://stores/{store_id}/categories"


async def test_what_there_is_not_is_refused_with_its_address(demo: Retailer) -> None:
    async with demo.client("seattle") as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource("retail://no-such-thing")

    assert (refused.value.error.code, refused.value.error.message) == (-32602, "Resource not found.")
    assert refused.value.error.data == {"uri": "retail://no-such-thing"}


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"retail://stores/{SECRET * 3}/categories", "list_categories was not run: store_id: string should have"),
        (f"retail://stores/..%2f{SECRET}/freshness", "Resource not found."),
        (f"retail://{SECRET}", "Resource not found."),
    ],
)
async def test_an_address_that_cannot_be_is_the_callers_fault(
    demo: Retailer, address: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "server")
    async with demo.client("seattle") as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(address)

    assert refused.value.error.code == -32602
    assert refused.value.error.message.startswith(told)
    assert refused.value.error.data == {"uri": address}
    lines = [record for record in caplog.records if record.name.startswith("server.")]
    assert [(line.levelno, line.exc_info) for line in lines] == [(logging.INFO, None)]
    assert SECRET not in lines[0].getMessage()


async def test_the_role_in_the_store_of_the_address_decides(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    await open_store(retailer, "redmond")
    token = await retailer.token("seattle", subject="ann", role="manager")
    await retailer.token("redmond", subject="ann", role="support")
    async with retailer.server(token=token) as server, Client(server) as client:
        assert await read(client, "retail://stores/seattle/schema")
        with pytest.raises(MCPError) as refused:
            await client.read_resource("retail://stores/redmond/schema")

    assert refused.value.error.code == -32602
    assert refused.value.error.message.startswith("Your role in redmond (the one you have) does not")
    assert refused.value.error.data == {"uri": "retail://stores/redmond/schema"}


async def test_what_keeps_a_tool_from_answering_keeps_a_resource(
    demo: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object, **__: object) -> None:
        raise DatabaseUnavailableError

    async with demo.client("seattle") as client:
        monkeypatch.setattr("server.tenancy.store_scope.StoreScopes._entered", down)
        with pytest.raises(MCPError) as failed:
            await client.read_resource("retail://categories")

    assert (failed.value.error.code, failed.value.error.message) == (-32603, UNREACHABLE)


async def test_reading_is_entered_in_the_audit_log_as_the_tools_call(retailer: Retailer) -> None:
    await retailer.execute("insert into retail.stores (store_id, store_name) values ('seattle', 'Seattle')")
    async with retailer.client("seattle") as client:
        await client.read_resource("retail://stores/seattle/categories")

    assert await retailer.fetch("select tool, store_id, subject, outcome from audit.tool_call") == [
        {"tool": "list_categories", "store_id": "seattle", "subject": "manager of seattle", "outcome": "ok"}
    ]


async def test_every_address_says_what_it_is(demo: Retailer) -> None:
    async with demo.client("seattle") as client:
        found = [*await client.list_resources(), *await client.list_resource_templates()]

    assert len(found) >= len(STORE_RESOURCES) * 2
    for resource in found:
        assert resource.title
        assert resource.description
        assert resource.mime_type
