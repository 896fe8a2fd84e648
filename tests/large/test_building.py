"""retail-mcp index: an index is built while the store is in use, and nothing is left half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.db.operator import admin_connection
from server.db.pool import Database
from server.db.startup_check import check_isolation
from server.errors import InvalidInputError, NotFoundError, UnavailableError
from server.operations.admin.vector_indexes import BREAK_EVEN, build_index, drop_indexes, list_indexes
from server.tenancy.context_token import ContextSigner
from tests.large.conftest import EMBEDDER, LARGE, NAMES, SMALL, Stores
from tests.support import CONTEXT_KEY
from tests.transport.processes import Finished, for_operator, run_here
from tests.transport.shop import eventually

NOTED = "select (indexed_model, indexed_dimensions, indexed_products)::text from retail.stores where store_id = $1"
OPERATIONS = (
    "select action || ' ' || store_id as what from audit.operation where action like 'vector%' order by operation_id"
)


@pytest.fixture
async def admin(stores: Stores) -> AsyncIterator[Any]:
    async with admin_connection(stores.retailer.admin_url) as connection:
        yield connection


@asynccontextmanager
async def held_up(stores: Stores) -> AsyncIterator[None]:
    """An old transaction, for whose end a build waits."""
    async with (
        admin_connection(stores.retailer.admin_url) as reader,
        reader.transaction(isolation="repeatable_read"),
    ):
        await reader.fetchval("select count(*) from retail.product_embeddings")
        yield


async def waiting_build(stores: Stores) -> int:
    """Process id of a build that waits; 0 while there is none."""
    return await stores.retailer.value(
        "select coalesce(max(pid), 0) from pg_stat_progress_create_index where phase ~ '^waiting'"
    )


async def operations(stores: Stores) -> list[str]:
    return [row["what"] for row in await stores.retailer.fetch(OPERATIONS)]


async def command(stores: Stores, *arguments: str) -> Finished:
    return await run_here(for_operator(stores.retailer), "index", *arguments)


async def test_an_index_is_built_once_noted_and_dropped(stores: Stores, admin: Any) -> None:
    built = await build_index(admin, LARGE, at_any_size=True)
    again = await build_index(admin, LARGE, at_any_size=True)

    assert (built.vectors, built.is_new, built.dropped) == (len(NAMES), True, ())
    assert (again.index_name, again.is_new, again.dropped) == (built.index_name, False, ())
    assert await stores.retailer.value(NOTED, LARGE) == f"({EMBEDDER.model},{EMBEDDER.dimensions},{len(NAMES)})"
    assert await stores.retailer.value(NOTED, SMALL) == "(,,)"

    assert await drop_indexes(admin, LARGE) == [built.index_name]
    assert await stores.retailer.value(NOTED, LARGE) == "(,,)"
    assert await list_indexes(admin) == []
    assert await operations(stores) == [f"vector_index_built {LARGE}", f"vector_index_dropped {LARGE}"]
    with pytest.raises(NotFoundError, match="no vector index"):
        await drop_indexes(admin, LARGE)


async def test_an_index_holds_the_vectors_of_one_store_and_one_model(stores: Stores, admin: Any) -> None:
    built = await build_index(admin, LARGE, at_any_size=True)

    (index,) = await stores.retailer.fetch(
        "select pg_get_expr(indpred, indrelid) as predicate, reltuples::int as rows"
        " from pg_index join pg_class on oid = indexrelid where indexrelid = ('retail.' || $1)::regclass",
        built.index_name,
    )
    for part in (
        f"store_id = '{LARGE}'",
        f"embedding_model = '{EMBEDDER.model}'",
        f"dimensions = {EMBEDDER.dimensions}",
    ):
        assert part in index["predicate"]
    assert index["rows"] == len(NAMES)


async def test_no_name_in_the_database_tells_a_store(stores: Stores, admin: Any) -> None:
    """Not only of an index: whatever has a name shows it to who may cast a number to regclass or to a role."""
    await build_index(admin, LARGE, at_any_size=True)

    names = await stores.retailer.fetch(
        "select relname::text as name from pg_class union select conname from pg_constraint union select nspname"
        " from pg_namespace union select rolname from pg_roles union select proname from pg_proc union select typname"
        " from pg_type union select attname from pg_attribute union select tgname from pg_trigger"
        " union select polname from pg_policy union select stxname from pg_statistic_ext"
    )
    assert [row["name"] for row in names if row["name"].startswith("nearest_")] != []
    assert [row["name"] for row in names if LARGE in row["name"] or SMALL in row["name"]] == []


async def test_a_small_store_is_told_that_it_needs_none(stores: Stores, admin: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"{len(NAMES):,} vectors. Up to {BREAK_EVEN:,} the exact search"):
        await build_index(admin, LARGE)
    with pytest.raises(NotFoundError, match="no store atlantis"):
        await build_index(admin, "atlantis", at_any_size=True)
    await stores.retailer.execute(f"update retail.stores set embedding_model = null where store_id = '{SMALL}'")
    with pytest.raises(InvalidInputError, match="no embeddings of a model in use"):
        await build_index(admin, SMALL, at_any_size=True)

    assert await list_indexes(admin) == []
    assert await operations(stores) == []


async def test_stores_that_are_large_enough_are_listed(stores: Stores, admin: Any) -> None:
    found = await list_indexes(admin, break_even=len(NAMES))

    assert [(index.store_id, index.vectors, index.state) for index in found] == [(LARGE, len(NAMES), "worth an index")]


async def test_another_model_makes_the_index_useless_until_it_is_built_anew(stores: Stores, admin: Any) -> None:
    first = await build_index(admin, LARGE, at_any_size=True)
    await stores.retailer.execute(
        f"""update retail.product_embeddings set embedding_model = 'next' where store_id = '{LARGE}';
            update retail.stores set embedding_model = 'next' where store_id = '{LARGE}'"""
    )
    assert [index.state for index in await list_indexes(admin)] == ["of another model"]

    second = await build_index(admin, LARGE, at_any_size=True)

    assert second.is_new
    assert second.dropped == (first.index_name,)
    assert [(index.index_name, index.state) for index in await list_indexes(admin)] == [(second.index_name, "in use")]


async def test_a_build_that_is_cancelled_leaves_nothing(stores: Stores, admin: Any) -> None:
    async with held_up(stores):
        building = asyncio.create_task(build_index(admin, LARGE, at_any_size=True))
        pid = await eventually(lambda: waiting_build(stores))
        await stores.retailer.value("select pg_cancel_backend($1)", pid)
        # Dropping waits for the old transaction too.
        await asyncio.sleep(0.2)

    with pytest.raises(UnavailableError, match=r"was not built .*stay exact"):
        await building
    assert await stores.retailer.fetch("select * from retail.vector_indexes") == []
    assert await stores.retailer.value(NOTED, LARGE) == "(,,)"


async def test_what_a_killed_build_left_is_replaced(stores: Stores, admin: Any) -> None:
    async with admin_connection(stores.retailer.admin_url) as other, held_up(stores):
        building = asyncio.create_task(build_index(other, LARGE, at_any_size=True))
        pid = await eventually(lambda: waiting_build(stores))
        await stores.retailer.value("select pg_terminate_backend($1)", pid)
        await asyncio.gather(building, return_exceptions=True)
    assert [index.state for index in await list_indexes(admin)] == ["not finished"]

    built = await build_index(admin, LARGE, at_any_size=True)

    assert built.is_new
    assert built.dropped == (built.index_name,)
    assert [index.state for index in await list_indexes(admin)] == ["in use"]


async def test_only_one_builds_a_stores_index(stores: Stores, admin: Any) -> None:
    async with admin_connection(stores.retailer.admin_url) as other:
        async with held_up(stores):
            building = asyncio.create_task(build_index(other, LARGE, at_any_size=True))
            await eventually(lambda: waiting_build(stores))
            for work in (build_index(admin, LARGE, at_any_size=True), drop_indexes(admin, LARGE)):
                with pytest.raises(UnavailableError, match="is being built or dropped"):
                    await work
        assert (await building).is_new


async def test_a_store_that_changes_over_meanwhile_is_not_searched_with_the_index(stores: Stores, admin: Any) -> None:
    async with held_up(stores):
        building = asyncio.create_task(build_index(admin, LARGE, at_any_size=True))
        await eventually(lambda: waiting_build(stores))
        await stores.retailer.execute(f"update retail.stores set embedding_model = 'next' where store_id = '{LARGE}'")

    with pytest.raises(UnavailableError, match="changed over to another model"):
        await building
    assert await stores.retailer.value(NOTED, LARGE) == "(,,)"


async def test_progress_is_told(stores: Stores, admin: Any) -> None:
    told: list[tuple[str, int, int]] = []
    async with admin_connection(stores.retailer.admin_url) as watcher:
        async with held_up(stores):
            building = asyncio.create_task(
                build_index(admin, LARGE, watcher=watcher, report=lambda *seen: told.append(seen), at_any_size=True)
            )

            async def is_told_of_the_wait() -> bool:
                return any(phase.startswith("waiting") for phase, _, _ in told)

            await eventually(is_told_of_the_wait)
        await building

    assert {total for _, _, total in told} == {len(NAMES)}


async def test_the_commands_say_what_they_did(stores: Stores) -> None:
    refused = await command(stores, "build", "--store", LARGE)
    built = await command(stores, "build", "--store", LARGE, "--at-any-size")
    again = await command(stores, "build", "--store", LARGE, "--at-any-size")
    listed = await command(stores, "list")
    dropped = await command(stores, "drop", "--store", LARGE)

    assert (refused.code, refused.out) == (2, "")
    assert "add --at-any-size" in refused.err
    assert built.out.startswith(f"The index of {LARGE} over {len(NAMES):,} vectors is built: nearest_")
    assert "was there already" in again.out
    header, line = listed.out.splitlines()
    assert header.split()[:2] == ["store", "model"]
    assert line.split()[:5] == [LARGE, EMBEDDER.model, f"{len(NAMES):,}", f"{len(NAMES):,}", "in"]
    assert dropped.out.endswith(f"{LARGE} is searched exactly.\n")


async def test_a_server_starts_beside_an_index(stores: Stores, admin: Any) -> None:
    await build_index(admin, LARGE, at_any_size=True)

    async with Database(stores.retailer.app_url, pool_size=1) as database:
        await check_isolation(database, ContextSigner(CONTEXT_KEY).kid)


async def test_the_longest_names_make_an_index(stores: Stores, admin: Any) -> None:
    store_id = "s" * 40
    await stores.retailer.execute(
        f"""insert into retail.stores (store_id, store_name) values ('{store_id}', 'Long');
            insert into retail.products (store_id, sku, product_name, price) values ('{store_id}', 'A', 'A', 1);
            insert into retail.product_embeddings
              (store_id, product_id, embedding_text, embedding, embedding_model, dimensions, content_hash)
            select store_id, product_id, 'A', '[1,0]', repeat('m', 100), 2, 'hash' from retail.products
            where store_id = '{store_id}';
            update retail.stores set embedding_model = repeat('m', 100), embedding_dimensions = 2
            where store_id = '{store_id}'"""
    )

    built = await build_index(admin, store_id, at_any_size=True)

    assert [(index.store_id, index.index_name, index.state) for index in await list_indexes(admin)] == [
        (store_id, built.index_name, "in use")
    ]
