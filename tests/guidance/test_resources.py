"""Resources are the answers of tools under an address: same content, same refusals, same audit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastmcp import Client
from mcp import MCPError

from tests.support import Retailer, answer

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


async def test_without_a_store_of_its_own_a_caller_is_asked_to_name_one(demo: Retailer) -> None:
    async with demo.client(["seattle", "redmond"]) as client:
        with pytest.raises(MCPError, match=r"several stores \(redmond, seattle\)"):
            await client.read_resource("retail://categories")


@pytest.mark.parametrize("store_id", ["online", "nowhere", "redmond' or true --"])
async def test_not_yours_and_not_there_are_one_refusal(demo: Retailer, store_id: str) -> None:
    async with demo.client("seattle") as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource(f"retail://stores/{store_id}/categories")

    assert str(refused.value) == "No such store among yours. Your stores: seattle."


async def test_what_there_is_not_is_refused_with_its_address(demo: Retailer) -> None:
    async with demo.client("seattle") as client:
        with pytest.raises(MCPError) as refused:
            await client.read_resource("retail://no-such-thing")

    assert (refused.value.error.code, refused.value.error.message) == (-32602, "Resource not found.")
    assert refused.value.error.data == {"uri": "retail://no-such-thing"}


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
