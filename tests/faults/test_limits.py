"""Too much at once, or too slow: the call ends in time and says so."""

from __future__ import annotations

import asyncio
import time

from tests.faults.messages import BUSY, INTERNAL, TOO_SLOW, UNREACHABLE, assert_helpful
from tests.support import Retailer, answer, refusal
from tests.transport.serving import bearer, failure, serving, structured
from tests.transport.shop import (
    blocked_backends,
    eventually,
    locked_receipts,
    set_for_server,
    wait_for_locks,
)


async def test_without_a_free_connection_a_call_is_turned_away(seattle: Retailer) -> None:
    await wait_for_locks(seattle)
    async with seattle.client("seattle", pool_size=1, pool_timeout_seconds=0.2, query_timeout_seconds=60) as client:
        async with locked_receipts(seattle):
            slow = asyncio.create_task(answer(client, "summarize_sales"))
            await eventually(lambda: blocked_backends(seattle))
            started = time.monotonic()
            assert await refusal(client, "get_products", products=["SKU-1"]) == BUSY
            assert time.monotonic() - started < 4
        await slow
        await answer(client, "get_products", products=["SKU-1"])


async def test_over_http_a_full_server_turns_a_call_away(seattle: Retailer) -> None:
    await wait_for_locks(seattle)
    token = bearer(await seattle.token("seattle"))
    async with serving(seattle, pool_size=1, pool_timeout_seconds=0.2, query_timeout_seconds=60) as served:
        async with locked_receipts(seattle):
            slow = asyncio.create_task(served.call("summarize_sales", authorization=token))
            await eventually(lambda: blocked_backends(seattle))
            turned_away = await served.call("get_products", {"products": ["SKU-1"]}, authorization=token)
        structured(await slow)
        structured(await served.call("get_products", {"products": ["SKU-1"]}, authorization=token))
    assert failure(turned_away) == BUSY


async def test_a_query_over_its_time_limit_is_stopped(seattle: Retailer) -> None:
    await wait_for_locks(seattle)
    async with seattle.client("seattle", query_timeout_seconds=1) as client:
        async with locked_receipts(seattle):
            assert await refusal(client, "summarize_sales") == TOO_SLOW
            # Stopped in the database as well, not only given up on.
            assert await blocked_backends(seattle) == []
        assert (await answer(client, "summarize_sales"))["totals"]["transactions"] == 3


async def test_waiting_too_long_for_somebody_elses_lock_is_a_passing_condition(seattle: Retailer) -> None:
    """As during a migration; sql/0010 gives such a wait two seconds."""
    await set_for_server(seattle, "lock_timeout", "100ms")
    async with seattle.client("seattle") as client:
        async with locked_receipts(seattle):
            message = await refusal(client, "summarize_sales")
        await answer(client, "summarize_sales")
    assert_helpful(message)
    assert not INTERNAL.search(message), message


async def test_a_transaction_over_its_time_limit_is_ended(seattle: Retailer) -> None:
    """The last of the limits in sql/0010: it ends the connection, not only the query."""
    await wait_for_locks(seattle)
    await set_for_server(seattle, "transaction_timeout", "1s")
    async with seattle.client("seattle") as client:
        async with locked_receipts(seattle):
            assert await refusal(client, "summarize_sales") in (TOO_SLOW, UNREACHABLE)
        assert (await answer(client, "summarize_sales"))["totals"]["transactions"] == 3
