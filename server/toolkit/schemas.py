"""Input schemas as a model should read them: short, and without what says nothing."""

from __future__ import annotations

from typing import Any

from fastmcp.utilities.json_schema import dereference_refs

_NULL = {"type": "null"}


def concise(schema: dict[str, Any]) -> dict[str, Any]:
    """An input schema that takes the same arguments in fewer words.

    An argument that may be left out is not required; that null means the same need not be said, nor that its
    default is null. A number may be written as text, which need not be said either. Several clients understand no
    `anyOf` among the properties at all.
    """
    return _plain(dereference_refs(schema))


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in schema.items() if name != "anyOf"}
    if choices := [_plain(choice) for choice in schema.get("anyOf", ()) if choice != _NULL]:
        if {choice.get("type") for choice in choices} == {"number", "string"}:
            choices = [choice for choice in choices if choice["type"] == "number"]
        if len(choices) == 1:
            # What a type says of itself matters less than what the argument is for.
            plain = choices[0] | plain
        else:
            plain["anyOf"] = choices
    if "default" in plain and plain["default"] is None:
        del plain["default"]
    if "items" in plain:
        plain["items"] = {name: value for name, value in _plain(plain["items"]).items() if name != "description"}
    if "properties" in plain:
        plain["properties"] = {name: _plain(value) for name, value in plain["properties"].items()}
    return plain
