"""Cursors with positions that no page wrote: a caller can forge them, as they carry no rights and no signature."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.tools import FunctionTool

from server import tools
from server.toolkit.cursors import Pager
from tests.faults.messages import INTERNAL, assert_helpful

PAGED = sorted(
    tool.name for tool in map(FunctionTool.from_function, tools.discover()) if "cursor" in tool.parameters["properties"]
)
INTEGERS = [
    -1, 0, 1, 10**9, 10**9 + 1, 2**31 - 101, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 10**40, 1e9, 1e308, 0.5, "7",
    "x", None, True,
]  # fmt: skip
TIMES = [
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01T23:00:00+23:59", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00", "2026-11-20T10:00:00", "2026-11-20", 0, -62135596800, 1e18, 253402300799, "infinity",
    "2026-11-20T10:00:00.123456789Z", "-infinity", None, "x", [], {},
]  # fmt: skip
IDS = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "", "x", "\0", None, 7, {}]
KINDS = ["tool_call", "", "x", "\0", None, 7]
BY_TYPE = {"integer": INTEGERS, "date-time": TIMES, "uuid": IDS}


def positions(model: Any) -> list[dict[str, Any]]:
    """A well-formed position with one field after the other replaced by each hostile value."""
    fields = model.model_json_schema()["properties"]
    values = {name: BY_TYPE.get(field.get("format", field.get("type")), KINDS) for name, field in fields.items()}
    good = {"offset": 1, "date": "2026-11-20T10:00:00Z", "at": "2026-11-20T10:00:00Z", "id": IDS[0], "kind": KINDS[0]}
    base = {name: good[name] for name in fields}
    return [{**base, name: value} for name in fields for value in values[name]] + [{**base, "more": 1}, {}]


def test_the_tools_that_page_are_looked_at() -> None:
    assert len(PAGED) >= 9


@pytest.mark.parametrize("tool", PAGED)
async def test_a_forged_position_is_no_failure(
    tool: str, manager: Client[Any], auditor: Client[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an empty page, or it is refused like a damaged cursor."""
    pagers: list[Pager[Any]] = []
    make = Pager.__init__

    def remember(self: Pager[Any], *arguments: Any) -> None:
        make(self, *arguments)
        pagers.append(self)

    monkeypatch.setattr(Pager, "__init__", remember)
    client = auditor if tool == "list_audit_events" else manager
    arguments = {"name": "Ann"} if tool == "search_customers" else {}
    for limit in (1, 100):
        assert not (await client.call_tool(tool, {**arguments, "limit": limit}, raise_on_error=False)).is_error
        pager = pagers[-1]
        for position in positions(pager._position):
            text = pager._fingerprint + json.dumps(position)
            cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
            result = await client.call_tool(tool, {**arguments, "limit": limit, "cursor": cursor}, raise_on_error=False)
            if result.is_error:
                told = result.content[0].text
                assert "Pass next_cursor back unchanged" in told, (position, told)
                assert_helpful(told)
                assert not INTERNAL.search(told), (position, told)
