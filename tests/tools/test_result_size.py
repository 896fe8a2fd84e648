"""An answer over the limit has fewer rows and says so: nothing else of it changes, and no row is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import jsonschema
import pytest
from fastmcp import Client
from fastmcp.tools import FunctionTool, ToolResult

from server import tools
from server.calls.principal import Role
from server.config import Settings
from server.errors import ResultTooLargeError
from server.middleware import result_size
from server.toolkit.truncation import shortened
from tests.support import Retailer, answer, refusal
from tests.tools.calls import RECORDS
from tests.tools.periods import YEAR

SMALLEST = 4_096
WIDE = {tool: record.widest for tool, record in RECORDS.items()}
ROLES: tuple[Role, ...] = ("manager", "auditor")
TOOLS = [FunctionTool.from_function(function) for function in tools.discover()]
PAGED = sorted(tool.name for tool in TOOLS if "cursor" in tool.parameters["properties"])
# What differs between two answers to one question.
MARKS = {"truncated", "has_more", "next_cursor", "elapsed_ms"}
TOO_LARGE = str(ResultTooLargeError())


def test_every_tool_is_asked() -> None:
    assert {tool.name for tool in TOOLS} == set(WIDE)


Clients = dict[str, Client[Any]]


@asynccontextmanager
async def asking(demo: Retailer, **settings: Any) -> AsyncIterator[Clients]:
    """For each tool a client in a role that may call it."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(demo.client("seattle", role=role, **settings)) for role in ROLES]
        yield {tool.name: client for client in reversed(clients) for tool in await client.list_tools()}


@pytest.fixture(scope="module", autouse=True)
async def filler(demo: Retailer) -> None:
    """Somebody who does nothing but fill the audit log, before it is read."""
    token = await demo.token("seattle", subject="filler")
    async with demo.server(token=token) as server, Client(server) as client:
        for _ in range(100):
            await answer(client, "get_store_context")


@pytest.fixture(scope="module")
async def whole(demo: Retailer) -> AsyncIterator[Clients]:
    """Clients of a server that never cuts."""
    async with asking(demo) as clients:
        yield clients


@pytest.fixture(scope="module")
async def cramped(demo: Retailer) -> AsyncIterator[Clients]:
    """Clients of a server that sends next to nothing at a time."""
    async with asking(demo, max_result_bytes=SMALLEST) as clients:
        yield clients


async def wide(clients: Clients, tool: str) -> dict[str, Any]:
    """Arguments of the widest question."""
    return {name: await _looked_up(clients, value) for name, value in WIDE[tool].items()}


async def _looked_up(clients: Clients, value: Any) -> Any:
    """What a value in angle brackets stands for."""
    if value == "<customer>":
        found = await answer(clients["search_customers"], "search_customers", loyalty_tier="gold", limit=1)
        return found["rows"][0]["customer_id"]
    if value in ("<sku>", "<50 skus>"):
        found = await answer(clients["search_products"], "search_products", limit=50)
        skus = [row["sku"] for row in found["rows"]]
        return skus if value == "<50 skus>" else skus[0]
    if value == "<receipt>":
        found = await answer(clients["list_transactions"], "list_transactions", limit=1, **YEAR)
        return found["rows"][0]["receipt_number"]
    return value


@pytest.mark.parametrize("tool", WIDE)
async def test_what_is_cut_is_told_and_what_is_not_is_whole(tool: str, whole: Clients, cramped: Clients) -> None:
    arguments = await wide(whole, tool)
    schemas = {listed.name: listed.output_schema for listed in await cramped[tool].list_tools()}
    complete = await answer(whole[tool], tool, **arguments)
    result = await cramped[tool].call_tool(tool, arguments, raise_on_error=False)
    if result.is_error:
        # Only what has nothing that could be left out.
        assert result.content[0].text == TOO_LARGE
        assert not [rows for rows in complete.values() if isinstance(rows, list) and len(rows) > 3]
        return
    found = result.structured_content
    jsonschema.validate(found, schemas[tool])
    assert len(result.content) == 1
    assert json.loads(result.content[0].text) == found
    assert len(result.content[0].text.encode()) <= SMALLEST
    mark = found.get("truncated")
    if mark is None:
        assert found | {"elapsed_ms": 0} == complete | {"elapsed_ms": 0}
        return
    fields = mark["field"].split(", ")
    for field in fields:
        assert 0 < len(found[field]) < len(complete[field])
        assert found[field] == complete[field][: len(found[field])]
        assert f"{len(found[field])} of {len(complete[field])} {field} " in mark["advice"]
    assert mark["left_out"] == sum(len(complete[field]) - len(found[field]) for field in fields)
    unchanged = found.keys() - MARKS - set(fields)
    assert {name: found[name] for name in unchanged} == {name: complete[name] for name in unchanged}
    if "next_cursor" in found:
        (field,) = fields
        assert found["has_more"] is True
        assert "next_cursor" in mark["advice"]
        following = await answer(cramped[tool], tool, **arguments, cursor=found["next_cursor"])
        assert following[field][0] == complete[field][len(found[field])]


async def test_most_tools_are_cut_here(whole: Clients, cramped: Clients) -> None:
    """Else the test above would look at nothing."""
    cut = []
    for tool in WIDE:
        result = await cramped[tool].call_tool(tool, await wide(whole, tool), raise_on_error=False)
        if not result.is_error and "truncated" in result.structured_content:
            cut.append(tool)
    assert len(cut) >= 8, cut


@pytest.mark.parametrize("tool", PAGED)
async def test_pages_that_were_cut_make_the_whole_list(tool: str, whole: Clients, cramped: Clients) -> None:
    rows: list[Any] = []
    cursor: dict[str, str] = {}
    cuts = 0
    arguments = WIDE[tool] | {"limit": 60}
    while True:
        page = await answer(cramped[tool], tool, **arguments, **cursor)
        rows += page["rows"]
        cuts += "truncated" in page
        if page["next_cursor"] is None or len(rows) >= 150:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert cuts > 0 or RECORDS[tool].few_in_demo
    expected: list[Any] = []
    cursor = {}
    while len(expected) < len(rows):
        page = await answer(whole[tool], tool, **arguments, **cursor)
        expected += page["rows"]
        if page["next_cursor"] is None:
            assert len(rows) == len(expected)
            break
        cursor = {"cursor": page["next_cursor"]}
    assert rows == expected[: len(rows)]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_default_lets_every_page_of_a_hundred_through(mode: str, demo: Retailer) -> None:
    default = Settings.model_fields["max_result_bytes"].default
    async with asking(demo, mode=mode, max_result_bytes=default) as clients:
        for tool in WIDE:
            found = await answer(clients[tool], tool, **(await wide(clients, tool)))
            assert "truncated" not in found or WIDE[tool].get("limit", 0) > 100


async def test_what_cannot_be_cut_is_refused(demo: Retailer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal reaches the caller as it is written, like any other."""
    monkeypatch.setattr(result_size, "shortened", lambda result, *_: shortened(result, 10, None))
    async with demo.client("seattle") as client:
        assert await refusal(client, "get_store_context") == TOO_LARGE


def cut(answer: dict[str, Any], max_bytes: int) -> dict[str, Any]:
    result = shortened(ToolResult(structured_content=answer), max_bytes, None)
    assert result.structured_content is not None
    assert json.loads(result.content[0].text) == result.structured_content
    assert len(result.content[0].text.encode()) <= max_bytes
    return result.structured_content


def test_the_longest_list_is_the_one_that_is_cut() -> None:
    found = cut({"names": ["a", "b"], "rows": [{"text": "ü" * 100}] * 50}, 4_096)
    assert found["names"] == ["a", "b"]
    assert found["truncated"]["field"] == "rows"
    assert found["truncated"]["left_out"] == 50 - len(found["rows"])
    assert "no further page" in found["truncated"]["advice"]


def test_two_long_lists_are_both_cut_and_a_short_one_is_not() -> None:
    lists = {"names": ["a", "b"], "groups": ["g" * 50] * 40, "rows": ["r" * 100] * 400}
    found = cut(lists, 4_096)
    assert found["names"] == ["a", "b"]
    here = {name: len(found[name]) for name in ("groups", "rows")}
    taken = {"groups": here["groups"] * 53, "rows": here["rows"] * 103}
    assert abs(taken["groups"] - taken["rows"]) <= 2 * 103
    assert sum(taken.values()) > 3_000
    assert found["truncated"]["field"] == "groups, rows"
    assert found["truncated"]["left_out"] == 440 - sum(here.values())
    assert "{groups} of 40 groups and {rows} of 400 rows are here".format(**here) in found["truncated"]["advice"]


def test_what_a_list_does_not_need_of_its_share_goes_to_the_other() -> None:
    found = cut({"groups": ["g" * 50] * 20, "rows": ["r" * 100] * 400}, 4_096)
    assert len(found["groups"]) == 20
    assert found["truncated"]["field"] == "rows"
    assert len(found["rows"]) * 103 > 2_000


@pytest.mark.parametrize(
    "answer",
    [{"text": "x" * 10_000}, {"text": "x" * 10_000, "rows": ["a"] * 10}, {"rows": ["x" * 10_000]}],
    ids=["no list", "too much around the list", "a row too large"],
)
def test_not_even_one_row(answer: dict[str, Any]) -> None:
    with pytest.raises(ResultTooLargeError):
        cut(answer, 4_096)


def test_bytes_are_counted_and_not_characters() -> None:
    rows = ["€" * 10] * 150
    assert "truncated" in cut({"rows": rows}, 4_096)
    assert "truncated" not in cut({"rows": ["e" * 10] * 150}, 4_096)
