"""Search of a store with a vector index finds what the exact search finds, and no other search is touched by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pgvector
import pytest
from fastmcp import Client
from pgvector.asyncpg import register_vector

from bench.recording import recorded
from server.db.operator import admin_connection
from server.operations.admin.vector_indexes import build_index
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_context import SET_STORE_CONTEXT
from server.tools.products.ranking import SEARCH_PRODUCTS
from tests.cluster import Cluster
from tests.large.conftest import EMBEDDER, LARGE, NAMES, SMALL, WISHES, Stores, open_stores
from tests.sql.acting import connected
from tests.support import CONTEXT_KEY, answer
from tests.tools.asking import walk

MODES = ("semantic", "hybrid")
RARE = "bamboo kettle"
# What an answer must not depend on: how it was found.
COMPARED = ("sku", "score", "exact_match")


@dataclass(frozen=True)
class Indexed:
    """The stores with an index of the large one, and what the exact search answered before.

    Attributes:
        exact: First pages of twenty by store, mode and wish.
        vectors: Every vector of the large store.
    """

    stores: Stores
    clients: dict[str, Client[Any]]
    exact: dict[tuple[str, str, str], list[dict[str, Any]]]
    filtered: dict[str, list[dict[str, Any]]]
    vectors: dict[UUID, Any]
    index_name: str

    async def page(self, wish: str, mode: str, store_id: str = LARGE, **filters: Any) -> list[dict[str, Any]]:
        """The first twenty rows."""
        found = await answer(self.clients[store_id], "search_products", query=wish, mode=mode, limit=20, **filters)
        assert found["search_mode_used"] == mode
        rows: list[dict[str, Any]] = found["rows"]
        return rows


# Each leaves products that are among the nearest and others that are not.
FILTERS: dict[str, dict[str, Any]] = {
    "a price that few have": {"min_price": "50"},
    "a price that half have": {"max_price": "25"},
    "sorted by something else": {"sort": "price_low_to_high"},
}


@pytest.fixture(scope="module")
async def indexed(cluster: Cluster, template: str) -> AsyncIterator[Indexed]:
    async with open_stores(cluster, template) as stores, AsyncExitStack() as stack:
        clients = {
            store_id: await stack.enter_async_context(stores.retailer.client(store_id)) for store_id in (LARGE, SMALL)
        }
        before = Indexed(stores, clients, {}, {}, await stores.vectors(LARGE), "")
        for store_id in (LARGE, SMALL):
            for mode in MODES:
                for wish in WISHES:
                    before.exact[store_id, mode, wish] = await before.page(wish, mode, store_id)
        for name, filters in FILTERS.items():
            before.filtered[name] = await walk(
                clients[LARGE], "search_products", limit=100, query=WISHES[0], mode="semantic", **filters
            )
        async with admin_connection(stores.retailer.admin_url) as connection:
            built = await build_index(connection, LARGE, at_any_size=True)
        yield Indexed(stores, clients, before.exact, before.filtered, before.vectors, built.index_name)


@pytest.fixture
async def mcp(indexed: Indexed) -> AsyncIterator[Any]:
    async with connected(indexed.stores.retailer.app_url) as connection:
        await register_vector(connection)
        yield connection


async def vector(wish: str) -> Any:
    (found,) = await EMBEDDER.embed([wish])
    return found


async def enter(connection: Any, stores: Stores, store_id: str) -> None:
    async with stores.retailer.scope(store_id):
        pass
    principal = await stores.retailer.value(
        "select principal_id from guard.principal where subject = $1", f"manager of {store_id}"
    )
    await connection.fetch(SET_STORE_CONTEXT.sql, ContextSigner(CONTEXT_KEY).sign(principal, store_id))


async def scans_of(indexed: Indexed) -> int:
    """How often the index was asked: a backend tells with a commit at most once a second, else after ten idle ones."""
    await asyncio.sleep(1.2)
    for store_id in (LARGE, SMALL):
        await answer(indexed.clients[store_id], "get_store_context")
    await asyncio.sleep(0.2)
    return (await indexed.stores.scans())[indexed.index_name]


def outlines(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in COMPARED) for row in rows]


async def test_search_by_meaning_finds_the_nearest(indexed: Indexed) -> None:
    ids, matrix = list(indexed.vectors), np.array(list(indexed.vectors.values()))
    recall = []
    for wish in WISHES:
        similarities = matrix @ np.asarray(await vector(wish), np.float64)
        least = np.sort(similarities)[-20]
        near = {str(ids[place]) for place in np.flatnonzero(similarities >= least - 1e-6)}
        found = {row["product_id"] for row in await indexed.page(wish, "semantic")}
        assert len(found) == 20
        recall.append(len(found & near) / 20)

    assert np.mean(recall) >= 0.98
    assert await scans_of(indexed) > 0


@pytest.mark.parametrize("mode", MODES)
async def test_the_first_hits_are_those_of_the_exact_search(indexed: Indexed, mode: str) -> None:
    same = total = 0
    for wish in WISHES:
        found, right = await indexed.page(wish, mode), indexed.exact[LARGE, mode, wish]
        assert len(found) == len(right)
        same += len({row["sku"] for row in found} & {row["sku"] for row in right})
        total += len(right)

    assert same / total >= 0.98


@pytest.mark.parametrize("chosen", FILTERS)
async def test_a_filter_loses_no_match(indexed: Indexed, chosen: str) -> None:
    asked = {"query": WISHES[0], "mode": "semantic", **FILTERS[chosen]}
    right = indexed.filtered[chosen]

    found = await walk(indexed.clients[LARGE], "search_products", limit=100, **asked)

    # More than a page of the nearest pass the second filter: its first page counts.
    some = found[:100] if chosen == "a price that half have" else found
    assert outlines(some) == outlines(right[: len(some)])
    assert len(some) == min(len(right), 100) or len(some) == len(right)


async def test_every_word_match_is_found(indexed: Indexed) -> None:
    client = indexed.clients[LARGE]
    by_words = await walk(client, "search_products", limit=100, query=RARE, mode="keyword")
    both = await walk(client, "search_products", limit=100, query=RARE)

    matching = {str(place) for place, name in enumerate(NAMES, 1) if "bamboo" in name or "kettle" in name}
    assert {row["sku"].removeprefix("P-") for row in by_words} == matching
    assert {row["sku"] for row in by_words} <= {row["sku"] for row in both}


@pytest.mark.parametrize("mode", MODES)
async def test_pages_together_visit_each_hit_once(indexed: Indexed, mode: str) -> None:
    client = indexed.clients[LARGE]
    whole = await walk(client, "search_products", limit=100, query=RARE, mode=mode)
    page = await answer(client, "search_products", limit=1, query=RARE, mode=mode)

    assert outlines(await walk(client, "search_products", limit=37, query=RARE, mode=mode)) == outlines(whole)
    assert len({row["sku"] for row in whole}) == len(whole) == page["total_matches"]


@pytest.mark.parametrize("mode", MODES)
async def test_another_stores_index_changes_nothing(indexed: Indexed, mode: str) -> None:
    for wish in WISHES:
        assert await indexed.page(wish, mode, SMALL) == indexed.exact[SMALL, mode, wish]


async def test_only_searches_for_the_best_matches_of_that_store_ask_the_index(indexed: Indexed) -> None:
    before = await scans_of(indexed)
    for mode in MODES:
        await indexed.page(WISHES[0], mode, SMALL)
        await indexed.page(WISHES[0], mode, sort="rating")
    await indexed.page(WISHES[0], "keyword")
    await answer(indexed.clients[LARGE], "search_products")
    others = await scans_of(indexed)
    await indexed.page(WISHES[0], "hybrid")

    assert others == before
    assert await scans_of(indexed) == before + 1


async def test_no_other_query_is_planned_with_the_index(indexed: Indexed, mcp: Any) -> None:
    """Neither the exact pass of this store nor the function of the lab's name, whatever the planner expects."""
    wish = await vector(WISHES[0])
    with recorded() as statements:
        await indexed.page(WISHES[0], "hybrid", sort="price_low_to_high")
    exact = {query.sql for parts, query in SEARCH_PRODUCTS.items() if "indexed" not in parts}
    (search,) = [one for one in statements if one.sql in exact]
    by_similarity = "select * from retail.search_products_by_similarity($1::vector, null, 20, $2)"
    for store_id in (LARGE, SMALL):
        async with mcp.transaction():
            await enter(mcp, indexed.stores, store_id)
            # As cheap as it gets: a plan that could use the index would.
            await mcp.execute("set local enable_sort = off; set local enable_seqscan = off")
            plans = [
                *await mcp.fetch(f"explain (verbose) {search.sql}", *search.arguments),
                *await mcp.fetch(f"explain (verbose) {by_similarity}", wish, EMBEDDER.model),
            ]
        assert "product_embeddings" in str(plans)
        assert indexed.index_name not in str(plans)


async def test_the_nearest_are_of_the_own_store(indexed: Indexed, mcp: Any) -> None:
    nearest = "select * from retail.nearest_products($1, $2, $3)"
    wish = pgvector.Vector(await vector(WISHES[0]))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
        await mcp.fetch(nearest, wish, EMBEDDER.model, 10)
    for store_id in (LARGE, SMALL):
        async with mcp.transaction():
            await enter(mcp, indexed.stores, store_id)
            found = await mcp.fetch(nearest, wish, EMBEDDER.model, 5_000)
            of_no_model = await mcp.fetch(nearest, wish, "'; drop table retail.products; --", 10)
        own = await indexed.stores.vectors(store_id)
        assert {row["store_id"] for row in found} == {store_id}
        assert {row["product_id"] for row in found} <= own.keys()
        # Without an index, the whole store in exact order of distance; with one, what its graph leads to.
        assert len(found) == len(own) if store_id == SMALL else len(found) >= 0.98 * len(own)
        right = [float(own[row["product_id"]] @ np.asarray(wish.to_numpy(), np.float64)) for row in found]
        assert [row["similarity"] for row in found] == pytest.approx(right, abs=1e-5)
        assert of_no_model == []


async def test_an_index_that_is_gone_or_of_another_model_leaves_search_exact(indexed: Indexed) -> None:
    """Last of its module, because it takes the index away."""
    retailer = indexed.stores.retailer
    before = await scans_of(indexed)
    await retailer.execute(f"update retail.stores set indexed_model = 'next' where store_id = '{LARGE}'")
    for mode in MODES:
        assert outlines(await indexed.page(WISHES[1], mode)) == outlines(indexed.exact[LARGE, mode, WISHES[1]])
    assert await scans_of(indexed) == before

    await retailer.execute(
        f"""update retail.stores set indexed_model = embedding_model where store_id = '{LARGE}';
            drop index retail.{indexed.index_name}"""
    )
    for mode in MODES:
        assert outlines(await indexed.page(WISHES[1], mode)) == outlines(indexed.exact[LARGE, mode, WISHES[1]])
