"""Whatever people wrote is told apart in the schemas from what the server says itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastmcp.tools import FunctionTool

from server import tools
from server.toolkit.untrusted import LABEL, WARNING

# Made by this server, or held by the database to a pattern; in any tool.
SERVER_WRITTEN = {"store_id", "currency", "time_zone", "next_cursor", "pseudonym"}
SERVER_WRITTEN_BELOW = {"truncated.field", "truncated.advice"}
# In one tool: the server's own sentences, what an operator entered, or the caller's own words.
SERVER_WRITTEN_IN = {
    "compare_stores.rows.store_name",
    "get_products.not_found",
    "get_store_context.current_store.embedding_model",
    "get_store_context.current_store.region",
    "get_store_context.current_store.store_location",
    "get_store_context.current_store.store_name",
    "get_store_context.current_store.store_type",
    "get_store_context.subject",
    "get_store_context.your_stores.store_name",
    "list_audit_events.rows.action",
    "list_audit_events.rows.error_code",
    "list_audit_events.rows.role",
    "list_audit_events.rows.subject",
    "list_audit_events.rows.transport",
    "search_products.note",
}
# Texts of a closed form: one of a few words, a date, an id, an amount.
CLOSED = ("enum", "const", "format", "pattern")


def texts(schema: dict[str, Any], root: dict[str, Any], path: str, field: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every place of a result where any text may stand: path, and schemas of the place and of its field."""
    if "$ref" in schema:
        yield from texts(root["$defs"][schema["$ref"].rpartition("/")[2]], root, path, field)
    elif (
        schema.get(LABEL) or not schema or (schema.get("type") == "string" and not any(key in schema for key in CLOSED))
    ):
        yield path, (schema, field)
    for inner in schema.get("anyOf", []):
        yield from texts(inner, root, path, field)
    if not schema.get(LABEL):
        for inner in (schema.get("items"), schema.get("additionalProperties")):
            if isinstance(inner, dict):
                yield from texts(inner, root, path, field)
    for name, inner in schema.get("properties", {}).items():
        yield from texts(inner, root, f"{path}.{name}", inner)


@pytest.fixture(scope="session")
def all_texts() -> list[tuple[str, Any]]:
    """Of every tool, whoever may call it."""
    found: list[tuple[str, Any]] = []
    for tool in map(FunctionTool.from_function, tools.discover()):
        assert tool.output_schema is not None
        found += texts(tool.output_schema, tool.output_schema, tool.name, {})
    return found


def is_server_written(path: str) -> bool:
    names = path.split(".")
    return path in SERVER_WRITTEN_IN or names[-1] in SERVER_WRITTEN or ".".join(names[-2:]) in SERVER_WRITTEN_BELOW


def test_every_free_text_is_labelled_or_the_servers_own(all_texts: list[tuple[str, Any]]) -> None:
    unlabelled = {path for path, (schema, _) in all_texts if not schema.get(LABEL)}

    assert {path for path in unlabelled if not is_server_written(path)} == set()


def test_nothing_is_both_labelled_and_the_servers_own(all_texts: list[tuple[str, Any]]) -> None:
    assert [path for path, (schema, _) in all_texts if schema.get(LABEL) and is_server_written(path)] == []


def test_the_list_of_the_servers_own_texts_is_current(all_texts: list[tuple[str, Any]]) -> None:
    paths = {path for path, _ in all_texts}

    assert paths >= SERVER_WRITTEN_IN
    assert {path.rpartition(".")[2] for path in paths} >= SERVER_WRITTEN


def test_a_label_is_explained_in_words_and_bounds_the_text(all_texts: list[tuple[str, Any]]) -> None:
    labelled = [(path, schema, field) for path, (schema, field) in all_texts if schema.get(LABEL)]

    assert len(labelled) > 40
    assert [path for path, _, field in labelled if WARNING not in field.get("description", "")] == []
    assert [path for path, schema, _ in labelled if schema["type"] == "string" and "maxLength" not in schema] == []


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "string"}}},
        {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
        {"properties": {"a": {"type": "array", "items": {"type": "string"}}}},
        {"properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"properties": {"b": {"type": "string"}}}}},
        {"properties": {"a": {}}},
    ],
)
def test_a_text_is_noticed_wherever_it_stands(schema: dict[str, Any]) -> None:
    assert [path.startswith("tool.a") for path, _ in texts(schema, schema, "tool", {})] == [True]
