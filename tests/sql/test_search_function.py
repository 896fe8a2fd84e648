"""search_products_by_similarity: the nearest products of the own store, and nothing else."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.sql.acting import StoresTemplate, TwoStores, connected, inside
from tests.sql.factories import insert_embedding, insert_product

Vector = tuple[float, ...]
EAST: Vector = (1, 0, 0)
# By name, how far each product's vector is turned away from EAST.
DEGREES = {"exact": 0, "near": 20, "far": 60, "opposite": 180}


@dataclass(frozen=True)
class Shelf:
    """Products of redmond with known distances, beside seattle's one."""

    world: TwoStores
    mcp: Any
    names: dict[UUID, str]

    async def search(self, vector: Vector = EAST, *, store_id: str = "redmond", **arguments: Any) -> list[Any]:
        """Rows of the function in one store."""
        named = "".join(f", {name} => ${position}" for position, name in enumerate(arguments, 2))
        async with inside(self.mcp, self.world, store_id, readonly=True):
            return await self.mcp.fetch(
                f"select * from retail.search_products_by_similarity($1::text::public.vector{named})",
                str(list(vector)),
                *arguments.values(),
            )

    async def names_found(self, vector: Vector = EAST, **arguments: Any) -> list[str]:
        """Names of redmond's products that a search finds, best first."""
        return [self.names[row["product_id"]] for row in await self.search(vector, **arguments)]


@pytest.fixture(scope="module")
async def shelf(stores: StoresTemplate) -> AsyncIterator[Shelf]:
    async with (
        stores.copy() as world,
        connected(world.retailer.admin_url) as operator,
        connected(world.retailer.app_url) as mcp,
    ):
        await operator.execute("delete from retail.product_embeddings where store_id = 'redmond'")
        names = {}
        for name, degrees in DEGREES.items():
            angle = math.radians(degrees)
            product_id = await insert_product(operator, "redmond", product_name=name)
            await insert_embedding(operator, "redmond", product_id, (math.cos(angle), math.sin(angle), 0))
            names[product_id] = name
        other_model = await insert_product(operator, "redmond", product_name="other model")
        await insert_embedding(operator, "redmond", other_model, (0, 1, 0), embedding_model="other")
        other_width = await insert_product(operator, "redmond", product_name="other width")
        await insert_embedding(operator, "redmond", other_width, (1, 0))
        discontinued = await insert_product(operator, "redmond", product_name="discontinued", is_active=False)
        await insert_embedding(operator, "redmond", discontinued)
        names |= {other_model: "other model", other_width: "other width", discontinued: "discontinued"}
        yield Shelf(world, mcp, names)


async def test_search_ranks_the_own_stores_products(shelf: Shelf) -> None:
    assert await shelf.names_found() == ["exact", "near", "far", "other model", "opposite"]


async def test_search_finds_nothing_of_another_store(shelf: Shelf) -> None:
    found = await shelf.search(store_id="seattle")

    assert [row["product_id"] for row in found] == [shelf.world.seattle.product_id]


async def test_score_is_the_cosine(shelf: Shelf) -> None:
    scores = {shelf.names[row["product_id"]]: row["similarity_score"] for row in await shelf.search(model="test")}

    assert scores == pytest.approx({name: math.cos(math.radians(angle)) for name, angle in DEGREES.items()}, abs=1e-6)


async def test_search_describes_what_it_found(shelf: Shelf) -> None:
    (found,) = await shelf.search(max_results=1)

    assert tuple(found.values())[1:5] == ("exact", None, None, 10)


@pytest.mark.parametrize(
    ("threshold", "found"),
    [
        (None, ["exact", "near", "far", "opposite"]),
        (-1.0, ["exact", "near", "far", "opposite"]),
        (0.45, ["exact", "near", "far"]),
        (0.9, ["exact", "near"]),
        (1.1, []),
    ],
)
async def test_threshold_cuts_off_what_is_less_similar(shelf: Shelf, threshold: float | None, found: list[str]) -> None:
    assert await shelf.names_found(model="test", similarity_threshold=threshold) == found


@pytest.mark.parametrize("limit", [0, 1, 2, 100])
async def test_search_returns_at_most_the_wanted_number(shelf: Shelf, limit: int) -> None:
    assert await shelf.names_found(model="test", max_results=limit) == list(DEGREES)[:limit]


async def test_model_is_chosen_by_name(shelf: Shelf) -> None:
    assert await shelf.names_found(model="other") == ["other model"]


async def test_product_with_a_model_name_of_its_own_is_found(own_stores: TwoStores) -> None:
    await own_stores.retailer.execute("update retail.products set model = 'DX-200' where sku = 'SOLD'")

    async with connected(own_stores.retailer.app_url) as mcp:
        found = await Shelf(own_stores, mcp, {}).search(store_id="seattle")

    assert [row["product_id"] for row in found] == [own_stores.seattle.product_id]


async def test_vectors_of_another_width_are_passed_over(shelf: Shelf) -> None:
    assert await shelf.names_found((1, 0)) == ["other width"]


async def test_width_that_nothing_has_finds_nothing(shelf: Shelf) -> None:
    assert await shelf.names_found((1, 0, 0, 0)) == []


async def test_embedding_cannot_name_another_stores_product(shelf: Shelf) -> None:
    async with inside(shelf.mcp, shelf.world, "redmond"):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await insert_embedding_as(shelf.mcp, "redmond", shelf.world.seattle.product_id)


async def test_embedding_cannot_be_planted_in_another_store(shelf: Shelf) -> None:
    async with inside(shelf.mcp, shelf.world, "redmond"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await insert_embedding_as(shelf.mcp, "seattle", shelf.world.seattle.unsold_product_id)


async def insert_embedding_as(connection: Any, store_id: str, product_id: UUID) -> None:
    """Insert an embedding without reading it back."""
    await connection.execute(
        "insert into retail.product_embeddings"
        " (store_id, product_id, embedding_text, embedding, embedding_model, dimensions, content_hash)"
        " values ($1, $2, 'poison', '[1,0,0]', 'poison', 3, 'hash')",
        store_id,
        product_id,
    )


async def test_search_without_a_store_is_an_error(shelf: Shelf) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
        await shelf.mcp.fetch("select * from retail.search_products_by_similarity('[1,0,0]')")


async def test_search_runs_with_the_callers_rights(operator: Any) -> None:
    definer = await operator.fetchval(
        "select prosecdef from pg_proc where oid = 'retail.search_products_by_similarity'::regproc"
    )

    assert definer is False
