"""How the store context behaves for who may have it; forgeries are in tests/security/test_forgery_and_replay.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.sql.acting import SIGNER, TwoStores, enter, rolled_back
from tests.sql.factories import insert_principal

READ = "select distinct store_id from retail.products"


@pytest.fixture(scope="module")
async def of_both(operator: Any, two_stores: TwoStores) -> AsyncIterator[int]:
    """A principal who is manager of seattle and analyst of redmond."""
    principal = await insert_principal(operator, "of both", {"seattle": "manager", "redmond": "analyst"})
    yield principal
    await operator.execute(f"delete from guard.principal where principal_id = {principal}")


async def stores_seen(connection: Any) -> list[str]:
    return [row["store_id"] for row in await connection.fetch(READ)]


async def test_good_token_opens_its_store(mcp: Any, two_stores: TwoStores) -> None:
    async with rolled_back(mcp):
        entered = await enter(mcp, two_stores.token("seattle"))

        assert (entered["store_id"], entered["role"], entered["store_name"]) == ("seattle", "manager", "Seattle")
        assert await stores_seen(mcp) == ["seattle"]


async def test_null_token_opens_nothing(mcp: Any) -> None:
    async with rolled_back(mcp):
        await mcp.execute("select retail.set_store_context(null)")

        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
            await stores_seen(mcp)


async def test_role_is_that_of_the_store_entered(mcp: Any, of_both: int) -> None:
    async with rolled_back(mcp):
        await enter(mcp, SIGNER.sign(of_both, "redmond"))

        assert await mcp.fetchval("select guard.role()") == "analyst"


async def test_second_store_replaces_the_first_in_one_transaction(mcp: Any, of_both: int) -> None:
    async with rolled_back(mcp):
        await enter(mcp, SIGNER.sign(of_both, "seattle"))
        await enter(mcp, SIGNER.sign(of_both, "redmond"))

        assert await stores_seen(mcp) == ["redmond"]


async def test_context_holds_after_an_inner_transaction_failed(mcp: Any, two_stores: TwoStores) -> None:
    async with rolled_back(mcp):
        await enter(mcp, two_stores.token("seattle"))
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with mcp.transaction():
                await mcp.execute("select 1 / 0")

        assert await stores_seen(mcp) == ["seattle"]


async def test_parallel_workers_see_the_own_store(mcp: Any, two_stores: TwoStores) -> None:
    async with rolled_back(mcp):
        await mcp.execute(
            "set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0;"
            "set local min_parallel_table_scan_size = 0; set local debug_parallel_query = on"
        )
        await enter(mcp, two_stores.token("seattle"))
        plan = [row[0].strip() for row in await mcp.fetch(f"explain (costs off) {READ}")]

        assert any("Gather" in line for line in plan), plan
        assert await stores_seen(mcp) == ["seattle"]
