"""What the login that embeds products can reach: their texts and their vectors, store by store, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.cluster import PASSWORD
from tests.sql.acting import TwoStores, connected, enter, rolled_back
from tests.support import Retailer
from tests.transport.processes import for_operator, run_here

TABLES = (
    "customers",
    "products",
    "product_embeddings",
    "product_words",
    "sales_transactions",
    "sales_transaction_items",
    "stock_movements",
    "stores",
    "product_categories",
)


@pytest.fixture(scope="module")
async def embedder(two_stores: TwoStores) -> AsyncIterator[Any]:
    async with connected(two_stores.retailer.login_url("mcp_embed")) as connection:
        yield connection


async def texts(connection: Any, model: str = "other") -> list[str]:
    rows = await connection.fetch("select embedding_text from retail.products_to_embed($1, 3, null, 100)", model)
    return [row[0] for row in rows]


async def save(connection: Any, product_id: Any, content_hash: str) -> int:
    return await connection.fetchval(
        "select retail.save_embeddings('other', 3, array[$1::uuid], array[$2::text], array['[1,2,3]'::public.vector])",
        product_id,
        content_hash,
    )


async def products(connection: Any) -> list[Any]:
    return await connection.fetch("select product_id, content_hash from retail.products_to_embed('other', 3, null, 9)")


async def test_it_reads_the_texts_of_the_store_that_it_entered(embedder: Any, operator: Any) -> None:
    for store_id in ("seattle", "redmond"):
        async with rolled_back(embedder):
            await embedder.execute("select guard.enter_to_embed($1)", store_id)
            found = await texts(embedder)

        expected = await operator.fetch(
            "select product_name from retail.products where store_id = $1 and is_active", store_id
        )
        assert len(found) == len(expected) > 0
        assert all(any(row[0] in text for row in expected) for text in found)


@pytest.mark.parametrize(
    "call",
    [
        "select * from retail.products_to_embed('m', 3, null, 1)",
        "select * from retail.embedding_state('m', 3)",
        "select * from retail.embedding_in_use()",
        "select retail.save_embeddings('m', 3, '{}', '{}', '{}')",
        "select retail.drop_embeddings('m')",
        "select retail.drop_other_embeddings()",
        "select retail.use_embeddings('m', 3)",
    ],
)
async def test_outside_a_store_it_can_do_nothing(embedder: Any, call: str) -> None:
    if "save" in call:
        call = (
            "select retail.save_embeddings('m', 3, array[gen_random_uuid()], array['x'], array['[1]'::public.vector])"
        )
    async with rolled_back(embedder):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
            await embedder.fetch(call)


async def test_the_store_is_left_with_the_transaction(embedder: Any) -> None:
    async with rolled_back(embedder):
        await embedder.execute("select guard.enter_to_embed('seattle')")
        context = await embedder.fetchval("select current_setting('retail.context')")
    async with rolled_back(embedder):
        await embedder.execute("select set_config('retail.context', $1, true)", context)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
            await texts(embedder)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["select * from retail.{}", "delete from retail.{}"])
async def test_no_table_is_open_to_it_even_inside(embedder: Any, table: str, statement: str) -> None:
    async with rolled_back(embedder):
        await embedder.execute("select guard.enter_to_embed('seattle')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await embedder.execute(statement.format(table))


@pytest.mark.parametrize(
    "call",
    [
        "select retail.set_store_context('x')",
        "select * from retail.match_customers('a', null, null, null)",
        "select guard.context()",
        "select guard.knows_key('x')",
        "select * from guard.authenticate('\\x00')",
        "select audit.record_operation('x', null, null)",
        "select * from guard.context_key",
        "set role retail_owner",
        "set role mcp_user",
    ],
)
async def test_it_can_call_nothing_else_and_become_nobody_else(embedder: Any, call: str) -> None:
    async with rolled_back(embedder):
        await embedder.execute("select guard.enter_to_embed('seattle')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await embedder.execute(call)


@pytest.mark.parametrize("call", ["select guard.enter_to_embed('redmond')", "select guard.stores_to_embed()"])
async def test_the_tools_login_cannot_take_this_way_in(mcp: Any, call: str) -> None:
    async with rolled_back(mcp):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await mcp.execute(call)


async def test_its_context_is_no_use_to_the_tools_login(embedder: Any, mcp: Any) -> None:
    async with rolled_back(embedder), rolled_back(mcp):
        await embedder.execute("select guard.enter_to_embed('redmond')")
        context = await embedder.fetchval("select current_setting('retail.context')")
        await mcp.execute("select set_config('retail.context', $1, true)", context)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
            await mcp.fetch("select 1 from retail.products")


async def test_a_vector_is_written_for_a_product_of_the_store_and_of_the_text_that_was_read(embedder: Any) -> None:
    async with rolled_back(embedder):
        await embedder.execute("select guard.enter_to_embed('redmond')")
        foreign = (await products(embedder))[0]
    async with rolled_back(embedder):
        await embedder.execute("select guard.enter_to_embed('seattle')")
        own = (await products(embedder))[0]

        assert await save(embedder, own["product_id"], "0" * 64) == 0
        assert await save(embedder, foreign["product_id"], foreign["content_hash"]) == 0
        assert await save(embedder, own["product_id"], own["content_hash"]) == 1


async def test_the_owner_of_the_functions_is_held_by_the_policies(own_stores: TwoStores) -> None:
    """The counterpart of the tests above: with a policy gone, the functions would show both stores."""
    async with connected(own_stores.retailer.admin_url) as operator:
        await operator.execute("alter table retail.products disable row level security")
    async with connected(own_stores.retailer.login_url("mcp_embed")) as embedder, rolled_back(embedder):
        await embedder.execute("select guard.enter_to_embed('seattle')")
        unguarded = await texts(embedder)
    async with connected(own_stores.retailer.admin_url) as operator:
        await operator.execute("alter table retail.products enable row level security")
    async with connected(own_stores.retailer.login_url("mcp_embed")) as embedder, rolled_back(embedder):
        await embedder.execute("select guard.enter_to_embed('seattle')")
        assert len(await texts(embedder)) < len(unguarded)


async def test_its_password_is_set_with_the_others_where_its_url_is_given(retailer: Retailer) -> None:
    """The same as before: roles belong to the cluster, which other tests share."""
    urls = {
        f"RETAIL_{setting}DATABASE_URL": f"postgresql://mcp_{login}:{PASSWORD}@db/retail"
        for setting, login in (("", "user"), ("AUTH_", "auth"), ("AUDIT_", "audit"), ("EMBED_", "embed"))
    }
    verifier = "select rolpassword from pg_authid where rolname = 'mcp_embed'"
    before = await retailer.value(verifier)

    finished = await run_here(for_operator(retailer, **urls), "migrate", "--set-password")

    assert finished.code == 0, finished.err
    after = await retailer.value(verifier)
    assert after.startswith("SCRAM-SHA-256$") and after != before


async def test_a_caller_learns_the_state_of_its_own_store_only(mcp: Any, two_stores: TwoStores, operator: Any) -> None:
    async with rolled_back(mcp):
        await enter(mcp, two_stores.token("seattle"))
        state = await mcp.fetchrow("select * from retail.embedding_state('none', 3)")

    active = await operator.fetchval("select count(*) from retail.products where store_id = 'seattle' and is_active")
    assert tuple(state) == (active, active, 0)
