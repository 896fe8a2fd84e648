"""One caller asks for too much: it is told so and when to come back, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from server.db.pool import Database
from server.tenancy import limits
from server.tenancy.call_limits import CallLimits
from tests.faults.messages import assert_helpful
from tests.support import Retailer, answer, refusal
from tests.transport.serving import bearer, failure, serving, structured
from tests.transport.shop import (
    blocked_backends,
    end_backends,
    eventually,
    locked_receipts,
    open_store,
    refuse_connections,
    wait_for_locks,
)
from tests.transport.test_sse import open_session, post

SLOW = {"rate_per_minute": 1, "rate_burst": 2}
PRODUCT = {"products": ["SKU-1"]}
# Seconds go by while a busy machine calls.
TOO_FAST = re.compile(
    r"You call faster than the 1 times a minute that are allowed, so this call did not run\. "
    r"Try the same call again in ([345]\d|60) seconds\."
)
TOO_MANY_OF_YOURS = (
    "Too many of your calls are under way at once, so this call did not run. Try the same call again in 2 seconds."
)
TOO_MANY_IN_THE_STORE = (
    "Too many calls to this store are under way at once, so this call did not run. "
    "Try the same call again in 2 seconds."
)


@pytest.fixture(autouse=True)
def without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is held: what the wait is for is tested with a clock of its own."""
    monkeypatch.setattr(limits, "PATIENCE_SECONDS", 0.0)


@pytest.fixture
async def both(seattle: Retailer) -> Retailer:
    """The test's own stores, Seattle and Redmond."""
    await open_store(seattle, "redmond", units=5)
    return seattle


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_who_calls_too_fast_is_told_that_nothing_ran_and_when_to_come_back(mode: str, seattle: Retailer) -> None:
    async with seattle.client("seattle", mode=mode, **SLOW) as client:
        for _ in range(2):
            await answer(client, "get_products", **PRODUCT)
        message = await refusal(client, "get_products", **PRODUCT)
    assert TOO_FAST.fullmatch(message)
    assert_helpful(message)


async def test_a_refused_call_takes_no_connection_and_runs_nothing(
    seattle: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with seattle.client("seattle", **SLOW) as client:
        for _ in range(2):
            await answer(client, "get_products", **PRODUCT)

        def nobody(*_: Any, **__: Any) -> None:
            raise AssertionError("a connection was asked for")

        monkeypatch.setattr(Database, "transaction", nobody)
        assert TOO_FAST.fullmatch(await refusal(client, "get_products", **PRODUCT))


async def test_wrong_arguments_count_too(seattle: Retailer) -> None:
    async with seattle.client("seattle", **SLOW) as client:
        for _ in range(2):
            assert "limit" in await refusal(client, "summarize_sales", limit=0)
        assert TOO_FAST.fullmatch(await refusal(client, "summarize_sales", limit=0))


async def test_one_callers_flood_leaves_the_others_their_own_rate(both: Retailer) -> None:
    flooding = bearer(await both.token("seattle"))
    # Another token of the same principal is no way round.
    again = bearer(await both.token("seattle"))
    quiet = [bearer(await both.token("redmond")), bearer(await both.token("seattle", role="support"))]
    async with serving(both, **SLOW) as served:
        for _ in range(2):
            structured(await served.call("get_products", PRODUCT, authorization=flooding))
        for token in (flooding, again):
            assert TOO_FAST.fullmatch(failure(await served.call("get_products", PRODUCT, authorization=token)))
        for token in quiet:
            structured(await served.call("get_products", PRODUCT, authorization=token))


async def test_time_in_the_database_is_charged(both: Retailer) -> None:
    await wait_for_locks(both)
    tokens = [bearer(await both.token(store)) for store in ("seattle", "redmond")]
    async with serving(both, rate_per_minute=1, rate_burst=4) as served:
        async with locked_receipts(both):
            slow = asyncio.create_task(served.call("summarize_sales", authorization=tokens[0]))
            await eventually(lambda: blocked_backends(both))
            await asyncio.sleep(4 * limits.SECONDS_PER_TOKEN)
        structured(await slow)
        assert "did not run" in failure(await served.call("get_products", PRODUCT, authorization=tokens[0]))
        for _ in range(4):
            structured(await served.call("get_products", PRODUCT, authorization=tokens[1]))


async def test_requests_of_any_kind_are_bounded_over_http(both: Retailer) -> None:
    token, other = bearer(await both.token("seattle")), bearer(await both.token("redmond"))
    async with serving(both, **SLOW) as served:
        ends = [await served.post("tools/list", authorization=token) for _ in range(9)]
        assert [end.status_code for end in ends] == [200] * 8 + [429]
        assert int(ends[-1].headers["retry-after"]) > 0
        told = ends[-1].json()["error"]
        assert told["data"] == {"error": "too_many_requests"}
        assert_helpful(told["message"])
        assert "did not run" in told["message"]
        # Both transports share the rate.
        async with httpx2.AsyncClient(base_url=served.base) as client:
            assert (await client.get("/sse", headers={"authorization": token})).status_code == 429
        assert (await served.post("tools/list", authorization=other)).status_code == 200
        # Who is nobody is refused as such, and health is not counted.
        assert (await served.post("tools/list", authorization="Bearer rmcp_x")).status_code == 401
        assert {(await served.get("/health")).status_code for _ in range(20)} == {200}


async def test_messages_of_a_session_are_requests_like_any_other(seattle: Retailer) -> None:
    token = await seattle.token("seattle")
    async with serving(seattle, **SLOW) as served, open_session(served, token) as address:
        ends = [await post(address, authorization=bearer(token)) for _ in range(8)]
    assert ends == [202] * 7 + [429]


async def waiting(retailer: Retailer, count: int) -> None:
    async def so_many() -> bool:
        return len(await blocked_backends(retailer)) == count

    await eventually(so_many)


async def test_one_callers_open_streams_leave_connections_to_the_others(both: Retailer) -> None:
    """A stream takes a connection for as long as its client likes, and costs no further request."""
    hoarder, other = await both.token("seattle", subject="hoarder"), await both.token("redmond", subject="other")
    async with serving(both, max_connections=16) as served, AsyncExitStack() as streams:
        for _ in range(4):
            await streams.enter_async_context(open_session(served, hoarder))
        refused = await served.post("tools/list", authorization=bearer(hoarder))
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "2"
        assert refused.json()["error"]["message"].startswith("Too many of your requests and streams are open at once")
        structured(await served.call("get_store_context", authorization=bearer(other)))

        await streams.aclose()

        async def is_served_again() -> bool:
            return (await served.post("tools/list", authorization=bearer(hoarder))).status_code == 200

        await eventually(is_served_again)


async def test_a_caller_with_too_much_under_way_waits_and_is_then_refused(seattle: Retailer) -> None:
    await wait_for_locks(seattle)
    async with seattle.client("seattle", pool_timeout_seconds=0.3, query_timeout_seconds=60) as client:
        async with locked_receipts(seattle):
            slow = [asyncio.create_task(answer(client, "summarize_sales")) for _ in range(2)]
            await waiting(seattle, 2)
            assert await refusal(client, "get_products", **PRODUCT) == TOO_MANY_OF_YOURS
        await asyncio.gather(*slow)
        await answer(client, "get_products", **PRODUCT)


async def test_a_short_wait_is_no_refusal(seattle: Retailer) -> None:
    """Assistants send a few calls at once: they run one after the other."""
    async with seattle.client("seattle", pool_size=1) as client:
        found = await asyncio.gather(*(answer(client, "get_products", **PRODUCT) for _ in range(12)))
    assert len(found) == 12


async def test_a_store_with_too_much_under_way_leaves_connections_to_the_others(both: Retailer) -> None:
    await wait_for_locks(both)
    people = [bearer(await both.token("seattle", subject=f"person {number}")) for number in range(6)]
    redmond = bearer(await both.token("redmond"))
    async with serving(both, pool_size=5, pool_timeout_seconds=1, query_timeout_seconds=60) as served:
        async with locked_receipts(both):
            flood = [
                asyncio.create_task(served.call("summarize_sales", authorization=token))
                for token in people
                for _ in range(2)
            ]
            await waiting(both, 4)
            for _ in range(5):
                structured(await served.call("get_products", PRODUCT, authorization=redmond))
            # Somebody new in the flooded store is the one who is told.
            new = bearer(await both.token("seattle", subject="somebody new"))
            assert failure(await served.call("get_products", PRODUCT, authorization=new)) == TOO_MANY_IN_THE_STORE
        ends = await asyncio.gather(*flood)
    texts = [json.dumps(end.json() if "json" in end.headers["content-type"] else end.text) for end in ends]
    assert sum("net_revenue" in text for text in texts) == 4
    assert sum("did not run" in text for text in texts) == 8


async def test_a_principal_of_several_stores_cannot_take_all_connections(both: Retailer) -> None:
    await wait_for_locks(both)
    head_office = bearer(await both.token("seattle", "redmond"))
    support = bearer(await both.token("redmond", role="support"))
    async with serving(both, pool_size=3, pool_timeout_seconds=0.3, query_timeout_seconds=60) as served:
        async with locked_receipts(both):
            flood = [
                asyncio.create_task(served.call("summarize_sales", {"store_id": store}, authorization=head_office))
                for store in ("seattle", "redmond") * 3
            ]
            await waiting(both, 2)
            structured(await served.call("get_products", PRODUCT, authorization=support))
        await asyncio.gather(*flood)


async def test_naming_somebody_elses_store_takes_none_of_its_places(
    both: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever can log in could keep a store's own people waiting."""
    taken: list[str | None] = []
    acquire = CallLimits.acquire

    def noted(self: CallLimits, principal: int, store_id: str | None) -> Any:
        taken.append(store_id)
        return acquire(self, principal, store_id)

    monkeypatch.setattr(CallLimits, "acquire", noted)
    async with both.client("redmond") as client:
        for store in ("seattle", "nowhere"):
            assert "No such store among yours" in await refusal(client, "get_products", **PRODUCT, store_id=store)
        await answer(client, "get_products", **PRODUCT)
        await answer(client, "get_products", **PRODUCT, store_id="redmond")
    assert taken == [None, None, "redmond", "redmond"]


async def test_places_come_back_after_faults(seattle: Retailer) -> None:
    """Killed connections, an unreachable database: none of it uses a place up."""
    await wait_for_locks(seattle)
    async with seattle.client("seattle", pool_size=2, query_timeout_seconds=60) as client:
        for _ in range(3):
            async with locked_receipts(seattle):
                call = asyncio.create_task(refusal(client, "summarize_sales"))
                await waiting(seattle, 1)
                await end_backends(seattle)
                await call
        await answer(client, "summarize_sales")


async def test_an_unreachable_database_uses_no_place_up(seattle: Retailer) -> None:
    async with seattle.client("seattle", pool_size=2) as client:
        await refuse_connections(seattle)
        for _ in range(3):
            assert "not reachable" in await refusal(client, "get_products", **PRODUCT)
