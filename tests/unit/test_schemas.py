"""Input schemas lose what says nothing, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import jsonschema
import pytest
from fastmcp.tools import FunctionTool
from pydantic import Field

from server.toolkit.schemas import concise


class Colour(StrEnum):
    """What a thing looks like."""

    RED = "red"
    BLUE = "blue"


def painted(
    name: Annotated[str, Field(description="Whose.")],
    price: Annotated[Decimal | None, Field(ge=0, description="At most.")] = None,
    colours: Annotated[list[Colour] | None, Field(description="Any of these.")] = None,
    code: Annotated[int | str | None, Field(description="Either.")] = None,
    limit: int = 5,
) -> str:
    """Do something."""
    return name


SCHEMA = FunctionTool.from_function(painted).parameters
CALLS: list[dict[str, Any]] = [
    {"name": "x"},
    {"name": "x", "price": 3.5, "colours": ["red"], "code": 7, "limit": 1},
    {"name": "x", "code": "7"},
]
REFUSED: list[dict[str, Any]] = [
    {},
    {"name": 3},
    {"name": "x", "price": -1},
    {"name": "x", "colours": ["green"]},
    {"name": "x", "other": 1},
]


def test_what_is_left_is_what_matters() -> None:
    assert concise(SCHEMA)["properties"] == {
        "name": {"type": "string", "description": "Whose."},
        "price": {"type": "number", "minimum": 0.0, "description": "At most."},
        "colours": {
            "type": "array",
            "items": {"type": "string", "enum": ["red", "blue"]},
            "description": "Any of these.",
        },
        "code": {"anyOf": [{"type": "integer"}, {"type": "string"}], "description": "Either."},
        "limit": {"type": "integer", "default": 5},
    }


@pytest.mark.parametrize("call", CALLS)
def test_calls_fit_as_before(call: dict[str, Any]) -> None:
    jsonschema.validate(call, SCHEMA)
    jsonschema.validate(call, concise(SCHEMA))


@pytest.mark.parametrize("call", REFUSED)
def test_what_is_wrong_is_still_wrong(call: dict[str, Any]) -> None:
    for schema in (SCHEMA, concise(SCHEMA)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(call, schema)


def test_the_schema_given_stays_as_it_was() -> None:
    before = str(SCHEMA)
    concise(SCHEMA)

    assert str(SCHEMA) == before
