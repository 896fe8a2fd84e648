"""Bad input: the caller learns which argument is wrong and what it must be, and the server goes on."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import pytest
from fastmcp import Client
from fastmcp.tools import FunctionTool

from server import tools
from tests.faults.messages import INTERNAL, SECRET, assert_helpful
from tests.support import answer, refusal
from tests.tools.calls import RECORDS

NOBODY = str(UUID(int=0))
NUL = "a\0b"


async def refused(client: Client[Any], tool: str, arguments: dict[str, Any]) -> str:
    """The message of a call that must be refused, after which the next one works."""
    text = await refusal(client, tool, **arguments)
    assert_helpful(text)
    assert not INTERNAL.search(text), text
    assert (await answer(client, "get_store_context"))["current_store"]["store_id"] == "seattle"
    return text


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("summarize_sales", {"limit": SECRET}, "limit: input should be a valid integer"),
        ("summarize_sales", {"limit": 1.5}, "limit: input should be a valid integer"),
        ("summarize_sales", {"limit": [1]}, "limit: input should be a valid integer"),
        ("summarize_sales", {"limit": 0}, "limit: input should be greater than or equal to 1"),
        ("list_transactions", {"limit": 101}, "limit: input should be less than or equal to 100"),
        ("list_transactions", {"limit": 10**30}, "limit: input should be less than or equal to 100"),
        ("summarize_sales", {"group_by": SECRET}, "input should be 'day', 'week'"),
        ("summarize_sales", {"start_date": SECRET}, "start_date: input should be a valid date"),
        ("summarize_sales", {"start_date": "2026-02-30"}, "start_date: input should be a valid date"),
        ("summarize_sales", {"end_date": "2026-13-01"}, "end_date: input should be a valid date"),
        ("summarize_sales", {"end_date": "20.11.2026"}, "end_date: input should be a valid date"),
        ("summarize_sales", {"store_id": "s" * 41}, "store_id: string should have at most 40 characters"),
        ("summarize_sales", {SECRET: 1}, "there is an argument that this tool does not have"),
        ("summarize_sales", {"scopes": {}}, "there is an argument that this tool does not have"),
        (
            "get_store_context",
            {"principal": 1},
            "there is an argument that this tool does not have; use only store_id.",
        ),
        ("summarize_sales", {"store_id": 5.5}, "store_id: input should be a valid string"),
        ("summarize_sales", {"store_id": True}, "store_id: input should be a valid string"),
        ("get_products", {"products": None}, "products: input should be a valid list"),
        ("get_products", {"products": ""}, "products.0: string should have at least 1 character"),
        ("get_products", {"products": "[]"}, "products: list should have at least 1 item"),
        ("get_products", {"products": {"sku": "A"}}, "products.0: input should be a valid string"),
        ("search_products", {"attributes": "{"}, "attributes: input should be a valid dictionary"),
        ("search_products", {"attributes": '["navy"]'}, "attributes: input should be a valid dictionary"),
        ("summarize_sales", {"start_date": 20261001}, "start_date: "),
        ("get_transaction", {}, "transaction is required"),
        ("get_transaction", {"transaction": ""}, "transaction: string should have at least 1 character"),
        ("get_transaction", {"transaction": "R" * 51}, "transaction: string should have at most 50 characters"),
        ("get_customer", {}, "customer_id is required"),
        ("get_customer", {"customer_id": SECRET}, "customer_id: input should be a valid UUID"),
        ("list_transactions", {"customer_id": "1"}, "customer_id: input should be a valid UUID"),
        ("get_customer", {"customer_id": "x"}, "customer_id: input should be a valid UUID."),
        ("list_transactions", {"minimum_total": "NaN"}, "minimum_total"),
        ("list_transactions", {"minimum_total": "1e400"}, "minimum_total"),
        ("list_transactions", {"minimum_total": -1}, "minimum_total: input should be greater than or equal to 0"),
        ("list_transactions", {"transaction_type": SECRET}, "'sale', 'return' or 'exchange'"),
        ("get_products", {"products": []}, "products: list should have at least 1 item"),
        ("get_products", {"products": ["A"] * 51}, "products: list should have at most 50 items"),
        ("get_products", {"products": ["A", ""]}, "products.1: string should have at least 1 character"),
        ("search_products", {"mode": SECRET}, "mode: input should be 'hybrid', 'semantic', 'keyword' or 'rrf'"),
        ("search_products", {"min_rating": 6}, "min_rating: input should be less than or equal to 5"),
        ("search_products", {"in_stock": SECRET}, "in_stock: input should be a valid boolean"),
        ("search_products", {"query": "q" * 501}, "query: string should have at most 500 characters"),
    ],
)
async def test_a_wrong_argument_is_named(
    tool: str, arguments: dict[str, Any], words: str, manager: Client[Any]
) -> None:
    message = await refused(manager, tool, arguments)
    assert message.startswith(f"{tool} was not run: ")
    assert words in message


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_products", {"products": '["SKU-1"]'}),
        ("get_products", {"products": "SKU-1"}),
        ("summarize_sales", {"period": "last_90_days", "group_by": '["month"]', "start_date": "", "end_date": ""}),
        ("summarize_sales", {"store_id": None, "group_by": None, "compare_to": None, "limit": None}),
        ("summarize_sales", {"start_date": "2026-1-1", "end_date": "2026-01-31T23:59:59Z"}),
        ("search_products", {"query": "drill", "attributes": "{}", "tags": [], "min_price": "", "cursor": None}),
    ],
)
async def test_what_clients_really_send_is_answered(tool: str, arguments: dict[str, Any], manager: Client[Any]) -> None:
    """Nulls and empty values of strict modes, JSON text, lone values (anthropics/claude-code#59227, langflow#8059)."""
    await answer(manager, tool, **arguments)


async def test_all_wrong_arguments_are_named_at_once(manager: Client[Any]) -> None:
    message = await refused(manager, "summarize_sales", {"limit": 0, "group_by": SECRET, "start_date": SECRET})
    for name in ("limit: ", "group_by.0: ", "start_date: "):
        assert name in message


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("summarize_sales", {"store_id": SECRET}, "No such store among yours. Your stores: seattle."),
        ("summarize_sales", {"store_id": "redmond"}, "No such store among yours. Your stores: seattle."),
        ("get_transaction", {"transaction": SECRET}, "Check it, or find the receipt with list_transactions."),
        ("get_transaction", {"transaction": NOBODY}, "Check it, or find the receipt with list_transactions."),
        ("get_customer", {"customer_id": NOBODY}, "Find the id with search_customers."),
        ("search_customers", {}, "pass at least one of name, email, phone, loyalty_tier and segment"),
        ("search_customers", {"name": "  "}, "pass at least one of name, email, phone, loyalty_tier and segment"),
        ("search_customers", {"phone": "555"}, "phone needs at least 4 digits"),
        ("search_products", {"min_price": 10, "max_price": 5}, "Swap them."),
    ],
)
async def test_what_cannot_be_found_says_where_to_look(
    tool: str, arguments: dict[str, Any], words: str, manager: Client[Any]
) -> None:
    assert words in await refused(manager, tool, arguments)


async def test_another_stores_receipt_reads_like_none(manager: Client[Any]) -> None:
    foreign = await refused(manager, "get_transaction", {"transaction": "REDMOND-1"})
    unknown = await refused(manager, "get_transaction", {"transaction": "ATLANTIS-1"})
    assert foreign == unknown


async def test_unknown_products_are_listed_beside_the_known(manager: Client[Any]) -> None:
    found = await answer(manager, "get_products", products=["SKU-1", "NOPE"])
    assert [product["sku"] for product in found["products"]] == ["SKU-1"]
    assert found["not_found"] == ["NOPE"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_transactions", {"customer_id": NOBODY}),
        ("list_transactions", {"sku": "NOPE"}),
        ("list_top_products", {"category": "No such category"}),
        ("search_products", {"brand": "No such brand"}),
        ("search_customers", {"email": "nobody@nowhere.example"}),
    ],
)
async def test_a_filter_that_matches_nothing_is_no_error(
    tool: str, arguments: dict[str, Any], manager: Client[Any]
) -> None:
    found = await answer(manager, tool, **arguments)
    assert (found["rows"], found["has_more"], found["next_cursor"]) == ([], False, None)


PERIODICAL = ("summarize_sales", "list_transactions", "list_top_products")


@pytest.mark.parametrize("tool", PERIODICAL)
async def test_reversed_dates_are_refused(tool: str, manager: Client[Any]) -> None:
    message = await refused(manager, tool, {"start_date": "2026-11-02", "end_date": "2026-11-01"})
    assert message.startswith("start_date (2026-11-02) is after end_date (2026-11-01). Swap them")


@pytest.mark.parametrize("tool", PERIODICAL)
async def test_more_than_three_years_are_refused(tool: str, manager: Client[Any]) -> None:
    message = await refused(manager, tool, {"start_date": "2020-01-01", "end_date": "2026-11-01"})
    assert "at most 1096 (three years)" in message


FAR_PERIODS = [
    {"end_date": "0001-01-01"},
    {"start_date": "0001-01-01", "end_date": "0001-01-31"},
    {"start_date": "0001-01-01", "end_date": "0001-01-31", "compare_to": "previous_period"},
    {"start_date": "0001-01-01", "end_date": "0001-01-31", "compare_to": "same_period_last_year"},
    {"start_date": "9999-12-31"},
    {"start_date": "9999-12-01", "end_date": "9999-12-31", "compare_to": "same_period_last_year", "group_by": "month"},
    {"start_date": "9999-12-31", "end_date": "9999-12-31", "group_by": "week"},
]


@pytest.mark.parametrize("arguments", FAR_PERIODS, ids=str)
@pytest.mark.parametrize("tool", PERIODICAL)
async def test_a_day_that_the_calendar_has_is_never_a_failure(
    tool: str, arguments: dict[str, Any], manager: Client[Any]
) -> None:
    """However far away: an answer, or a refusal that says what to ask instead."""
    if tool != "summarize_sales":
        arguments = {name: value for name, value in arguments.items() if name.endswith("_date")}
    result = await manager.call_tool(tool, arguments, raise_on_error=False)
    if result.is_error:
        text = result.content[0].text
        assert_helpful(text)
        assert not INTERNAL.search(text), text


async def test_a_cursor_of_another_query_is_refused(manager: Client[Any]) -> None:
    page = await answer(manager, "list_transactions", limit=1)
    cursor = page["next_cursor"]
    assert (await answer(manager, "list_transactions", limit=2, cursor=cursor))["rows"]
    for tool, arguments in (
        ("list_transactions", {"payment_method": "cash"}),
        ("list_transactions", {"start_date": "2026-01-01"}),
        ("summarize_sales", {}),
        ("list_top_products", {}),
        ("search_customers", {"loyalty_tier": "gold"}),
        ("search_products", {}),
        ("list_low_stock", {}),
    ):
        message = await refused(manager, tool, {**arguments, "cursor": cursor})
        assert message.startswith("This cursor does not belong to this query. Pass next_cursor back unchanged")


@pytest.mark.parametrize("cursor", [SECRET, "AAAA", "=" * 8, "ÄÖÜ", NUL, "A" * 1000])
@pytest.mark.parametrize("tool", ["list_transactions", "list_top_products"])
async def test_a_damaged_cursor_is_refused(tool: str, cursor: str, manager: Client[Any]) -> None:
    assert "Pass next_cursor back unchanged" in await refused(manager, tool, {"cursor": cursor})


async def test_an_endless_cursor_is_refused(manager: Client[Any]) -> None:
    assert "cursor: string should have at most 1000" in await refused(
        manager, "list_transactions", {"cursor": "A" * 1001}
    )


def parameters() -> list[tuple[str, str, dict[str, Any]]]:
    """Every parameter of every tool, with the arguments that the tool cannot do without."""
    return [
        (tool.name, parameter, RECORDS[tool.name].required)
        for tool in map(FunctionTool.from_function, tools.discover())
        for parameter in tool.parameters["properties"]
    ]


@pytest.mark.parametrize("wrong", [SECRET, [SECRET], {SECRET: SECRET}], ids=["text", "list", "object"])
@pytest.mark.parametrize(("tool", "parameter", "others"), parameters())
async def test_no_rejected_value_comes_back_or_is_logged(
    tool: str,
    parameter: str,
    others: dict[str, Any],
    wrong: Any,
    manager: Client[Any],
    auditor: Client[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    client = auditor if RECORDS[tool].role == "auditor" else manager
    result = await client.call_tool(tool, {**others, parameter: wrong}, raise_on_error=False)
    if result.is_error:
        # run_query speaks of SQL to who writes it.
        told = result.content[0].text.replace("SELECT or WITH", "a query")
        assert_helpful(told)
        assert not INTERNAL.search(told)
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("summarize_sales", {"store_id": NUL}),
        ("get_transaction", {"transaction": NUL}),
        ("list_transactions", {"sku": NUL}),
        ("list_top_products", {"category": NUL}),
        ("search_products", {"attributes": {"color": NUL}}),
        ("search_products", {"attributes": {NUL: "navy"}}),
        ("search_customers", {"name": NUL}),
        ("search_customers", {"email": NUL}),
        ("search_customers", {"phone": f"5555{NUL}"}),
        ("search_products", {"query": NUL, "mode": "keyword"}),
        ("search_products", {"brand": NUL}),
        ("search_products", {"tags": [NUL]}),
        ("get_products", {"products": [NUL]}),
    ],
)
async def test_a_character_that_no_database_takes_is_no_failure(
    tool: str, arguments: dict[str, Any], manager: Client[Any]
) -> None:
    """Nothing has a NUL in its name: not found, nothing found or not accepted, but never our failure."""
    result = await manager.call_tool(tool, arguments, raise_on_error=False)
    if result.is_error:
        text = result.content[0].text
        assert_helpful(text)
        assert not INTERNAL.search(text), text


@pytest.mark.parametrize(
    "text", ["'; drop table retail.customers --", "%", "_", "\\", "$one", "{}", "''", "🦄", "\u202e"]
)
@pytest.mark.parametrize(
    ("tool", "parameter"),
    [
        ("search_customers", "name"),
        ("search_customers", "email"),
        ("search_products", "query"),
        ("search_products", "brand"),
        ("list_transactions", "sku"),
        ("list_top_products", "category"),
        ("list_low_stock", "brand"),
    ],
)
async def test_text_is_only_ever_text(tool: str, parameter: str, text: str, manager: Client[Any]) -> None:
    found = await answer(manager, tool, **{parameter: text})
    assert found["rows"] == []
