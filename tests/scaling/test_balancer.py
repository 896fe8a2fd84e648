"""Two servers behind nginx under load: one dies, one is told to stop, and nobody notices."""

from __future__ import annotations

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from server.db.operator import admin_connection
from server.operations.admin.tokens import issue_token, revoke_token
from server.transport.address import MCP_PATH
from tests.scaling.balancer import PROGRAM, Callers, balanced
from tests.support import Retailer
from tests.transport.processes import for_server, running
from tests.transport.serving import Served, bearer, structured
from tests.transport.test_stopping import address

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(900),
    pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed"),
]

CALLERS = 4
CALLS = 40
SECONDS = 200
# A test asks in a second what an assistant asks in an hour.
ROOMY = {"RETAIL_RATE_PER_MINUTE": "1000000", "RETAIL_RATE_BURST": "1000000", "RETAIL_PRINCIPAL_CONCURRENCY": "7"}


@asynccontextmanager
async def server(directory: Path, retailer: Retailer, port: int = 0) -> AsyncIterator[tuple[Served, Process]]:
    async with running(directory, for_server(retailer, RETAIL_PORT=str(port), **ROOMY)) as process:
        yield Served(await address(process, SECONDS), None), process  # type: ignore[arg-type]


async def test_no_call_is_lost_with_a_server(tmp_path: Path, two_stores: Retailer, seattle: str) -> None:
    async with AsyncExitStack() as opened:
        (one, first), (two, _) = [await opened.enter_async_context(server(tmp_path, two_stores)) for _ in range(2)]
        base = await opened.enter_async_context(balanced(tmp_path, [one.port, two.port]))
        callers = Callers(base + MCP_PATH, seattle)
        async with callers.calling(CALLERS):
            await callers.more(CALLS)
            first.kill()
            killed = time.monotonic()
            await callers.more(CALLS)
        # Those whose answer had begun.
        assert len(callers.failed) <= CALLERS
        assert all(began < killed for began, _ in callers.failed), callers.failed

        _, again = await opened.enter_async_context(server(tmp_path, two_stores, one.port))
        callers.failed.clear()
        async with callers.calling(CALLERS):
            await callers.more(CALLS)
            again.send_signal(signal.SIGTERM)
            await asyncio.wait_for(again.communicate(), SECONDS)
            await callers.more(CALLS)
        assert again.returncode == 0
        assert callers.failed == []


async def test_servers_give_the_same_answers(tmp_path: Path, two_stores: Retailer, seattle: str) -> None:
    async with AsyncExitStack() as opened:
        both = [(await opened.enter_async_context(server(tmp_path, two_stores)))[0] for _ in range(2)]

        async def page(of: Served, cursor: str | None) -> dict[str, Any]:
            arguments = {"limit": 2, "cursor": cursor}
            return structured(await of.call("search_products", arguments, authorization=bearer(seattle)))

        first = [await page(of, None) for of in both]
        assert first[0] == first[1]
        assert first[0]["next_cursor"]
        # Each goes on where the other stopped.
        second = [await page(of, before["next_cursor"]) for of, before in zip(both, reversed(first), strict=True)]
        assert second[0] == second[1]
        assert not {row["sku"] for row in first[0]["rows"]} & {row["sku"] for row in second[0]["rows"]}

        async with admin_connection(two_stores.admin_url) as connection:
            issued = await issue_token(connection, "leaving", ["seattle"], "manager", lifetime=timedelta(hours=1))
            for of in both:
                structured(await of.call("get_store_context", authorization=bearer(issued.token)))
            await revoke_token(connection, issued.token_id)
        for of in both:
            refused: httpx2.Response = await of.call("get_store_context", authorization=bearer(issued.token))
            assert refused.status_code == 401
