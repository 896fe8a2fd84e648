"""How the store context behaves for who may have it; forgeries are in tests/security/test_forgery_and_replay.py."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.sql.acting import SIGNER, TwoStores, connected, enter, rolled_back
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


async def test_parallel_workers_see_the_own_store(own_stores: TwoStores) -> None:
    """Workers alone read here: a function that costs much is called often, and the leader takes no part."""
    await own_stores.retailer.execute("""
        create function retail.process_of(store text) returns integer language plpgsql parallel safe cost 1000000
          as 'begin return pg_catalog.pg_backend_pid(); end';
        grant execute on function retail.process_of(text) to mcp_user;
        alter table retail.products set (parallel_workers = 4)
    """)
    async with connected(own_stores.retailer.app_url) as mcp, rolled_back(mcp):
        await mcp.execute(
            "set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0;"
            "set local parallel_leader_participation = off"
        )
        await enter(mcp, own_stores.token("seattle"))
        rows = await mcp.fetch(
            "select store_id, retail.process_of(store_id) as process from retail.products, generate_series(1, 1000)"
        )
        (own,) = await mcp.fetch("select pg_backend_pid() as process")

        assert {row["store_id"] for row in rows} == {"seattle"}
        assert own["process"] not in {row["process"] for row in rows}


@pytest.mark.parametrize("message", ["", "T|kid|1|2|seattle|0", "Zürich " * 50])
async def test_signature_is_hmac_sha256(admin: Any, message: str) -> None:
    key = bytes(range(64))
    pads = [bytes(byte ^ pad for byte in key) for pad in (0x36, 0x5C)]

    assert await admin.fetchval("select guard.hmac($1, $2, $3)", *pads, message) == (
        hmac.new(key, message.encode(), hashlib.sha256).hexdigest()
    )


async def test_one_function_computes_signatures_and_costs_no_call(admin: Any) -> None:
    """Policies verify the context in every statement, so the planner must be able to dissolve that function."""
    hashing = await admin.fetch(
        "select p.oid::regprocedure::text as name from pg_proc p"
        " where p.pronamespace in ('guard'::regnamespace, 'retail'::regnamespace)"
        " and pg_get_functiondef(p.oid) ~ '(inner|outer)_pad \\|\\|'"
    )
    plan = await admin.fetch(
        "explain (verbose, costs off) select guard.hmac(k.inner_pad, k.outer_pad, 'm') from guard.context_key k"
    )

    assert [row["name"] for row in hashing] == ["guard.hmac(bytea,bytea,text)"]
    assert "guard.hmac" not in "".join(line[0] for line in plan)
