"""Every tool call leaves one entry within two seconds, whatever became of it."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from mcp import MCPError

from server.db.connection import StoreConnection
from tests.audit.reading import calls_of, entered
from tests.faults.messages import INTERNAL
from tests.support import Retailer, answer, refusal
from tests.transport.serving import bearer, serving
from tests.transport.shop import eventually, locked_receipts, wait_for_locks

SECRET = "Zeldamaria Quackenbush zq@example.net +44 20 7946 0958"


async def test_a_call_is_entered_with_everything_that_is_known_of_it(shop: Retailer) -> None:
    before = datetime.now(UTC)
    async with shop.client("seattle") as client:
        page = await answer(client, "search_customers", loyalty_tier="gold", limit=2)
        (entry,) = await entered(shop)

    principal_id = await shop.value("select principal_id from guard.principal")
    assert entry["principal_id"] == principal_id
    assert (entry["subject"], entry["role"], entry["store_id"]) == ("manager of seattle", "manager", "seattle")
    assert (entry["tool"], entry["arguments"]) == ("search_customers", {"loyalty_tier": "gold", "limit": 2})
    assert (entry["outcome"], entry["error_code"]) == ("ok", None)
    assert entry["row_count"] == len(page["rows"]) == 2
    assert {str(customer) for customer in entry["customers"]} == {row["customer_id"] for row in page["rows"]}
    assert 1 <= entry["duration_ms"] < 60_000
    assert before <= entry["called_at"] <= entry["recorded_at"] <= datetime.now(UTC) + timedelta(seconds=1)
    assert entry["db_user"] == "mcp_audit"
    assert entry["call_id"].version == 4


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_over_http_names_its_transport(shop: Retailer, mode: str) -> None:
    token = await shop.token("seattle")
    async with serving(shop) as served:
        async with served.client(token, mode=mode) as client:
            await answer(client, "get_store_context")
        (entry,) = await entered(shop)

    assert entry["transport"] == "streamable-http"


async def test_entries_come_in_the_order_of_the_calls(shop: Retailer) -> None:
    async with shop.client("seattle") as client:
        for limit in range(1, 8):
            await answer(client, "list_transactions", limit=limit)
        entries = await entered(shop, 7)

    assert [entry["arguments"]["limit"] for entry in entries] == list(range(1, 8))


async def test_a_failure_is_entered_under_the_reference_that_the_caller_was_told(
    shop: Retailer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def first(*_: Any) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(StoreConnection, "first", first)
    async with shop.client("seattle") as client:
        found = INTERNAL.fullmatch(await refusal(client, "get_transaction", transaction="SEATTLE-1"))
        (entry,) = await entered(shop)

    assert found is not None
    assert entry["call_id"].hex.startswith(found[1])
    assert [record for record in caplog.records if found[1] in record.getMessage() and record.levelno == logging.ERROR]
    assert (entry["outcome"], entry["error_code"], entry["row_count"]) == ("failed", "internal", None)
    assert (entry["store_id"], entry["role"]) == ("seattle", "manager")


REFUSED: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("list_transactions", {"limit": 0}, "invalid_input", {"limit": "(not valid)"}),
    ("list_transactions", {SECRET: SECRET}, "invalid_input", {"(unknown arguments)": 1}),
    ("get_customer", {}, "invalid_input", {}),
    ("get_customer", {"customer_id": SECRET}, "invalid_input", {"customer_id": "(not valid)"}),
    ("get_customer", {"customer_id": str(uuid4())}, "not_found", {}),
    ("search_customers", {"name": SECRET, "cursor": SECRET}, "invalid_input", {}),
    ("list_transactions", {"store_id": "redmond"}, "not_found", {"store_id": "redmond"}),
    ("list_transactions", {"store_id": SECRET}, "invalid_input", {}),
]


@pytest.mark.parametrize(("tool", "arguments", "code", "kept"), REFUSED)
async def test_a_refusal_is_entered_without_what_was_wrong(
    shop: Retailer, tool: str, arguments: dict[str, Any], code: str, kept: dict[str, Any]
) -> None:
    async with shop.client("seattle") as client:
        await refusal(client, tool, **arguments)
        (entry,) = await entered(shop)

    assert (entry["tool"], entry["outcome"], entry["error_code"]) == (tool, "refused", code)
    assert kept.items() <= entry["arguments"].items()
    assert SECRET not in json.dumps(entry, default=str)
    assert (entry["row_count"], entry["customers"]) == (None, None)
    assert entry["subject"] == "manager of seattle"


async def test_a_call_that_entered_no_store_names_none(shop: Retailer) -> None:
    async with shop.client("seattle") as client:
        await refusal(client, "list_transactions", limit=0)
        await refusal(client, "list_transactions", store_id="redmond")
        await refusal(client, "get_customer", customer_id=str(uuid4()))
        entries = await entered(shop, 3)

    assert [(entry["store_id"], entry["role"]) for entry in entries] == [
        (None, None),
        (None, None),
        ("seattle", "manager"),
    ]


async def test_a_tool_that_does_not_exist_is_entered_without_its_name(shop: Retailer) -> None:
    async with shop.client("seattle") as client:
        with pytest.raises(MCPError):
            await client.call_tool(SECRET, {SECRET: SECRET, "name": SECRET})
        (entry,) = await entered(shop)

    assert (entry["tool"], entry["outcome"], entry["error_code"]) == ("(unknown)", "refused", "unknown_tool")
    assert entry["arguments"] == {"(unread arguments)": 2}
    assert SECRET not in json.dumps(entry, default=str)


async def test_a_tool_outside_of_the_scopes_is_entered_as_not_allowed(shop: Retailer) -> None:
    """The caller is told that there is no such tool; the log knows better."""
    async with shop.client("seattle") as client:
        with pytest.raises(MCPError):
            await client.call_tool("list_audit_events", {})
        (entry,) = await entered(shop)

    assert (entry["tool"], entry["outcome"], entry["error_code"]) == ("list_audit_events", "refused", "not_allowed")


async def test_a_call_of_nobody_is_entered(shop: Retailer) -> None:
    async with shop.client("seattle") as client:
        await answer(client, "get_store_context")
        await shop.execute("update guard.api_token set revoked_at = now()")

        async def called_as_nobody() -> dict[str, Any] | None:
            # Until the server has heard of it, the database refuses to enter the store: that is not_found.
            await client.call_tool("get_store_context", raise_on_error=False)
            return next((entry for entry in await calls_of(shop) if entry["error_code"] == "not_allowed"), None)

        entry = await eventually(called_as_nobody)

    assert entry is not None
    assert (entry["outcome"], entry["error_code"], entry["tool"]) == ("refused", "not_allowed", "get_store_context")
    assert (entry["principal_id"], entry["subject"], entry["store_id"], entry["role"]) == (None, None, None, None)


async def test_a_call_over_its_limit_is_entered(shop: Retailer) -> None:
    async with shop.client("seattle", rate_per_minute=1, rate_burst=1) as client:
        await answer(client, "get_store_context")
        await refusal(client, "get_store_context")
        entries = await entered(shop, 2)

    assert [(entry["outcome"], entry["error_code"]) for entry in entries] == [
        ("ok", None),
        ("refused", "too_many_calls"),
    ]
    assert entries[1]["subject"] == "manager of seattle"


async def test_a_call_that_runs_out_of_time_is_entered(shop: Retailer) -> None:
    async with shop.client("seattle", query_timeout_seconds=0.2) as client:
        async with locked_receipts(shop):
            await refusal(client, "list_transactions")
        (entry,) = await entered(shop)

    assert (entry["outcome"], entry["error_code"], entry["store_id"]) == ("failed", "timeout", "seattle")
    assert entry["duration_ms"] >= 200


async def test_a_call_whose_client_left_is_entered(shop: Retailer) -> None:
    await wait_for_locks(shop)
    token = await shop.token("seattle")
    async with serving(shop, query_timeout_seconds=30) as served, locked_receipts(shop):
        call = asyncio.create_task(served.call("list_transactions", {"limit": 3}, authorization=bearer(token)))

        async def is_waiting() -> list[dict[str, Any]]:
            return await shop.fetch("select pid from pg_stat_activity where wait_event_type = 'Lock'")

        await eventually(is_waiting)
        call.cancel()
        (entry,) = await entered(shop)

    assert (entry["outcome"], entry["error_code"]) == ("cancelled", "cancelled")
    assert (entry["store_id"], entry["arguments"]) == ("seattle", {"limit": 3})


async def test_http_requests_without_identity_are_no_calls_but_counted(
    shop: Retailer, caplog: pytest.LogCaptureFixture
) -> None:
    token = await shop.token("seattle")
    async with serving(shop) as served:
        assert (await served.call("get_store_context")).status_code == 401
        assert (await served.call("get_store_context", authorization=bearer("wrong"))).status_code == 401
        assert (await served.call("get_store_context", authorization=bearer(token))).status_code == 200
        (entry,) = await entered(shop)

    assert entry["outcome"] == "ok"
    assert [record for record in caplog.records if "1 with 401" in record.getMessage()]


@pytest.mark.parametrize("role", ["manager", "support", "analyst", "auditor"])
async def test_who_looked_at_a_customer_is_one_query_away(shop: Retailer, role: Any) -> None:
    customer = await shop.value("select customer_id from retail.customers where store_id = 'seattle' limit 1")
    receipt = await shop.value("select receipt_number from retail.sales_transactions where customer_id = $1", customer)
    async with shop.client("seattle", role=role) as client:
        looks: list[tuple[str, dict[str, Any]]] = [
            ("get_customer", {"customer_id": str(customer)}),
            ("search_customers", {"loyalty_tier": "gold"}),
            ("list_transactions", {}),
            ("get_transaction", {"transaction": receipt}),
        ]
        for tool, arguments in looks:
            await answer(client, tool, **arguments)
        await answer(client, "summarize_sales")
        await answer(client, "get_products", products=["SKU-1"])
        await entered(shop, 6)

    found = await shop.fetch(
        "select tool, subject, role from audit.tool_call where customers @> array[$1::uuid] order by call_number",
        customer,
    )
    assert [(row["tool"], row["subject"], row["role"]) for row in found] == [
        (tool, f"{role} of seattle", role) for tool, _ in looks
    ]


async def test_that_query_uses_its_index(shop: Retailer) -> None:
    await shop.execute(
        "insert into audit.tool_call (call_id, called_at, tool, arguments, duration_ms, outcome, customers)"
        " select gen_random_uuid(), now(), 't', '{}', 1, 'ok', case when n % 10 = 0 then array[gen_random_uuid()] end"
        " from generate_series(1, 20000) n; analyze audit.tool_call"
    )

    plan = await shop.fetch("explain select called_at from audit.tool_call where customers @> array[$1::uuid]", uuid4())

    assert "customers_idx" in str(plan)


async def test_an_answer_that_shows_nobody_names_nobody(shop: Retailer) -> None:
    async with shop.client("seattle") as client:
        await answer(client, "get_products", products=["SKU-1", "SKU-2", "(none) of ours"])
        (entry,) = await entered(shop)

    assert (entry["row_count"], entry["customers"]) == (2, None)
    assert entry["arguments"] == {"products": ["SKU-1", "SKU-2", "(14 characters)"]}


async def test_many_calls_at_once_are_all_entered(shop: Retailer) -> None:
    async with shop.client("seattle", rate_per_minute=10_000, rate_burst=300) as client:
        results = await asyncio.gather(*(client.call_tool("list_categories", raise_on_error=False) for _ in range(250)))
        entries = await entered(shop, 250)

    assert len({entry["call_id"] for entry in entries}) == 250
    assert [entry["outcome"] for entry in entries].count("ok") == [result.is_error for result in results].count(False)


async def test_leaving_the_server_writes_what_waits(shop: Retailer) -> None:
    async with shop.client("seattle") as client:
        await answer(client, "get_store_context")

    assert len(await calls_of(shop)) == 1
