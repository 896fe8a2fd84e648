"""A server that is told to stop turns balancers away, then answers what it has begun."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from server.monitoring.activity import Activity
from server.process.sockets import listening_socket
from tests.audit.reading import calls_of
from tests.support import Retailer, answer, chosen
from tests.transport.processes import for_server, running
from tests.transport.serving import Served, ServerWithoutSignals, bearer, structured
from tests.transport.shop import blocked_backends, eventually, locked_receipts, open_store, wait_for_locks
from tests.transport.test_sse import sse_client
from tests.transport.test_stopping import address

SLOW = "summarize_sales"
SETTINGS = {
    "RETAIL_DRAIN_SECONDS": "3",
    "RETAIL_PRINCIPAL_CONCURRENCY": "4",
    "RETAIL_QUERY_TIMEOUT_SECONDS": "60",
}


async def test_calls_under_way_are_answered_and_entered(tmp_path: Path, retailer: Retailer) -> None:
    """One of each era and transport, all held up in the database until the server listens no more."""
    await open_store(retailer, "seattle", units=3)
    await wait_for_locks(retailer)
    token = bearer(await retailer.token("seattle"))
    env = for_server(retailer, RETAIL_PORT="0", **SETTINGS)
    async with running(tmp_path, env) as process:
        served = Served(await address(process), None)  # type: ignore[arg-type]
        async with sse_client(served, token.removeprefix("Bearer ")) as over_sse, AsyncExitStack() as locked:
            # After the first answer of a tool the client asks for its schema; later nobody would listen any more.
            await answer(over_sse, SLOW)
            await locked.enter_async_context(locked_receipts(retailer))
            modern = asyncio.create_task(served.call(SLOW, authorization=token))
            legacy = asyncio.create_task(served.call(SLOW, era="legacy", authorization=token))
            old = asyncio.create_task(answer(over_sse, SLOW))

            async def all_wait() -> bool:
                return len(await blocked_backends(retailer)) == 3

            await eventually(all_wait)
            process.send_signal(signal.SIGTERM)

            async def is_draining() -> bool:
                response = await served.get("/ready")
                return (response.status_code, response.json()) == (503, {"status": "draining"})

            await eventually(is_draining)
            assert (await served.get("/health")).status_code == 200
            structured(await served.call("list_categories", authorization=token))

            async def listens_no_more() -> bool:
                try:
                    await served.get("/health")
                except httpx2.TransportError:
                    return True
                return False

            await eventually(listens_no_more)
            assert not modern.done() and not legacy.done() and not old.done()
            await locked.aclose()
            answered = [structured(await modern), structured(await legacy), await old]
        assert [each["store_id"] for each in answered] == ["seattle"] * 3
        assert answered[0] == answered[1] == answered[2]
        await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0
    entered = sorted((entry["tool"], entry["outcome"]) for entry in await calls_of(retailer))
    assert entered == [("list_categories", "ok"), *[(SLOW, "ok")] * 4]


@pytest.mark.parametrize("signals", [1, 2], ids=["after ten seconds", "at a second Ctrl-C"])
async def test_a_call_that_is_given_up_ends_in_order(signals: int, tmp_path: Path, retailer: Retailer) -> None:
    """As if its caller had gone: its entry says so, and the log has no error."""
    await open_store(retailer, "seattle", units=3)
    await wait_for_locks(retailer)
    token = bearer(await retailer.token("seattle"))
    env = for_server(retailer, RETAIL_PORT="0", **{**SETTINGS, "RETAIL_DRAIN_SECONDS": "0"})
    async with running(tmp_path, env) as process:
        served = Served(await address(process), None)  # type: ignore[arg-type]
        async with locked_receipts(retailer):
            call = asyncio.create_task(served.call(SLOW, authorization=token))

            async def waits() -> bool:
                return len(await blocked_backends(retailer)) == 1

            await eventually(waits)
            for _ in range(signals):
                process.send_signal(signal.SIGINT)
                # Two at once may be one to the kernel.
                await asyncio.sleep(0.3)
            _, err = await asyncio.wait_for(process.communicate(), 30)
            with pytest.raises(httpx2.TransportError):
                await call
    assert process.returncode == 0
    assert b"ERROR" not in err and b"Traceback" not in err, err.decode()
    assert [(entry["tool"], entry["outcome"]) for entry in await calls_of(retailer)] == [(SLOW, "cancelled")]


async def served_until_stopped(seconds: float, signals: int) -> tuple[Activity, float]:
    """How long a server without any request goes on after so many times Ctrl-C."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError(f"nobody asks for {scope['type']}")

    activity = Activity()
    settings = chosen(port=0, drain_seconds=seconds)
    with listening_socket(settings.host, settings.port) as listener:
        ready = asyncio.Event()
        runner = ServerWithoutSignals(app, settings, ready.set, activity)
        task = asyncio.create_task(runner.serve(sockets=[listener]))
        await ready.wait()
        assert not activity.draining
        began = time.monotonic()
        for _ in range(signals):
            runner.handle_exit(signal.SIGINT, None)
        await asyncio.wait_for(task, 30)
    return activity, time.monotonic() - began


async def test_a_second_interrupt_waits_for_nothing() -> None:
    activity, seconds = await served_until_stopped(600, signals=2)
    assert activity.draining and seconds < 30


async def test_it_drains_as_long_as_the_setting_says() -> None:
    _, seconds = await served_until_stopped(0.5, signals=1)
    assert seconds >= 0.5
