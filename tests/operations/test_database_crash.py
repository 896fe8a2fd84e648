"""The database crashes under load: callers are told in words, and served again without a restart of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.operations.admin.keys import install_key
from tests.cluster import Cluster
from tests.faults.messages import UNREACHABLE
from tests.operations.ordinary import PASSWORD, Ordinary, ordinary_server
from tests.sql.acting import retailer_on
from tests.support import CONTEXT_KEY, Retailer
from tests.transport.processes import for_server, running
from tests.transport.serving import Served
from tests.transport.shop import eventually, open_store
from tests.transport.test_stopping import address
from tests.upgrade.calling import ROOMY, Answers, calling

pytestmark = pytest.mark.operations
STORES = ("seattle", "redmond")
# At the door, before the token could be looked up, and of a tool: the same words, and to try again.
TOLD = {UNREACHABLE, f"503 {UNREACHABLE}"}


@pytest.fixture
def database() -> Ordinary:
    with ordinary_server() as server:
        yield server


@pytest.fixture
async def shop(database: Ordinary) -> AsyncIterator[Retailer]:
    cluster = Cluster(database.url(), PASSWORD)
    retailer = retailer_on(cluster, "postgres")
    async with admin_connection(retailer.admin_url) as connection:
        await migrate(connection)
        await install_key(connection, CONTEXT_KEY)
        await connection.execute(cluster.login_statement())
    for store_id in STORES:
        await open_store(retailer, store_id)
    yield retailer


async def status(served: Served, path: str) -> int:
    return (await served.get(path)).status_code


async def refused(answers: Answers, more: int) -> None:
    """Wait until so many more calls were refused."""
    enough = answers.told.total() + more

    async def are_told() -> bool:
        return answers.told.total() >= enough

    await eventually(are_told, 60)


async def test_calls_fail_in_words_and_then_succeed_again(database: Ordinary, shop: Retailer, tmp_path: Path) -> None:
    tokens = {store_id: await shop.token(store_id) for store_id in STORES}
    async with running(tmp_path, for_server(shop, RETAIL_PORT="0", **ROOMY)) as process:
        served = Served(await address(process), None)  # type: ignore[arg-type]
        async with calling(served, tokens) as answers:
            for crash in range(2):
                await answers.reach(answers.served + 10)
                assert answers.told.total() == 0 or crash
                await asyncio.to_thread(database.stop, "immediate")
                await refused(answers, 10)
                assert await status(served, "/health") == 200
                assert await status(served, "/ready") == 503
                await asyncio.to_thread(database.start)

                async def is_ready() -> bool:
                    return await status(served, "/ready") == 200

                await eventually(is_ready, 30)
                before = answers.told.total()
                await answers.reach(answers.served + 10)
                # What was asked while it recovered may still have been refused; nothing is after that.
                assert answers.told.total() - before <= len(tokens)

        async def are_entered() -> bool:
            return await shop.value("select count(*) from audit.tool_call where outcome = 'ok'") >= answers.served

        await eventually(are_entered, 10)
        assert process.returncode is None
    assert set(answers.told) <= TOLD
    assert answers.foreign == []
