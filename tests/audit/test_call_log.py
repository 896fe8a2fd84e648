"""The writer of the log: what it does when rows, connections or the database fail it."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastmcp import Client

from server.audit.call_log import COLUMNS, CallLog, Entry
from server.errors import AuditUnavailableError, ConfigurationError
from server.middleware.audit import AuditMiddleware
from tests.audit.reading import calls_of, entered
from tests.faults.messages import assert_helpful
from tests.support import Retailer, answer, refusal
from tests.transport.shop import accept_connections, eventually, refuse_connections

GRACE = UUID("0198c0de-0000-7000-8000-000000000001")


def entry(**values: Any) -> Entry:
    """An entry as the server makes them."""
    usual = {
        "call_id": uuid4(),
        "called_at": datetime.now(UTC),
        "principal_id": 1,
        "subject": "ann",
        "role": "manager",
        "store_id": "seattle",
        "tool": "get_customer",
        "arguments": json.dumps({"limit": 3}),
        "row_count": 1,
        "duration_ms": 4,
        "outcome": "ok",
        "error_code": None,
        "transport": "stdio",
        "customers": [GRACE],
    }
    return tuple((usual | values)[column] for column in COLUMNS)


def put(log: CallLog, *entries: Entry) -> None:
    """What the server does for each call."""
    for one in entries:
        log.reserve()
        log.leave()
        log.append(one)


async def break_connection(retailer: Retailer) -> None:
    await retailer.fetch("""
        select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and application_name = 'retail-mcp audit'
    """)


async def test_leaving_writes_everything_that_waits(shop: Retailer) -> None:
    async with CallLog(shop.login_url("mcp_audit")) as log:
        put(log, *(entry(row_count=number) for number in range(1000)))

    assert [row["row_count"] for row in await calls_of(shop)] == list(range(1000))


async def test_leaving_writes_everything_even_if_it_is_cancelled_meanwhile(shop: Retailer) -> None:
    """Ctrl-C cancels whoever waits for the end."""
    started = asyncio.Event()

    async def serve() -> None:
        async with CallLog(shop.login_url("mcp_audit")) as log:
            put(log, *(entry() for _ in range(1000)))
            started.set()

    async with asyncio.timeout(30):
        task = asyncio.create_task(serve())
        await started.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    assert len(await calls_of(shop)) == 1000


async def test_leaving_waits_for_a_call_that_is_just_ending(shop: Retailer) -> None:
    async with CallLog(shop.login_url("mcp_audit")) as log:
        log.reserve()

        def end() -> None:
            log.leave()
            log.append(entry())

        asyncio.get_running_loop().call_later(0.1, end)

    assert len(await calls_of(shop)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"arguments": '{"text": "a\\u0000b"}'},
        {"arguments": "no json"},
        {"duration_ms": 2**40},
        {"outcome": "unheard of"},
        {"error_code": "why"},
        {"customers": []},
        {"call_id": "no id"},
        {"tool": None},
    ],
    ids=lambda bad: next(iter(bad)),
)
async def test_one_bad_entry_does_not_keep_the_others_out(
    shop: Retailer, bad: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with CallLog(shop.login_url("mcp_audit")) as log:
        put(log, *(entry(tool=f"before_{n}") for n in range(40)), entry(**bad), *(entry() for _ in range(40)))
        put(log, entry(tool="after"))

    rows = await calls_of(shop)
    assert [row["tool"] for row in rows][:40] == [f"before_{n}" for n in range(40)]
    assert rows[-1]["tool"] == "after"
    assert len([row for row in rows if row["arguments"] == {"limit": 3}]) == 81
    assert "does not fit the audit log" in caplog.text


async def test_a_bad_entry_is_written_without_its_details(shop: Retailer) -> None:
    call_id = uuid4()
    async with CallLog(shop.login_url("mcp_audit")) as log:
        put(log, entry(call_id=call_id, arguments='{"text": "a\\u0000b"}'))

    (row,) = await calls_of(shop)
    assert (row["call_id"], row["arguments"], row["customers"]) == (call_id, {"(not kept)": True}, None)


async def test_a_lost_connection_is_made_again(shop: Retailer) -> None:
    async with CallLog(shop.login_url("mcp_audit")) as log:
        put(log, entry())
        await entered(shop, 1)
        await break_connection(shop)
        put(log, entry())
        await entered(shop, 2, seconds=10)


async def test_entries_wait_for_a_database_that_is_away(shop: Retailer, caplog: pytest.LogCaptureFixture) -> None:
    async with CallLog(shop.login_url("mcp_audit")) as log:
        await refuse_connections(shop)
        await break_connection(shop)
        put(log, *(entry() for _ in range(300)))

        async def is_told() -> bool:
            return "The audit log cannot be written" in caplog.text

        await eventually(is_told)
        await accept_connections(shop)
        await entered(shop, 300, seconds=10)

    assert "The audit log is written again" in caplog.text
    # Once, however many attempts failed.
    assert caplog.text.count("The audit log cannot be written") == 1


async def test_without_room_for_its_entry_no_call_begins(shop: Retailer) -> None:
    async with CallLog(shop.login_url("mcp_audit"), capacity=3) as log:
        await shop.execute("revoke insert (call_id) on audit.tool_call from mcp_audit")
        log.reserve()
        put(log, entry(), entry())
        with pytest.raises(AuditUnavailableError):
            log.reserve()
        log.leave()
        log.append(entry())
        with pytest.raises(AuditUnavailableError):
            log.reserve()
        await shop.execute("grant insert (call_id) on audit.tool_call to mcp_audit")
        await entered(shop, 3, seconds=10)
        put(log, entry())

    assert len(await calls_of(shop)) == 4


async def test_a_call_without_room_is_refused_before_it_runs(shop: Retailer) -> None:
    token = await shop.token("seattle")
    async with shop.server(token=token) as server, Client(server) as client:
        (record,) = [layer for layer in server.middleware if isinstance(layer, AuditMiddleware)]
        assert record._log is not None
        record._log._capacity = 0
        text = await refusal(client, "get_store_context")
        record._log._capacity = 1
        await answer(client, "get_store_context")

    assert_helpful(text)
    assert "did not run and nothing was done" in text
    assert len(await calls_of(shop)) == 1


async def test_a_database_that_never_comes_back_is_told_with_what_is_lost(
    shop: Retailer, caplog: pytest.LogCaptureFixture
) -> None:
    async with CallLog(shop.login_url("mcp_audit")) as log:
        await shop.execute("revoke insert (call_id) on audit.tool_call from mcp_audit")
        put(log, entry(), entry())

    (lost,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "2 tool calls are lost" in lost.getMessage()


@pytest.mark.parametrize(("login", "complaint"), [("mcp_user", "may not append"), ("mcp_auth", "may not append")])
async def test_another_login_is_refused(shop: Retailer, login: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{complaint}.*Use mcp_audit in RETAIL_AUDIT_DATABASE_URL"):
        async with CallLog(shop.login_url(login)):
            pass


async def test_a_login_that_may_do_more_is_refused(shop: Retailer) -> None:
    with pytest.raises(ConfigurationError, match="may do more than append"):
        async with CallLog(shop.admin_url):
            pass


async def test_a_log_that_cannot_be_reached_is_told_without_the_url() -> None:
    with pytest.raises(ConfigurationError, match="RETAIL_AUDIT_DATABASE_URL") as caught:
        async with CallLog("postgresql://mcp_audit:hunter2@127.0.0.1:1/nothing"):
            pass
    assert "hunter2" not in str(caught.value)
