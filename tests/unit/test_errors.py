"""The errors: the drawing in the module is the tree, and every message tells what to do."""

from __future__ import annotations

import inspect
import logging
import re

import pytest
from fastmcp import Client, FastMCP

from server import errors
from server.errors import (
    BusyError,
    DatabaseError,
    DatabaseUnavailableError,
    NotFoundError,
    QueryTimeoutError,
    RetailError,
    UnavailableError,
)
from server.toolkit.answering import tool_of


def drawn_tree() -> dict[str, str]:
    """Parent by class, as the module's docstring draws it."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in inspect.getdoc(errors).splitlines():
        if found := re.match(r"^\s{4}[\s|]*(?:\+-- )?(\w*Error)\b", line):
            column = found.start(1)
            path = [(at, name) for at, name in path if at < column]
            parents[found[1]] = path[-1][1] if path else "Exception"
            path.append((column, found[1]))
    return parents


def test_the_drawing_is_the_tree() -> None:
    defined = [
        thing
        for _, thing in inspect.getmembers(errors, inspect.isclass)
        if issubclass(thing, RetailError) and thing.__module__ == errors.__name__
    ]
    assert drawn_tree() == {error.__name__: error.__bases__[0].__name__ for error in defined}


async def test_what_is_written_for_the_caller_passes_the_framework_and_is_no_failure_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def look_up() -> None:
        raise NotFoundError("No such thing.")

    async with Client(FastMCP("test", tools=[tool_of(look_up)], mask_error_details=True)) as client:
        result = await client.call_tool("look_up", raise_on_error=False)
    assert result.is_error
    assert result.content[0].text == "No such thing."
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_a_failure_of_the_database_is_masked_by_the_framework() -> None:
    async def look_up() -> None:
        raise DatabaseError("23505", "add_store", "unique_sku_per_store")

    async with Client(FastMCP("test", tools=[tool_of(look_up)], mask_error_details=True)) as client:
        result = await client.call_tool("look_up", raise_on_error=False)
    assert result.is_error
    assert result.content[0].text == "Error calling tool 'look_up'"


@pytest.mark.parametrize("error", [BusyError(), DatabaseUnavailableError(), QueryTimeoutError()])
def test_what_may_pass_says_what_to_do_next(error: UnavailableError) -> None:
    assert re.search(r"Try the same call again|Ask for", str(error))


def test_a_database_error_tells_the_log_where_and_what() -> None:
    error = DatabaseError("23505", "add_store", "unique_sku_per_store")
    assert str(error) == "SQLSTATE 23505 in add_store (constraint: unique_sku_per_store)"
