"""Many calls at once: nobody gets another store's answer, and nobody's query outlives its caller."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import httpx2
import pytest
from fastmcp import Client

from server.transport.address import MCP_PATH
from tests.support import Retailer, answer
from tests.transport.serving import Served, bearer, request, serving, structured
from tests.transport.shop import blocked_backends, eventually, locked_receipts, open_store, wait_for_locks

CALLS = 300
STORES = {"seattle": 3, "redmond": 5}
TOOLS: list[tuple[str, dict[str, Any]]] = [
    ("get_store_context", {}),
    ("summarize_sales", {}),
    ("summarize_sales", {"group_by": "product"}),
    ("list_top_products", {"limit": 3}),
    ("list_transactions", {"limit": 2}),
    ("search_customers", {"loyalty_tier": "gold"}),
]


async def test_interleaved_calls_of_two_stores_never_mix(two_stores: Retailer) -> None:
    """On two connections, so that each one changes hands between the stores all the time."""
    chance = random.Random(20261120)
    tokens = {store: await two_stores.token(store) for store in STORES}
    calls = [(chance.choice(list(STORES)), *chance.choice(TOOLS)) for _ in range(CALLS)]
    taking_turns = asyncio.Semaphore(16)

    async with (
        serving(two_stores, pool_size=2, pool_timeout_seconds=30) as served,
        served.client(tokens["seattle"]) as seattle,
        served.client(tokens["redmond"]) as redmond,
    ):
        clients = {"seattle": seattle, "redmond": redmond}

        async def call(store: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            async with taking_turns:
                return await answer(clients[store], tool, **arguments)

        answers = await asyncio.gather(*(call(*one) for one in calls))

    for (store, tool, _), found in zip(calls, answers, strict=True):
        (other,) = STORES.keys() - {store}
        text = json.dumps(found).lower()
        assert store in text
        assert other not in text
        if tool == "summarize_sales":
            assert found["totals"]["figures"]["net_revenue"] == f"{3 * 10 * STORES[store]}.00"


async def test_one_principal_in_two_stores_at_once(two_stores: Retailer, both: str) -> None:
    async with serving(two_stores, pool_size=2, pool_timeout_seconds=30) as served:
        stores = [random.Random(7).choice(list(STORES)) for _ in range(60)]
        taking_turns = asyncio.Semaphore(16)

        async def call(client: Client[Any], store: str) -> dict[str, Any]:
            async with taking_turns:
                return await answer(client, "summarize_sales", store_id=store)

        async with served.client(both) as client:
            answers = await asyncio.gather(*(call(client, store) for store in stores))
    assert [found["store_id"] for found in answers] == stores
    assert [found["totals"]["figures"]["units_sold"] for found in answers] == [3 * STORES[store] for store in stores]


async def test_a_query_ends_when_its_caller_goes_away(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    await wait_for_locks(retailer)
    token = await retailer.token("seattle")
    body, headers = request("tools/call", {"name": "summarize_sales", "arguments": {}}, "modern")
    async with serving(retailer, pool_size=1, query_timeout_seconds=60) as served:
        async with locked_receipts(retailer):
            async with httpx2.AsyncClient(base_url=served.base, timeout=60) as http:
                call = asyncio.create_task(
                    http.post(MCP_PATH, content=body, headers=headers | {"authorization": bearer(token)})
                )
                await eventually(lambda: blocked_backends(retailer))
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call

            async def nothing_waits() -> bool:
                return not await blocked_backends(retailer)

            await eventually(nothing_waits)
        # Its only connection is free again, and clean.
        structured(await served.call("summarize_sales", authorization=bearer(token)))


async def test_a_slow_call_does_not_hold_up_others(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    await wait_for_locks(retailer)
    token = bearer(await retailer.token("seattle"))
    async with serving(retailer, query_timeout_seconds=60) as served:
        async with locked_receipts(retailer):
            slow = asyncio.create_task(served.call("summarize_sales", authorization=token))
            await eventually(lambda: blocked_backends(retailer))
            for _ in range(5):
                structured(await served.call("get_products", {"products": ["SKU-1"]}, authorization=token))
            assert not slow.done()
        structured(await slow)


async def test_connections_carry_nothing_from_call_to_call(retailer: Retailer) -> None:
    """One connection, calls of two stores, refusals in between."""
    for store, units in STORES.items():
        await open_store(retailer, store, units)
    tokens = {store: bearer(await retailer.token(store)) for store in STORES}

    async def revenue(served: Served, store: str, wish: str | None = None) -> str | None:
        arguments = {"store_id": wish} if wish else {}
        response = await served.call("summarize_sales", arguments, authorization=tokens[store])
        text = response.text
        return structured(response)["totals"]["figures"]["net_revenue"] if 'isError":true' not in text else None

    async with serving(retailer, pool_size=1) as served:
        found = [
            await revenue(served, "seattle"),
            await revenue(served, "redmond"),
            await revenue(served, "seattle", wish="redmond"),
            await revenue(served, "redmond"),
            await revenue(served, "redmond", wish="seattle"),
            await revenue(served, "seattle"),
        ]
    assert found == ["90.00", "150.00", None, "150.00", None, "90.00"]
