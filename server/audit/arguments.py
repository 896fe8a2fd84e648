"""What the audit log keeps of a call's arguments: what their types allow, and no text that a person wrote.

A parameter's own annotation decides, so that a new parameter is left out until somebody has thought about it:

- numbers, truth values, dates, ids (UUID) and choices (enum, Literal) are kept, if the value is a valid one;
- a text is kept only where its annotation carries `Identifier` and it looks like one, and not like a phone number;
- a text is kept as its annotation `KeptAs` rewrites it, without what a person wrote;
- of any other text the length is kept, of anything else that it was there;
- names of arguments that the tool does not have are counted;
- of a call that did not reach a tool (there is none of that name, the caller may not call it, or calls too often)
  nothing is read: its arguments are counted.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from fastmcp.tools import FunctionTool
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from server.toolkit.audit_marks import Identifier, KeptAs

NOT_VALID = "(not valid)"
NOT_KEPT = "(not kept)"
UNKNOWN_ARGUMENTS = "(unknown arguments)"
UNREAD_ARGUMENTS = "(unread arguments)"
TOO_MUCH = "(too much)"

_MAX_SCALAR = 100
_MAX_ITEMS = 50
_MAX_LENGTH = 4_000
# A phone number or a date, in the place of a SKU.
_DIGITS = re.compile(r"(?:[./-]*[0-9]){7,15}")
_KEPT_TYPES = (bool, int, float, Decimal, date, UUID, Enum)

Keep = Callable[[Any], Any]


class KeptArguments:
    """Knows what may be kept of the arguments of one tool.

    Args:
        tool: The tool.
    """

    def __init__(self, tool: FunctionTool) -> None:
        hints = get_type_hints(inspect.unwrap(tool.fn), include_extras=True)
        self.keep: dict[str, Keep] = {name: _keep(hints[name]) for name in tool.parameters["properties"]}

    def as_json(self, arguments: Mapping[str, Any] | None) -> str:
        """What is kept of the arguments that a caller sent, as a JSON object of bounded length."""
        kept: dict[str, Any] = {}
        unknown = 0
        for name, value in (arguments or {}).items():
            keep = self.keep.get(name)
            if keep is None:
                unknown += 1
            else:
                kept[name] = None if value is None else keep(value)
        if unknown:
            kept[UNKNOWN_ARGUMENTS] = unknown
        text = json.dumps(kept)
        return text if len(text) <= _MAX_LENGTH else json.dumps(dict.fromkeys(kept, TOO_MUCH))


def unread_arguments(arguments: Mapping[str, Any] | None) -> str:
    """The same for a call that did not reach a tool: how many there were."""
    return json.dumps({UNREAD_ARGUMENTS: len(arguments)} if arguments else {})


def _keep(annotation: Any) -> Keep:
    bare, metadata = _unwrapped(annotation)
    marks = [mark for mark in metadata if isinstance(mark, Identifier)]
    if bare is str and marks:
        matches = re.compile(marks[0].pattern).fullmatch
        return lambda value: value if isinstance(value, str) and _is_thing(matches, value) else _without_text(value)
    rewrites = [mark.rewrite for mark in metadata if isinstance(mark, KeptAs)]
    if bare is str and rewrites:
        return lambda value: rewrites[0](value) if isinstance(value, str) else NOT_KEPT
    if get_origin(bare) is list:
        keep_item = _keep(get_args(bare)[0])
        return lambda value: _kept_items(value, keep_item)
    if _is_kept(bare):
        validate = TypeAdapter(annotation).validate_python
        return lambda value: _valid_scalar(validate, value)
    return _without_text


def _is_thing(matches: Callable[[str], Any], value: str) -> bool:
    return bool(matches(value)) and not _DIGITS.fullmatch(value)


def _unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    """The type without None, and everything that is annotated on the way to it."""
    metadata: list[Any] = []
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *found = get_args(annotation)
            metadata += found
        elif get_origin(annotation) in (Union, UnionType):
            others = [member for member in get_args(annotation) if member is not type(None)]
            if len(others) != 1:
                return annotation, metadata
            annotation = others[0]
        else:
            return annotation, metadata


def _is_kept(bare: Any) -> bool:
    if get_origin(bare) in (Union, UnionType):
        return all(_is_kept(_unwrapped(member)[0]) for member in get_args(bare))
    return (
        get_origin(bare) is Literal or bare is type(None) or (isinstance(bare, type) and issubclass(bare, _KEPT_TYPES))
    )


def _valid_scalar(validate: Callable[[Any], Any], value: Any) -> Any:
    try:
        kept = to_jsonable_python(validate(value))
    except (ValidationError, ValueError):
        return NOT_VALID
    return kept if len(str(kept)) <= _MAX_SCALAR else NOT_KEPT


def _kept_items(value: Any, keep_item: Keep) -> Any:
    if not isinstance(value, list):
        return _without_text(value)
    kept = [None if item is None else keep_item(item) for item in value[:_MAX_ITEMS]]
    return kept if len(value) <= _MAX_ITEMS else [*kept, f"({len(value) - _MAX_ITEMS} more)"]


def _without_text(value: Any) -> str:
    return f"({len(value)} characters)" if isinstance(value, str) else NOT_KEPT
