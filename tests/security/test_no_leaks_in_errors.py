"""Two thousand calls with arguments made to break things: no answer and no refusal tells what is behind the tools."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import McpError
from hypothesis import strategies as st

from server.principal import Role
from tests.cluster import Cluster
from tests.security.fuzzing import SECRET, Arguments, arguments, examples
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

# In no response at all, whatever was asked.
_NEVER = re.compile(
    r"\b(retail|guard|audit|migrations|pg_catalog|information_schema)\.\w"
    r"|set_store_context|match_customers|search_products_by_similarity|customer_card|phone_key|sales_transaction_items"
    r"|asyncpg|psycopg|pydantic|Traceback|SQLSTATE|mcp_user|rmcp_|server/\w+\.py|site-packages"
)
# In no refusal; an answer may repeat the caller's own text, which can look like this.
_NEVER_IN_REFUSALS = re.compile(
    r"\bselect\b.*\bfrom\b|\binsert into\b|\bupdate\b.*\bset\b|\bdelete from\b|\bunion\b|postgresql://"
    r"|\brelation\b|\bcolumn\b|syntax error|invalid input syntax|violates|permission denied|canceling statement"
    r"|out of range|byte sequence|row-level security|connection to server|Exception\b|Error\b|\bNone\b",
    re.IGNORECASE | re.DOTALL,
)


@pytest.fixture(scope="module")
async def shops(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """Two small stores that the calls only read."""
    async with cluster.temporary_database(template) as database:
        retailer = Retailer(cluster.admin_url(database), cluster.app_url(database))
        await open_store(retailer, "seattle", units=3)
        await open_store(retailer, "redmond", units=5)
        yield retailer


@pytest.fixture(scope="module")
def query_lines() -> list[str]:
    """Lines of our own SQL that nothing else would contain."""
    found: set[str] = set()
    packages = ["server"]
    while packages:
        package = packages.pop()
        for entry in resources.files(package).iterdir():
            if entry.is_dir() and entry.joinpath("__init__.py").is_file():
                packages.append(f"{package}.{entry.name}")
            elif entry.name.endswith(".sql"):
                found.update(line.strip() for line in entry.read_text(encoding="utf-8").splitlines())
    lines = [line for line in found if len(line) >= 20 and not line.startswith("--")]
    assert len(lines) > 100
    return lines


@pytest.mark.parametrize("actor", range(len(ACTORS)), ids=[f"{role} of {'+'.join(of)}" for role, of in ACTORS])
async def test_no_response_tells_what_is_behind_the_tools(
    actor: int, shops: Retailer, query_lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    role, stores = ACTORS[actor]
    ends: Counter[str] = Counter()
    token = await shops.token(*stores, role=role)
    never = [CONTEXT_KEY, token, shops.app_url, shops.admin_url, *query_lines]
    async with shops.server(token=token) as server, Client(server) as client:
        for number, (tool, given) in enumerate(examples(await _calls(client), CALLS, number=actor)):
            # Who has several stores gets nowhere without naming one.
            if len(stores) > 1 and number % 2:
                given["store_id"] = stores[0]
            text, refused = await _response(client, tool, given)
            ends["refused" if refused else "answered"] += 1
            call = f"{tool} {str(given)[:300]}\n{text[:600]}"
            assert not _NEVER.search(text), call
            assert not [secret for secret in never if secret in text], call
            if refused:
                assert not _NEVER_IN_REFUSALS.search(text), call
                assert SECRET not in text, call
                assert len(text) < 1_500, call
                assert "The server failed to answer" not in text, call
        for store in stores:
            context = await answer(client, "get_store_context", store_id=store)
            assert context["current_store"]["store_id"] == store
            assert (await answer(client, "list_transactions", store_id=store))["rows"]

    assert min(ends["answered"], ends["refused"]) > CALLS / 10, ends
    assert ends.total() >= CALLS
    assert not [secret for secret in (CONTEXT_KEY, token, shops.app_url, SECRET) if secret in caplog.text]


async def _calls(client: Client[Any]) -> st.SearchStrategy[tuple[str, Arguments]]:
    """Calls of every tool, in equal shares, and now and then of one that does not exist."""
    by_tool = [st.tuples(st.just(tool.name), arguments(tool.input_schema)) for tool in await client.list_tools()]
    unknown = st.tuples(st.sampled_from([SECRET, "select 1 from x", "a" * 5_000, ""]), st.just({"store_id": SECRET}))
    return st.one_of(*by_tool, unknown)


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
