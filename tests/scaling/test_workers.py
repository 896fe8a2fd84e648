"""Several processes on one port, in the real program: they answer alike, are replaced, and stop together."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from server.db.operator import admin_connection
from server.operations.admin.tokens import issue_token, revoke_token
from server.transport.address import SSE_PATH
from tests.support import CONTEXT_KEY, Retailer
from tests.transport.processes import for_server, run, running
from tests.transport.serving import Served, bearer, request, structured
from tests.transport.shop import eventually
from tests.transport.test_stopping import address

WORKERS = 2
# Starting takes a few seconds of a core, of which a busy machine gives few.
SECONDS = 200
UNHURRIED = """
do $$ begin
  execute format('alter role mcp_user in database %I set lock_timeout = %L', current_database(), '9s');
end $$
"""


def workers_of(pid: int) -> list[psutil.Process]:
    """The processes that answer."""
    return [
        child
        for child in psutil.Process(pid).children()
        if "spawn_main" in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE
    ]


async def replaced_workers(pid: int, dead: psutil.Process) -> list[psutil.Process] | None:
    """The processes that answer, once there are as many as there should be."""
    now = workers_of(pid)
    return now if len(now) == WORKERS and dead not in now else None


async def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() for process in processes)


@contextmanager
def only(chosen: psutil.Process, workers: list[psutil.Process]) -> Iterator[None]:
    """Let one worker alone accept connections: the others stand still."""
    others = [worker for worker in workers if worker != chosen]
    for worker in others:
        worker.suspend()
    try:
        yield
    finally:
        for worker in others:
            worker.resume()


@asynccontextmanager
async def held_up(retailer: Retailer) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A lock that calls wait for; yields what waits until one does."""
    async with admin_connection(retailer.admin_url) as connection, connection.transaction():
        await connection.execute("lock table retail.products in access exclusive mode")

        async def somebody_waits() -> None:
            waits = "select exists (select from pg_locks where relation = 'retail.products'::regclass and not granted)"
            await eventually(lambda: connection.fetchval(waits), SECONDS)

        yield somebody_waits


@asynccontextmanager
async def serving_with_workers(directory: Path, retailer: Retailer) -> AsyncIterator[tuple[Served, Any]]:
    env = for_server(retailer, RETAIL_PORT="0")
    async with running(directory, env, "--workers", str(WORKERS)) as process:
        served = Served(await address(process, SECONDS), None)  # type: ignore[arg-type]
        yield served, process


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_workers_answer_alike_and_are_replaced_and_finish_their_calls(
    tmp_path: Path, two_stores: Retailer, both: str, seattle: str
) -> None:
    # A call that is held up is to be finished, not refused for the lock.
    await two_stores.execute(UNHURRIED)
    async with serving_with_workers(tmp_path, two_stores) as (served, process):
        workers = workers_of(process.pid)
        assert len(workers) == WORKERS

        # One after the other gives the next page of the same list.
        found: list[str] = []
        cursor = None
        for worker in workers * 2:
            with only(worker, workers):
                page = structured(
                    await served.call("search_products", {"limit": 1, "cursor": cursor}, authorization=bearer(seattle))
                )
            found += [product["sku"] for product in page["rows"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        skus = await two_stores.fetch("select sku from retail.products where store_id = 'seattle' and is_active")
        assert len(found) >= WORKERS
        assert len(set(found)) == len(found)
        assert set(found) <= {row["sku"] for row in skus}

        # A token that both remember ends in both.
        async with admin_connection(two_stores.admin_url) as connection:
            issued = await issue_token(connection, "leaving soon", ["seattle"], "manager", lifetime=timedelta(hours=1))
            for worker in workers:
                with only(worker, workers):
                    structured(await served.call("get_store_context", authorization=bearer(issued.token)))
            await revoke_token(connection, issued.token_id)
        for worker in workers:
            with only(worker, workers):
                assert (await served.call("get_store_context", authorization=bearer(issued.token))).status_code == 401

        refused = await served.get(SSE_PATH)
        assert refused.status_code == 404
        assert "/mcp" in refused.json()["error"]["message"]

        # While one is missing the other answers, and soon there are two again.
        workers[0].kill()
        for _ in range(5):
            structured(await served.call("get_store_context", {"store_id": "redmond"}, authorization=bearer(both)))
        replaced = await eventually(lambda: replaced_workers(process.pid, workers[0]), SECONDS)
        with only(next(worker for worker in replaced if worker not in workers), replaced):
            structured(await served.call("get_store_context", authorization=bearer(seattle)))

        async with httpx2.AsyncClient(timeout=SECONDS) as http:
            async with held_up(two_stores) as somebody_waits:
                body, headers = request("tools/call", {"name": "list_low_stock", "arguments": {}}, "modern")
                headers["authorization"] = bearer(seattle)
                call = asyncio.create_task(http.post(served.url, content=body, headers=headers))
                await somebody_waits()
                process.send_signal(signal.SIGTERM)
            structured(await call)
        _, told = await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode == 0
        assert not any(worker.is_running() for worker in replaced)
        assert f"Worker {workers[0].pid} ended (exit code -9)" in told.decode()
        assert "Traceback" not in told.decode()


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_workers_do_not_outlive_who_watches_over_them(tmp_path: Path, two_stores: Retailer) -> None:
    async with serving_with_workers(tmp_path, two_stores) as (_, process):
        workers = workers_of(process.pid)
        process.kill()
        await process.wait()

        await eventually(lambda: all_gone(workers), SECONDS)


async def test_what_keeps_workers_from_starting_is_said_once(tmp_path: Path, two_stores: Retailer) -> None:
    env = for_server(two_stores, RETAIL_PORT="0", RETAIL_CONTEXT_KEY=CONTEXT_KEY[::-1])

    ended = await run(tmp_path, env, "--workers", str(WORKERS), seconds=SECONDS)

    assert ended.code == 2
    assert len(re.findall("does not accept the signing key", ended.err)) == 1
    assert "Traceback" not in ended.err
