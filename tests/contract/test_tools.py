"""The tools are a published interface: what a model reads of them changes only on purpose."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp.tools import FunctionTool

from server import tools
from tests.contract.conftest import ToolList
from tests.tools.calls import RECORDS

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = "UPDATE_SNAPSHOTS=1 make test ARGS=tests/contract"
TOOLS = tuple(RECORDS)
# What all definitions together may cost a model that is told about them in every conversation: 10,000 tokens, a
# twentieth of a context of 200,000.
MAX_CHARACTERS = 40_000

each_tool = pytest.mark.parametrize("name", TOOLS)


def test_exactly_these_tools_are_offered(listed: ToolList) -> None:
    assert sorted(listed) == list(TOOLS)


def test_every_discovered_tool_is_offered(listed: ToolList) -> None:
    assert {FunctionTool.from_function(function).name for function in tools.discover()} == set(listed)


def snapshot(tool: dict[str, Any]) -> str:
    kept = {
        key: tool.get(key) for key in ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
    }
    kept["tags"] = sorted(tool["_meta"]["fastmcp"]["tags"])
    return json.dumps(kept, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@each_tool
def test_a_definition_is_the_one_on_record(name: str, listed: ToolList) -> None:
    path = SNAPSHOTS / f"{name}.json"
    current = snapshot(listed[name])
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.write_text(current, encoding="utf-8")
    assert path.exists(), f"{name} has no snapshot. Write one with: {UPDATE}"
    assert path.read_text(encoding="utf-8") == current, f"{name} changed. If it was meant to: {UPDATE}"


def test_no_snapshot_is_left_of_a_tool_that_is_gone() -> None:
    assert sorted(path.stem for path in SNAPSHOTS.glob("*.json")) == list(TOOLS)


def test_definitions_stay_small(listed: ToolList) -> None:
    told = [[tool["name"], tool["description"], tool["inputSchema"]] for tool in listed.values()]
    assert sum(len(json.dumps(definition)) for definition in told) < MAX_CHARACTERS


@each_tool
def test_no_hint_is_left_to_guess(name: str, listed: ToolList) -> None:
    hints = listed[name]["annotations"]
    assert hints["readOnlyHint"] is True
    assert hints["destructiveHint"] is False
    assert hints["idempotentHint"] is True
    assert hints["openWorldHint"] is False


@each_tool
def test_a_tool_has_a_title_and_tags(name: str, listed: ToolList) -> None:
    assert 3 <= len(listed[name]["title"]) <= 40
    assert listed[name]["_meta"]["fastmcp"]["tags"]


@each_tool
def test_a_description_is_written_for_a_model(name: str, listed: ToolList) -> None:
    text = listed[name]["description"]
    first_line, blank, *_ = text.splitlines()
    assert len(first_line) <= 100
    assert first_line.endswith(".")
    assert blank == ""
    assert "Use this tool when" in text
    assert "Do not" in text
    assert f"Example: {name}(" in text
    # Some clients cut longer ones off.
    assert len(text) < 1024


@each_tool
def test_a_description_names_only_tools_that_exist(name: str, listed: ToolList) -> None:
    words = listed[name]["description"].replace("(", " ").replace(".", " ").replace(",", " ").replace(";", " ").split()
    verbs = ("compare_", "get_", "list_", "run_", "search_", "summarize_")
    assert {word for word in words if word.startswith(verbs) and "=" not in word} <= set(TOOLS)


@each_tool
def test_every_parameter_is_described(name: str, listed: ToolList) -> None:
    for parameter, schema in listed[name]["inputSchema"]["properties"].items():
        assert len(schema.get("description", "")) >= 15, parameter


@each_tool
def test_the_schemas_are_plain_objects(name: str, listed: ToolList) -> None:
    """Some clients refuse a tool whose schema is a combination at the top."""
    for schema in (listed[name]["inputSchema"], listed[name]["outputSchema"]):
        assert schema["type"] == "object"
        assert not {"anyOf", "oneOf", "allOf"} & set(schema)
        # Others resolve no references.
        assert "$ref" not in str(schema)
        assert "$defs" not in schema
    assert listed[name]["inputSchema"]["additionalProperties"] is False


def inner_schemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all that are in it."""
    yield schema
    items, others = schema.get("items"), schema.get("additionalProperties")
    for inner in (*schema.get("properties", {}).values(), items, others):
        if isinstance(inner, dict):
            yield from inner_schemas(inner)


@each_tool
def test_what_is_put_in_has_one_type_at_every_depth(name: str, listed: ToolList) -> None:
    """Several clients lose a choice of types, some of them without a word."""
    schema = listed[name]["inputSchema"]
    words = {"anyOf", "oneOf", "allOf", "not", "$ref", "$defs", "prefixItems", "patternProperties", "if"}
    for inner in inner_schemas(schema):
        assert isinstance(inner["type"], str)
        assert not words & set(inner), inner
    assert not {word for word in words - {"not", "if"} if f'"{word}":' in json.dumps(schema)}


@each_tool
def test_the_store_is_a_parameter_that_may_be_left_out(name: str, listed: ToolList) -> None:
    schema = listed[name]["inputSchema"]
    parameter = "stores" if name == "compare_stores" else "store_id"
    assert parameter in schema["properties"]
    assert parameter not in schema.get("required", [])


@each_tool
def test_nobody_can_say_who_they_are(name: str, listed: ToolList) -> None:
    """Identity comes from the token alone."""
    identity = {"subject", "principal", "principal_id", "role", "user", "user_id", "tenant", "tenant_id", "token"}
    injected = {"scopes", "embedders", "context", "ctx"}
    assert not (identity | injected) & set(listed[name]["inputSchema"]["properties"])


@each_tool
def test_a_list_with_pages_has_a_limit_and_says_whether_there_is_more(name: str, listed: ToolList) -> None:
    given = listed[name]["inputSchema"]["properties"]
    if "cursor" in given:
        assert {"minimum", "maximum", "default"} <= set(given["limit"])
        assert {"has_more", "next_cursor", "rows"} <= set(listed[name]["outputSchema"]["properties"])


@each_tool
def test_an_answer_can_say_that_it_was_cut(name: str, listed: ToolList) -> None:
    """Whatever grows too large loses rows; without the mark that would be a silent loss."""
    root = listed[name]["outputSchema"]
    (mark,) = [found for found in alternatives(root["properties"]["truncated"]) if "properties" in found]
    assert set(mark["properties"]) == {"field", "left_out", "advice"}
    # Rows are what can be left out: nothing that grows may be outside of a list at the top.
    assert not [
        path
        for path, inner in fields(root)
        if path.count(".") == 0 and "additionalProperties" in inner and inner["additionalProperties"]
    ]


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a result and of what is in it."""
    for field, inner in schema.get("properties", {}).items():
        yield f"{path}{field}", inner
        for alternative in alternatives(inner):
            yield from fields(alternative, f"{path}{field}.")


def alternatives(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a value may look like: the schema itself, its alternatives, and its items."""
    yield schema
    for inner in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        yield from alternatives(inner)


def is_described(schema: dict[str, Any]) -> bool:
    return any(alternative.get("description") for alternative in [schema, *alternatives(schema)])


@each_tool
def test_every_field_of_the_result_is_described(name: str, listed: ToolList) -> None:
    root = listed[name]["outputSchema"]
    assert [field for field, inner in root["properties"].items() if not is_described(inner)] == []


# Made of amounts, but none themselves.
RATIOS = {"margin_rate", "items_per_basket"}
AMOUNTS = ("amount", "price", "revenue", "value", "total", "margin", "cost", "subtotal", "basket", "discounts", "tax")


@each_tool
def test_every_amount_is_described_and_no_float(name: str, listed: ToolList) -> None:
    root = listed[name]["outputSchema"]
    for path, schema in fields(root):
        field = path.rpartition(".")[2]
        if any(word in field.split("_") for word in AMOUNTS) and "percent" not in field and field not in RATIOS:
            types = {alternative.get("type") for alternative in alternatives(schema)}
            assert "number" not in types, path
            assert is_described(schema), path


@each_tool
def test_a_result_with_amounts_names_the_currency(name: str, listed: ToolList) -> None:
    root = listed[name]["outputSchema"]
    text = json.dumps(root)
    if "Amount as a decimal string" in text:
        assert any(path.rpartition(".")[2] == "currency" for path, _ in fields(root))


@each_tool
def test_every_percentage_says_what_it_is_of(name: str, listed: ToolList) -> None:
    root = listed[name]["outputSchema"]
    for path, schema in fields(root):
        if "percent" in path.rpartition(".")[2]:
            assert is_described(schema), path


@each_tool
def test_no_time_is_without_its_zone(name: str, listed: ToolList) -> None:
    root = listed[name]["outputSchema"]
    for path, schema in fields(root):
        for alternative in alternatives(schema):
            if alternative.get("format") == "date-time":
                assert "zone" in schema.get("description", ""), path
