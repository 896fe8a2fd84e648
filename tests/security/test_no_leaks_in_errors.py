"""Two thousand calls with arguments made to break things: no answer and no refusal tells what is behind the tools."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import McpError

from server.calls.principal import Role
from tests.cluster import Cluster
from tests.security.fuzzing import SECRET, Arguments, calls_of, examples
from tests.security.leaks import assert_tells_nothing
from tests.support import CONTEXT_KEY, Retailer, answer
from tests.transport.shop import open_store

CALLS = 420
ACTORS: tuple[tuple[Role, tuple[str, ...]], ...] = (
    ("manager", ("seattle",)),
    ("support", ("seattle",)),
    ("analyst", ("seattle",)),
    ("auditor", ("redmond",)),
    ("manager", ("redmond", "seattle")),
)


@pytest.fixture(scope="module")
async def shops(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """Two small stores that the calls only read."""
    async with cluster.temporary_database(template) as database:
        retailer = Retailer(cluster.admin_url(database), cluster.app_url(database))
        await open_store(retailer, "seattle", units=3)
        await open_store(retailer, "redmond", units=5)
        yield retailer


@pytest.mark.parametrize("actor", range(len(ACTORS)), ids=[f"{role} of {'+'.join(of)}" for role, of in ACTORS])
async def test_no_response_tells_what_is_behind_the_tools(
    actor: int, shops: Retailer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    role, stores = ACTORS[actor]
    ends: Counter[str] = Counter()
    token = await shops.token(*stores, role=role)
    secrets = [CONTEXT_KEY, token, shops.app_url, shops.admin_url]
    async with shops.server(token=token) as server, Client(server) as client:
        for number, (tool, given) in enumerate(examples(calls_of(await client.list_tools()), CALLS, number=actor)):
            # Who has several stores gets nowhere without naming one.
            if len(stores) > 1 and number % 2:
                given["store_id"] = stores[0]
            text, refused = await _response(client, tool, given)
            ends["refused" if refused else "answered"] += 1
            assert_tells_nothing(text, refused=refused, secrets=secrets, call=f"{tool} {given}")
            assert "The server failed to answer" not in text, f"{tool} {str(given)[:300]}"
        for store in stores:
            context = await answer(client, "get_store_context", store_id=store)
            assert context["current_store"]["store_id"] == store
            assert (await answer(client, "list_transactions", store_id=store))["rows"]

    assert min(ends["answered"], ends["refused"]) > CALLS / 10, ends
    assert ends.total() >= CALLS
    assert not [secret for secret in (CONTEXT_KEY, token, shops.app_url, SECRET) if secret in caplog.text]


async def _response(client: Client[Any], tool: str, given: Arguments) -> tuple[str, bool]:
    """Everything that came back, as text, and whether it is a refusal."""
    try:
        result = await client.call_tool(tool, given, raise_on_error=False)
    except McpError as error:
        return f"{error.error.code} {error.error.message} {error.error.data or ''}", True
    texts = [getattr(part, "text", "") for part in result.content]
    if result.structured_content is not None:
        texts.append(json.dumps(result.structured_content, ensure_ascii=False))
    return "\n".join(texts), result.is_error
