"""What the audit log keeps of each tool's arguments. A new one is entered in the tool's record, after some thought."""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

import pytest
from pydantic import Field

from server import tools
from server.audit.arguments import Identifier, KeptArguments
from server.audit.entries import EntryWriter
from server.toolkit.answering import tool_of
from tests.tools.calls import RECORDS

# Text that could be in any argument, and must never be in the log.
PERSON = "Zeldamaria Quackenbush <zq@example.net> +44 20 7946 0958"
FUNCTIONS = {tool_of(function).name: function for function in tools.discover()}


@cache
def keeper(function: Any) -> KeptArguments:
    """Made once: it builds the schema of the tool."""
    return KeptArguments(tool_of(function))


def kept(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(keeper(function).as_json(arguments)))


def treatment(function: Any, name: str) -> str:
    """How an argument is treated, by what becomes of values of each kind."""

    def becomes(value: Any) -> Any:
        return kept(function, {name: value})[name]

    if becomes(PERSON) == "(not valid)":
        return "number"
    for kind, value in (("identifier", "sku-1"), ("identifier", "get")):
        if becomes(value) == value:
            return kind
    if becomes("select cost").endswith(" select cost"):
        return "outline"
    if becomes(["sku-1"]) == ["sku-1"]:
        return "list of identifiers"
    if becomes(["SKU-1"]) == ["(not valid)"]:
        return "list of numbers"
    if becomes(["SKU-1"]) == ["(5 characters)"]:
        return "list of texts"
    return "text"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_argument_is_kept_as_decided(name: str) -> None:
    assert {one: treatment(FUNCTIONS[name], one) for one in keeper(FUNCTIONS[name]).keep} == RECORDS[name].kept


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_of_the_schema_is_treated(name: str) -> None:
    schema = tool_of(FUNCTIONS[name]).parameters
    assert set(keeper(FUNCTIONS[name]).keep) == set(schema["properties"])


@pytest.mark.parametrize(
    "value", [PERSON, [PERSON], {"x": PERSON}, {PERSON: 1}, [[PERSON]], 442079460958, "020-7946-0958", ["02079460958"]]
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_argument_lets_a_person_through(name: str, value: Any) -> None:
    for argument in [*keeper(FUNCTIONS[name]).keep, PERSON]:
        log = keeper(FUNCTIONS[name]).as_json({argument: value})
        assert "Quackenbush" not in log
        assert "7946" not in log


def offered(
    plain: str,
    marked: Annotated[str, Identifier()],
    number: Annotated[int, Field(ge=1, le=10)],
    anything: Any = None,
    mapping: dict[str, str] | None = None,
    either: int | str | None = None,
    numbers: list[int] | None = None,
) -> None:
    """A tool that somebody adds."""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"plain": "Ann"}, {"plain": "(3 characters)"}),
        ({"marked": "SKU-1"}, {"marked": "SKU-1"}),
        ({"marked": "20481"}, {"marked": "20481"}),
        ({"marked": "Ann Smith"}, {"marked": "(9 characters)"}),
        ({"marked": "Quackenbush"}, {"marked": "(11 characters)"}),
        ({"marked": "206-555-0190"}, {"marked": "(12 characters)"}),
        ({"marked": "2065550190"}, {"marked": "(10 characters)"}),
        ({"marked": "1984-02-29"}, {"marked": "(10 characters)"}),
        ({"marked": "ann@example.com"}, {"marked": "(15 characters)"}),
        ({"marked": "a" * 51}, {"marked": "(51 characters)"}),
        ({"number": 3}, {"number": 3}),
        ({"number": "3"}, {"number": 3}),
        ({"number": 5550123}, {"number": "(not valid)"}),
        ({"anything": 3}, {"anything": "(not kept)"}),
        ({"anything": "Ann"}, {"anything": "(3 characters)"}),
        ({"mapping": {"a": "Ann"}}, {"mapping": "(not kept)"}),
        ({"either": "Ann"}, {"either": "(3 characters)"}),
        ({"either": 3}, {"either": "(not kept)"}),
        ({"numbers": [1, "x", None]}, {"numbers": [1, "(not valid)", None]}),
        ({"plain": None}, {"plain": None}),
        ({"Ann": "Ann", "Bob": 1}, {"(unknown arguments)": 2}),
        (None, {}),
    ],
)
def test_a_new_parameter_is_left_out_unless_its_type_says_otherwise(
    arguments: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    assert json.loads(keeper(offered).as_json(arguments)) == expected


def test_what_is_kept_is_bounded() -> None:
    many = kept(offered, {"numbers": list(range(1_000))})["numbers"]
    assert (len(many), many[-1]) == (51, "(950 more)")
    wide = keeper(offered).as_json({"numbers": [10**90] * 60, "number": 1})
    assert json.loads(wide) == {"numbers": "(too much)", "number": "(too much)"}
    assert kept(offered, {"numbers": [10**200]}) == {"numbers": ["(not kept)"]}


def test_tools_whose_answers_name_customers_are_known() -> None:
    """From their output schemas: a tool that is added is among them by itself."""
    assert EntryWriter(map(tool_of, FUNCTIONS.values()))._with_customers == {
        "get_customer",
        "get_transaction",
        "list_transactions",
        "run_query",
        "search_customers",
        "summarize_returns",
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_customer_is_never_deeper_in_an_answer_than_the_audit_looks(name: str) -> None:
    schema: Any = tool_of(FUNCTIONS[name]).output_schema
    inner = [
        alternative
        for field in schema["properties"].values()
        if field.get("type") == "array"
        for alternative in [field["items"], schema.get("$defs", {}).get(field["items"].get("$ref", "")[8:], {})]
    ]
    seen = sum("customer_id" in part.get("properties", {}) for part in [schema, *inner])
    assert json.dumps(schema).count('"customer_id": {') == seen
