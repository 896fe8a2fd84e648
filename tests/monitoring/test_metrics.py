"""What the metrics say after calls whose number and end are known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from server.audit.call_log import CallLog
from server.monitoring.activity import Activity
from server.monitoring.metrics import Metrics
from server.monitoring.monitoring import Monitoring
from server.tenancy.dependencies import StoreAccess
from tests.audit.reading import calls_of
from tests.monitoring.scraping import Scrape
from tests.support import Retailer
from tests.transport.serving import Served, bearer, request, serving, structured
from tests.transport.shop import blocked_backends, eventually, locked_receipts, open_store, wait_for_locks

SECRET = "hunter2"


@dataclass
class Counted:
    """A server, what it counts, and a token of its two stores."""

    served: Served
    metrics: Metrics
    activity: Activity
    token: str

    def scrape(self) -> Scrape:
        return Scrape(self.metrics.registry)

    async def call(self, tool: str, **arguments: Any) -> httpx2.Response:
        return await self.served.call(tool, arguments, authorization=bearer(self.token))


async def counted(retailer: Retailer, *stores: str, **settings: Any) -> AsyncIterator[Counted]:
    activity = Activity()
    metrics = Metrics(activity)
    async with serving(retailer, monitoring=Monitoring(activity, metrics), **settings) as served:
        yield Counted(served, metrics, activity, await retailer.token(*stores))


@pytest.fixture(scope="module")
async def shop(watched: Retailer) -> AsyncIterator[Counted]:
    async for server in counted(watched, "seattle", "redmond"):
        yield server


@pytest.fixture
async def own(retailer: Retailer) -> AsyncIterator[Counted]:
    """A server with little room and a database of its own."""
    await open_store(retailer, "seattle")
    await wait_for_locks(retailer)
    settings: dict[str, Any] = {
        "pool_size": 2,
        "pool_timeout_seconds": 0.3,
        "rate_per_minute": 60,
        "rate_burst": 40,
        "principal_concurrency": 4,
        "query_timeout_seconds": 60,
        "embeddings": "openai",
        "openai_base_url": "http://127.0.0.1:1/v1",
        "openai_api_key": SECRET,
        "embedding_timeout_seconds": 0.2,
    }
    async for server in counted(retailer, "seattle", **settings):
        yield server


async def test_calls_are_counted_by_tool_and_end_as_in_the_audit_log(shop: Counted, watched: Retailer) -> None:
    before, entries = shop.scrape(), len(await calls_of(watched))
    for _ in range(3):
        structured(await shop.call("list_transactions", store_id="seattle", limit=2))
    structured(await shop.call("compare_stores"))
    await shop.call("summarize_sales", store_id=SECRET)
    await shop.call("list_transactions", limit=SECRET)
    await shop.call(SECRET)
    after = shop.scrape()

    def series(tool: str, outcome: str, code: str) -> Any:
        return "retail_calls_total", (("code", code), ("outcome", outcome), ("tool", tool))

    assert after.since(before) == {
        series("list_transactions", "ok", "none"): 3,
        series("compare_stores", "ok", "none"): 1,
        series("summarize_sales", "refused", "not_found"): 1,
        series("list_transactions", "refused", "invalid_input"): 1,
        series("(unknown)", "refused", "unknown_tool"): 1,
    }

    async def written() -> list[dict[str, Any]] | None:
        found = (await calls_of(watched))[entries:]
        # A call through two stores has two entries.
        return found if len(found) >= 8 else None

    calls = {entry["call_id"]: entry for entry in await eventually(written) or []}
    assert len(calls) == sum(after.since(before).values())
    for name, of_tool in (("retail_call_duration_seconds_count", 4), ("retail_rows_returned_total", 6)):
        assert after.value(name, tool="list_transactions") - before.value(name, tool="list_transactions") == of_tool
    seconds = "retail_call_duration_seconds_sum"
    spent = after.value(seconds, tool="compare_stores") - before.value(seconds, tool="compare_stores")
    (compared,) = [entry for entry in calls.values() if entry["tool"] == "compare_stores"]
    assert compared["duration_ms"] - 1 <= spent * 1000 <= compared["duration_ms"]


async def test_labels_are_bounded_and_tell_nothing_of_stores_and_people(shop: Counted) -> None:
    await shop.call(SECRET, **{SECRET: SECRET})
    await shop.served.call("get_store_context", authorization=bearer("wrong"))
    seen = shop.scrape()
    tools = {tool.name for tool in await shop.served.app.local_provider.list_tools()}
    assert seen.labels("tool") == tools | {"(unknown)"}
    assert seen.labels("pool") == {"tools", "identities", "ad_hoc"}
    for label in ("store", "store_id", "principal", "subject", "role"):
        assert not seen.labels(label)
    assert seen.value("retail_http_refusals_total", status="401") >= 1


async def test_every_tool_has_its_series_before_its_first_call(shop: Counted) -> None:
    fresh = Metrics(Activity())
    fresh.tools_registered(tool.name for tool in await shop.served.app.local_provider.list_tools())
    seen = Scrape(fresh.registry)
    assert seen.labels("tool") == shop.scrape().labels("tool")
    assert seen.value("retail_calls_total", tool="get_customer", outcome="ok", code="none") == 0
    assert seen.labels("limit") == {"calls", "requests", "open_requests", "principals", "stores"}


async def test_a_full_pool_is_seen_and_who_waited_in_vain_counted(own: Counted, retailer: Retailer) -> None:
    quiet = own.scrape()
    assert quiet.value("retail_pool_size", pool="tools") == 2
    assert quiet.value("retail_pool_connections", pool="tools", state="in_use") == 0
    async with locked_receipts(retailer):
        # One place of a store less than there are connections.
        held = asyncio.create_task(own.call("summarize_sales"))

        async def is_blocked() -> bool:
            return len(await blocked_backends(retailer)) == 1

        await eventually(is_blocked)
        busy = own.scrape()
        assert busy.value("retail_pool_connections", pool="tools", state="in_use") == 1
        assert busy.value("retail_calls_in_progress") == 1
        refused = await own.call("list_transactions")
        assert "Too many" in refused.text
        assert own.scrape().value("retail_limit_refusals_total", limit="principals") == 1
    structured(await held)
    after = own.scrape()
    assert after.value("retail_calls_in_progress") == 0
    assert after.value("retail_pool_connections", pool="tools", state="in_use") == 0
    assert after.value("retail_pool_wait_seconds_count", pool="tools") > quiet.value(
        "retail_pool_wait_seconds_count", pool="tools"
    )
    ended = {"tool": "list_transactions", "outcome": "refused", "code": "too_many_calls"}
    assert after.value("retail_calls_total", **ended) == 1


async def test_waiting_for_a_connection_is_timed_and_giving_up_counted(own: Counted, retailer: Retailer) -> None:
    database = own.served.app._lifespan_result["server"].get(StoreAccess).database
    before = own.scrape()
    async with database.transaction(), database.transaction():
        full = asyncio.create_task(own.call("get_store_context"))

        async def one_waits() -> bool:
            return own.scrape().value("retail_pool_waiting", pool="tools") == 1

        await eventually(one_waits)
        assert "busy" in (await full).text
    after = own.scrape()
    assert after.value("retail_pool_failures_total", pool="tools") == 1
    assert after.value("retail_pool_waiting", pool="tools") == 0
    waited = "retail_pool_wait_seconds_sum"
    assert after.value(waited, pool="tools") - before.value(waited, pool="tools") >= 0.3


async def test_refusals_by_rate_and_by_open_requests_are_told_apart(own: Counted) -> None:
    await asyncio.gather(*(own.call("get_store_context") for _ in range(45)))
    seen = own.scrape()
    refused = seen.value("retail_limit_refusals_total", limit="calls")
    ended = {"tool": "get_store_context", "outcome": "refused", "code": "too_many_calls"}
    assert refused > 0
    assert refused + seen.value("retail_limit_refusals_total", limit="principals") == seen.value(
        "retail_calls_total", **ended
    )
    assert seen.value("retail_limit_refusals_total", limit="requests") == 0


async def test_what_becomes_of_wishes_for_vectors(own: Counted, shop: Counted) -> None:
    for _ in range(7):
        await own.call("search_products", query="lamp")
    seen = own.scrape()
    # After five failures in a row the provider is left alone.
    assert seen.value("retail_embeddings_total", outcome="failed") == 5
    assert seen.value("retail_embeddings_total", outcome="left_alone") == 2
    assert seen.value("retail_embedding_duration_seconds_count") == 5
    before = shop.scrape()
    for _ in range(3):
        structured(await shop.call("search_products", store_id="seattle", query="a lamp for the desk"))
    after = shop.scrape()
    for outcome, times in (("made", 1), ("remembered", 2), ("failed", 0)):
        name = "retail_embeddings_total"
        assert after.value(name, outcome=outcome) - before.value(name, outcome=outcome) == times


async def test_the_audit_queue_is_seen_to_fill_and_what_is_lost_is_counted(own: Counted, retailer: Retailer) -> None:
    assert own.scrape().value("retail_audit_writable") == 1
    assert own.scrape().value("retail_audit_queue_capacity") == 10_000
    await retailer.execute("alter table audit.tool_call rename to gone")
    try:
        for _ in range(3):
            structured(await own.call("get_store_context"))

        async def cannot_be_written() -> bool:
            return own.scrape().value("retail_audit_writable") == 0

        await eventually(cannot_be_written)
        assert own.scrape().value("retail_audit_queue") == 3
    finally:
        await retailer.execute("alter table audit.gone rename to tool_call")

    async def is_empty() -> bool:
        seen = own.scrape()
        return (seen.value("retail_audit_queue"), seen.value("retail_audit_writable")) == (0, 1)

    await eventually(is_empty)
    metrics = Metrics(Activity())
    async with CallLog(retailer.login_url("mcp_audit"), observer=metrics) as log:
        log.append(("no uuid", *[None] * 13))

        async def is_lost() -> bool:
            return Scrape(metrics.registry).value("retail_audit_entries_lost_total") == 1

        await eventually(is_lost)


async def test_a_process_that_drains_says_so(shop: Counted) -> None:
    seen = [shop.scrape().value("retail_draining")]
    shop.activity.draining = True
    try:
        seen.append(shop.scrape().value("retail_draining"))
        response = await shop.served.get("/ready")
    finally:
        shop.activity.draining = False
    assert seen == [0, 1]
    assert (response.status_code, response.json()) == (503, {"status": "draining"})
    assert (await shop.served.get("/ready")).status_code == 200


async def test_requests_of_any_kind_over_their_limit_are_counted(watched: Retailer) -> None:
    async for server in counted(watched, "seattle", rate_per_minute=1, rate_burst=1):
        body, headers = request("tools/list", None, "modern")
        async with httpx2.AsyncClient(timeout=30) as http:
            statuses = [
                (
                    await http.post(
                        server.served.url, content=body, headers=headers | {"authorization": bearer(server.token)}
                    )
                ).status_code
                for _ in range(5)
            ]
        assert statuses == [200] * 4 + [429]
        seen = server.scrape()
        assert seen.value("retail_limit_refusals_total", limit="requests") == 1
        assert seen.value("retail_http_refusals_total", status="429") == 1
