"""The database goes away: the caller is told to try again, and trying again works."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.db.embedded import embedded_server, postmaster
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.operations.admin.keys import install_key
from tests.faults.messages import UNREACHABLE
from tests.support import CONTEXT_KEY, Retailer, answer, refusal
from tests.transport.serving import Served, bearer, failure, serving, structured
from tests.transport.shop import (
    accept_connections,
    blocked_backends,
    end_backends,
    eventually,
    locked_receipts,
    open_store,
    refuse_connections,
    server_backends,
    wait_for_locks,
)


async def test_a_restart_in_the_middle_of_a_call(seattle: Retailer) -> None:
    await wait_for_locks(seattle)
    async with seattle.client("seattle", query_timeout_seconds=60) as client:
        async with locked_receipts(seattle):
            call = asyncio.create_task(refusal(client, "summarize_sales"))
            await eventually(lambda: blocked_backends(seattle))
            await end_backends(seattle)
            assert await call == UNREACHABLE
        assert (await answer(client, "summarize_sales"))["totals"]["figures"]["transactions"] == 3


async def test_a_restart_in_the_middle_of_several_calls(seattle: Retailer) -> None:
    await wait_for_locks(seattle)
    async with seattle.client(
        "seattle", query_timeout_seconds=60, pool_size=4, principal_concurrency=3, store_concurrency=3
    ) as client:
        async with locked_receipts(seattle):
            calls = [asyncio.create_task(refusal(client, "summarize_sales")) for _ in range(3)]

            async def all_wait() -> bool:
                return len(await blocked_backends(seattle)) == 3

            await eventually(all_wait)
            await end_backends(seattle)
            assert await asyncio.gather(*calls) == [UNREACHABLE] * 3
        assert (await answer(client, "summarize_sales"))["totals"]["figures"]["transactions"] == 3


async def test_connections_that_died_in_the_pool(seattle: Retailer) -> None:
    """At most one call meets a dead connection, however many there were."""
    await wait_for_locks(seattle)
    async with seattle.client(
        "seattle", query_timeout_seconds=60, pool_size=4, principal_concurrency=3, store_concurrency=3
    ) as client:
        async with locked_receipts(seattle):
            calls = [asyncio.create_task(answer(client, "summarize_sales")) for _ in range(3)]

            async def all_wait() -> bool:
                return len(await blocked_backends(seattle)) == 3

            await eventually(all_wait)
        await asyncio.gather(*calls)
        assert len(await server_backends(seattle)) == 3

        await end_backends(seattle)
        results = [await client.call_tool("summarize_sales", {}, raise_on_error=False) for _ in range(4)]
    assert [result.is_error for result in results[1:]] == [False] * 3
    if results[0].is_error:
        assert results[0].content[0].text == UNREACHABLE


async def test_while_it_is_down_callers_are_told_and_afterwards_served(seattle: Retailer) -> None:
    async with seattle.client("seattle") as client:
        await answer(client, "summarize_sales")
        await refuse_connections(seattle)
        for tool in ("summarize_sales", "get_store_context", "list_categories"):
            assert await refusal(client, tool) == UNREACHABLE
        await accept_connections(seattle)
        assert (await answer(client, "summarize_sales"))["store_id"] == "seattle"


async def turned_away(served: Served, token: str) -> bool:
    response = await served.call("summarize_sales", authorization=token)
    return response.status_code == 503 or failure(response) != UNREACHABLE


async def test_over_http_it_is_a_passing_condition_and_no_refused_token(seattle: Retailer) -> None:
    """401 would make a client throw a good token away, 500 would not be tried again."""
    token = bearer(await seattle.token("seattle"))
    async with serving(seattle) as served:
        structured(await served.call("summarize_sales", authorization=token))
        await refuse_connections(seattle)
        # A token that is still remembered gets past the door, and the tool says the same.
        await eventually(lambda: turned_away(served, token))
        down = await served.call("summarize_sales", authorization=token)
        await accept_connections(seattle)
        structured(await served.call("summarize_sales", authorization=token))
    assert down.status_code == 503
    assert int(down.headers["retry-after"]) > 0
    assert down.json()["error"] == {
        "code": -32603,
        "message": UNREACHABLE,
        "data": {"error": "temporarily_unavailable"},
    }


async def test_a_restart_after_the_token_was_checked(seattle: Retailer) -> None:
    await wait_for_locks(seattle)
    token = bearer(await seattle.token("seattle"))
    async with serving(seattle, query_timeout_seconds=60) as served:
        async with locked_receipts(seattle):
            call = asyncio.create_task(served.call("summarize_sales", authorization=token))
            await eventually(lambda: blocked_backends(seattle))
            await end_backends(seattle)
            assert failure(await call) == UNREACHABLE
        structured(await served.call("summarize_sales", authorization=token))


@dataclass(frozen=True)
class OwnServer:
    """A PostgreSQL that a test may stop."""

    retailer: Retailer
    stop: Callable[[], Any]
    start: Callable[[], Any]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Short, for the socket's path, and reachable for the server's own user when root runs the tests."""
    directory = Path(tempfile.mkdtemp(prefix="retail-test-"))
    directory.chmod(0o755)
    yield directory / "data"
    shutil.rmtree(directory)


@pytest.fixture
async def own_server(data_dir: Path) -> AsyncIterator[OwnServer]:
    with embedded_server(data_dir) as server:
        own = postmaster(data_dir)
        retailer = Retailer(server.dsn("postgres", "postgres"), server.dsn("mcp_user", "postgres"))
        async with admin_connection(retailer.admin_url) as connection:
            await migrate(connection)
            await install_key(connection, CONTEXT_KEY)
        await open_store(retailer, "seattle")
        yield OwnServer(retailer, own.stop, own.ensure_running)


async def test_a_database_that_is_stopped_and_started_again(own_server: OwnServer) -> None:
    """The real thing: no socket, no process, another process id afterwards."""
    async with own_server.retailer.client("seattle") as client:
        await answer(client, "summarize_sales")
        await asyncio.to_thread(own_server.stop)
        for _ in range(3):
            assert await refusal(client, "summarize_sales") == UNREACHABLE
        await asyncio.to_thread(own_server.start)
        assert (await answer(client, "summarize_sales"))["totals"]["figures"]["transactions"] == 3
