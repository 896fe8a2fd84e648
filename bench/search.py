"""Product search beside a bare vector query, in stores of several sizes."""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import uvloop
from pgvector.asyncpg import register_vector
from rich.console import Console
from rich.table import Table

from bench.database import Cluster, Retailer, running_cluster, temporary_retailer
from bench.relevance_search import LOCAL_MODEL, Model
from bench.relevance_store import DEMO_STORE, SERVER_TEMPLATE, embed
from seed.demo import load_demo
from seed.options import DemoOptions
from server.db.operator import admin_connection
from server.db.pool import Database
from server.embeddings import build_embedder
from server.embeddings.base import Embedder
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_scope import StoreScopes
from server.tools.products.models import SearchMode
from server.tools.products.query_text import QueryText
from server.tools.products.ranking import ENTER_TO_SEARCH, Search
from server.tools.products.spelling import corrections, suspects

SIZES: Final = (424, 1_000, 5_000)
# Of the bare query's median; facets and spelling may add as much again.
TARGETS: Final = {424: 4.0, 1_000: 3.0, 5_000: 2.3}
_QUERIES: Final = (
    "waterproof box for outdoor wiring",
    "something to keep my coffee hot",
    "warm jacket for a rainy autumn",
    "wireless headphones for running",
    "16 oz hammer",
    "women's hiking boots size 9",
)
_MISSPELT: Final = (
    "waterprof box for outdoor wiring",
    "cofee maker",
    "warm jackte for a rainy day",
    "wireless headphnes for running",
    "16 oz hamer",
    "women's hikking boots size 9",
)
_console = Console(stderr=True, highlight=False)
_ROUNDS: Final = 12
_ROWS: Final = 10

_FILL: Final = """
with store as (
  insert into retail.stores (store_id, store_name, currency, time_zone) values ($1, $1, 'USD', 'UTC') returning store_id
),
articles as (
  select p.*, row_number() over (order by copy, p.sku) as number
  from generate_series(1, 20) copy cross join retail.products p where p.store_id = $2 and p.is_active
),
added as (
  insert into retail.products (store_id, sku, product_name, product_description, category_id, brand, model, color, size,
    price, rating_average, rating_count, tags, metadata)
  select $1, a.number || '-' || a.sku, a.product_name, a.product_description, a.category_id, a.brand, a.model, a.color,
    a.size, a.price, a.rating_average, a.rating_count, a.tags, a.metadata
  from articles a cross join store where a.number <= $3
  returning product_id
)
select count(*) from added
"""
_BARE: Final = """
select e.product_id, 1 - (e.embedding <=> $1) as similarity
from retail.product_embeddings e
where e.store_id = $2 and e.embedding_model = $3
order by (e.embedding <=> $1) + 0
limit $4
"""


@dataclass(frozen=True, slots=True)
class SearchFigure:
    """One way to search one store.

    Attributes:
        products: In the store.
        name: The way.
        p50_ms: Median milliseconds.
        ratio: That as a multiple of the bare query's in the same run.
        target: Largest ratio aimed at; None for the bare query.
    """

    products: int
    name: str
    p50_ms: float
    ratio: float
    target: float | None


def search() -> int:
    """Time of a product search, facets and corrected spelling as multiples of a bare vector query's."""
    with running_cluster() as cluster:
        show(uvloop.run(measure_search(cluster)))
    return 0


async def measure_search(cluster: Cluster) -> list[SearchFigure]:
    """Measure in stores that are made for it, all ways interleaved."""
    figures: list[SearchFigure] = []
    model = Model(LOCAL_MODEL)
    embedder = build_embedder(model.settings())
    async with temporary_retailer(cluster) as retailer:
        await load_demo(retailer.admin_url, DemoOptions())
        for size in SIZES:
            _console.print(f"{size:,} products", style="dim")
            store_id = f"size{size}"
            async with admin_connection(retailer.admin_url) as connection:
                await connection.fetchval(_FILL, store_id, DEMO_STORE, size)
            await embed(retailer, store_id, model, SERVER_TEMPLATE)
            async with admin_connection(retailer.admin_url) as connection:
                await connection.execute(
                    "vacuum analyze retail.products, retail.product_embeddings, retail.product_words"
                )
            figures += await _figures(retailer, store_id, size, embedder)
    return figures


async def _figures(retailer: Retailer, store_id: str, size: int, embedder: Embedder) -> list[SearchFigure]:
    principal = await retailer.principal(await retailer.token(store_id))
    vectors = dict(zip((*_QUERIES, *_MISSPELT), await embedder.embed([*_QUERIES, *_MISSPELT]), strict=True))
    bare_connection = await asyncpg.connect(retailer.admin_url)
    await register_vector(bare_connection)
    try:
        async with Database(retailer.app_url, pool_size=1) as database:
            scopes = StoreScopes(database, ContextSigner(retailer.context_key), principal, set_context=ENTER_TO_SEARCH)

            async def bare(turn: int) -> None:
                vector = vectors[_QUERIES[turn % len(_QUERIES)]]
                assert await bare_connection.fetch(_BARE, vector, store_id, embedder.model, _ROWS)

            async def found(query: str, *, facets: bool) -> None:
                asked = QueryText.parse(query)
                assert asked
                search = Search(embedder, SearchMode.HYBRID, facets=facets, limit=_ROWS)
                async with scopes.enter(store_id) as store:
                    hits = await search.found(store, asked, vectors[query], await suspects(asked.words()))
                    if not hits.unknown_words:
                        assert hits.rows[0].product_id
                        return
                    fixed = await corrections(store, hits.unknown_words, asked.text)
                    assert fixed
                asked = asked.corrected(fixed)
                vector = await search.vector(asked)
                async with scopes.enter(store_id) as store:
                    assert (await search.found(store, asked, vector)).rows[0].product_id

            async def hybrid(turn: int) -> None:
                await found(_QUERIES[turn % len(_QUERIES)], facets=False)

            async def with_facets(turn: int) -> None:
                await found(_QUERIES[turn % len(_QUERIES)], facets=True)

            async def misspelt(turn: int) -> None:
                await found(_MISSPELT[turn % len(_MISSPELT)], facets=False)

            seconds = await _interleaved([bare, hybrid, with_facets, misspelt])
    finally:
        await bare_connection.close(timeout=5)
    medians = [statistics.median(seconds[place]) for place in range(4)]
    names = ("bare vector query", "hybrid", "hybrid with facets", "hybrid, a word misspelt")
    target = TARGETS[size]
    targets = (None, target, 2 * target, 2 * target)
    return [
        SearchFigure(size, name, 1_000 * median, median / medians[0], wanted)
        for name, median, wanted in zip(names, medians, targets, strict=True)
    ]


async def _interleaved(ways: Sequence[Callable[[int], Awaitable[None]]]) -> dict[int, list[float]]:
    seconds: defaultdict[int, list[float]] = defaultdict(list)
    order = random.Random(0)
    for turn in range(-10, _ROUNDS * len(_QUERIES)):
        for place in order.sample(range(len(ways)), len(ways)):
            began = time.perf_counter()
            await ways[place](turn)
            # The first turns prepare statements and load the list of English words.
            if turn >= 0:
                seconds[place].append(time.perf_counter() - began)
    return seconds


def show(figures: Sequence[SearchFigure]) -> None:
    """Print the table."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("products", "way"):
        table.add_column(name)
    for name in ("p50 ms", "x bare", "at most"):
        table.add_column(name, justify="right")
    for figure in figures:
        verdict: Any = "" if figure.target is None else f"{figure.target:.1f}"
        if figure.target is not None and figure.ratio > figure.target:
            verdict += "  missed"
        table.add_row(f"{figure.products:,}", figure.name, f"{figure.p50_ms:.2f}", f"{figure.ratio:.2f}", verdict)
    Console(width=120, highlight=False).print(table)
