"""What nobody foresaw: the caller gets a reference, and the log has the cause under it without any data."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from fastmcp import Client
from mcp import MCPError

from server.db.connection import StoreConnection
from server.monitoring.logs import TextFormatter
from server.tools.sales import transactions
from tests.faults.messages import INTERNAL, SECRET, assert_helpful
from tests.support import Retailer, answer, refusal
from tests.transport.serving import bearer, serving


async def failed(client: Client[Any], tool: str, **arguments: Any) -> str:
    """The reference of a call that failed within."""
    message = await refusal(client, tool, **arguments)
    assert_helpful(message)
    found = INTERNAL.fullmatch(message)
    assert found, message
    return found[1]


def entry(caplog: pytest.LogCaptureFixture, reference: str) -> str:
    """The one error in the log that has the reference: under load, the lines around it belong to others."""
    (record,) = [
        record for record in caplog.records if record.levelno == logging.ERROR and reference in record.getMessage()
    ]
    return record.getMessage()


def break_query(monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    monkeypatch.setattr(transactions, "TRANSACTION", replace(transactions.TRANSACTION, sql=sql))


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("select $1::uuid, $2::text, nothing from retail.no_such_table", "42P01"),
        ("selekt $1, $2", "42601"),
        ("select $1::uuid, $2::text::integer", "22P02"),
        ("select $1::uuid, $2::text, (select secret from guard.pseudonym_key)", "42501"),
        ("update retail.products set product_name = $2::text where product_id = $1::uuid", "25006"),
    ],
    ids=["unknown table", "syntax", "bad value", "no permission", "write"],
)
async def test_a_broken_query(
    sql: str,
    sqlstate: str,
    manager: Client[Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with monkeypatch.context() as broken:
        break_query(broken, sql)
        reference = await failed(manager, "get_transaction", transaction=SECRET)
    assert f"SQLSTATE {sqlstate} in transaction" in entry(caplog, reference)
    assert SECRET not in caplog.text
    assert "no_such_table" not in caplog.text
    assert (await answer(manager, "get_transaction", transaction="SEATTLE-1"))["receipt_number"] == "SEATTLE-1"


async def test_rows_that_do_not_fit_their_model(
    manager: Client[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """That is no fault of the caller's arguments, and the rows are somebody's data."""
    caplog.set_level(logging.INFO)
    with monkeypatch.context() as broken:
        break_query(broken, "select $1::uuid as transaction_id, $2::text as receipt_number")
        reference = await failed(manager, "get_transaction", transaction=SECRET)
    assert SECRET not in caplog.text
    # The framework's wrapper around the cause says nothing.
    assert "_ToolBodyError" not in entry(caplog, reference)
    await answer(manager, "get_transaction", transaction="SEATTLE-1")


async def test_a_fault_in_our_own_code(
    manager: Client[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def first(*_: Any) -> None:
        raise ZeroDivisionError(SECRET)

    with monkeypatch.context() as broken:
        broken.setattr(StoreConnection, "first", first)
        reference = await failed(manager, "get_transaction", transaction=SECRET)
    assert "ZeroDivisionError" in entry(caplog, reference)
    assert SECRET not in entry(caplog, reference)
    await answer(manager, "get_transaction", transaction="SEATTLE-1")


async def test_every_failure_has_a_reference_of_its_own(manager: Client[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    break_query(monkeypatch, "selekt")
    references = [await failed(manager, "get_transaction", transaction="SEATTLE-1") for _ in range(3)]
    assert len(set(references)) == 3


async def test_a_refusal_is_no_failure_in_the_log(manager: Client[Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await refusal(manager, "get_transaction", transaction="UNKNOWN")
    await refusal(manager, "summarize_sales", limit=0)
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_failure_before_anybody_is_known(seattle: Retailer, caplog: pytest.LogCaptureFixture) -> None:
    """Over HTTP the token is looked up before any tool runs."""
    token = await seattle.token("seattle")
    async with serving(seattle) as served:
        await seattle.execute("revoke execute on function guard.authenticate(bytea) from mcp_auth")
        response = await served.call("get_store_context", authorization=bearer(token))
    assert response.status_code in (500, 503)
    for inside in ("authenticate", "42501", "Traceback", "permission", token):
        assert inside not in response.text
    assert token not in caplog.text


@pytest.mark.parametrize("asked", ["list_tools", "list_prompts", "list_resources", "list_resource_templates"])
async def test_a_bug_outside_of_a_tool(
    asked: str, manager: Client[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise LookupError(SECRET)

    with monkeypatch.context() as broken:
        broken.setattr("server.middleware.identity._within_scopes", fail)
        with pytest.raises(MCPError) as told:
            await getattr(manager, asked)()
    assert told.value.error.code == -32603
    found = INTERNAL.fullmatch(told.value.error.message)
    assert found
    line = entry(caplog, found[1])
    assert line.endswith(": LookupError")
    [record] = [record for record in caplog.records if record.getMessage() == line]
    # Written by pytest's handler already, and kept.
    record.exc_text = None
    written = TextFormatter("%(message)s").format(record)
    # Where it happened is what an operator needs.
    assert "test_internal_failures.py" in written
    assert SECRET not in written
    assert await getattr(manager, asked)()
