"""What growth does to product search: many stores, large stores, and where a vector index begins to pay.

Every query is asked through `search_products` of a complete server in this process; then its statements are timed
alone, as mcp_user in the signed store context, in a transaction of their own. Only the vector of the query is given
beforehand, because the stores' vectors are made up.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from unittest.mock import patch
from uuid import UUID

import asyncpg
import uvloop
from cyclopts import Parameter
from cyclopts.types import File
from fastmcp.exceptions import ToolError
from pgvector.asyncpg import register_vector
from rich.console import Console

from bench.database import Cluster, Retailer, running_cluster, temporary_retailer
from bench.growth_report import GrowthFigure, GrowthResults, show_growth
from bench.growth_stores import Query, SyntheticStore, load_stores
from bench.machine import machine_facts
from bench.recording import Statement, recorded
from bench.relevance_search import LOCAL_MODEL, Model, search_client
from server.db.operator import admin_connection
from server.embeddings import build_embedder
from server.embeddings.queries import QueryEmbedder
from server.errors import RetailError
from server.operations.admin.vector_indexes import BREAK_EVEN, build_index
from server.tenancy.context_token import ContextSigner

_RESULTS: Final = Path(__file__).parent / "results"
_DEPTH: Final = 20
_MODES: Final = ("semantic", "hybrid")
_MOST_STORES_ASKED: Final = 10
_REPEATS: Final = 3
_MODEL: Final = Model(LOCAL_MODEL)
_NOISE_FLOOR: Final = build_embedder(_MODEL.settings()).noise_floor
_console = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class GrowthOptions:
    """What to grow.

    Attributes:
        products: Products of all stores together in the first part.
        stores: By how many stores they are sold, one database each; stores above the break-even get an index.
        sizes: Sizes of the stores of the second part, in one database, each searched without and with an index.
        queries: Queries per row of the table.
        output: JSON file with every number; by default a new one in bench/results.
    """

    products: int = 100_000
    stores: tuple[int, ...] = (4, 100, 1_000, 1)
    sizes: tuple[int, ...] = (1_000, 2_500, 5_000, 10_000, 20_000, 40_000)
    queries: int = 50
    output: File | None = None

    def __post_init__(self) -> None:
        if self.queries < 1 or self.products < 1 or min((*self.stores, *self.sizes), default=1) < 1:
            raise ValueError("products, stores, sizes and queries are at least 1.")
        if max(self.stores, default=1) > self.products:
            raise ValueError(f"{self.products} products are too few for {max(self.stores)} stores.")


@dataclass(frozen=True)
class _Asked:
    """A query that was put to a store: what came back, and the statements that fetched it."""

    query: Query
    mode: str
    found: list[UUID]
    statements: list[Statement]


_DEFAULTS: Final = GrowthOptions()


def growth(options: Annotated[GrowthOptions, Parameter(name="*", negative=())] = _DEFAULTS) -> int:
    """Product search as stores become more and larger: recall, rows and time, exact and by vector index."""
    try:
        with running_cluster() as cluster:
            results = uvloop.run(measure_growth(cluster, options))
    except (RetailError, ToolError) as error:
        _console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    output = options.output or _RESULTS / f"growth-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    results.write(output)
    show_growth(results)
    _console.print(f"Every number: {output}")
    return 1 if any(figure.foreign_rows for figure in results.figures) else 0


async def measure_growth(cluster: Cluster, options: GrowthOptions) -> GrowthResults:
    """Measure both parts."""
    results = GrowthResults(await machine_facts(cluster), asdict(options))
    for number in options.stores:
        part = f"{number:,} store{'s' if number > 1 else ''}"
        sizes = {f"store-{place}": options.products // number for place in range(number)}
        async with temporary_retailer(cluster) as retailer:
            _tell(f"{part} of {options.products // number:,} products")
            stores = (await load_stores(retailer, sizes))[:: max(number // _MOST_STORES_ASKED, 1)][:_MOST_STORES_ASKED]
            with_index = options.products // number > BREAK_EVEN
            results.figures += await _measured(retailer, part, stores, options.queries, with_index=with_index)
    if options.sizes:
        async with temporary_retailer(cluster) as retailer:
            _tell("Stores of several sizes")
            for store in await load_stores(retailer, {f"store-{size}": size for size in options.sizes}):
                results.figures += await _measured(retailer, "by size", [store], options.queries, with_index=True)
    return results


async def _measured(
    retailer: Retailer, part: str, stores: Sequence[SyntheticStore], queries: int, *, with_index: bool
) -> list[GrowthFigure]:
    each = -(-queries // len(stores))
    size = len(stores[0].product_ids)
    exact = {store.store_id: await _answers(retailer, store, each) for store in stores}
    figures = [await _figure(retailer, part, stores, exact, None, mode) for mode in _MODES]
    if with_index:
        _tell(f"  vector indexes of stores of {size:,} products")
        began = time.perf_counter()
        async with admin_connection(retailer.admin_url) as connection:
            for store in stores:
                await build_index(connection, store.store_id, at_any_size=True)
        seconds = (time.perf_counter() - began) / len(stores)
        indexed = {store.store_id: await _answers(retailer, store, each) for store in stores}
        figures += [await _figure(retailer, part, stores, indexed, exact, mode, seconds) for mode in _MODES]
    return figures


async def _answers(retailer: Retailer, store: SyntheticStore, number: int) -> list[_Asked]:
    """Ask the tool every query in every mode."""
    asked = []
    async with search_client(retailer, store.store_id, _MODEL) as client:
        for query in store.queries(number):

            async def given(_: QueryEmbedder, __: Sequence[str], vector: Any = query.vector) -> list[Any]:
                return [vector]

            for mode in _MODES:
                with recorded() as statements, patch.object(QueryEmbedder, "embed", given):
                    answer = await client.call_tool(
                        "search_products", {"query": query.text, "mode": mode, "limit": _DEPTH}
                    )
                page: dict[str, Any] = answer.structured_content or {}
                assert page["search_mode_used"] == mode
                asked.append(
                    _Asked(
                        query,
                        mode,
                        [UUID(row["product_id"]) for row in page["rows"]],
                        # Before it was entered to search, the store's model was looked up at times.
                        statements[max(place for place, one in enumerate(statements) if one.enters) :],
                    )
                )
    return asked


async def _figure(
    retailer: Retailer,
    part: str,
    stores: Sequence[SyntheticStore],
    answers: dict[str, list[_Asked]],
    exact: dict[str, list[_Asked]] | None,
    mode: str,
    build_seconds: float | None = None,
) -> GrowthFigure:
    recalls: list[float] = []
    milliseconds: list[float] = []
    missing = foreign = 0
    for store in stores:
        own = set(store.product_ids)
        asked = [one for one in answers[store.store_id] if one.mode == mode]
        right = [one for one in exact[store.store_id] if one.mode == mode] if exact else []
        for place, one in enumerate(asked):
            found, nearest = set(one.found), store.nearest(one.query, _DEPTH, _NOISE_FLOOR).keys()
            foreign += len(found - own)
            missing += max(min(_DEPTH, len(nearest)) - len(found), 0)
            if mode == "semantic" and nearest:
                recalls.append(len(nearest & found) / min(_DEPTH, len(nearest)))
            elif right:
                recalls.append(len(set(right[place].found) & found) / max(len(right[place].found), 1))
        milliseconds += await _timed(retailer, store, asked)
    return GrowthFigure(
        part=part,
        products=len(stores[0].product_ids),
        mode=mode,
        indexed=exact is not None,
        recall=recalls or None,
        missing_rows=missing,
        foreign_rows=foreign,
        milliseconds=milliseconds,
        build_seconds=build_seconds,
    )


async def _timed(retailer: Retailer, store: SyntheticStore, asked: Sequence[_Asked]) -> list[float]:
    """Milliseconds per query on one warm connection, without the tool around it."""
    token = await retailer.token(store.store_id)
    principal = await retailer.principal(token)
    signer = ContextSigner(retailer.context_key)
    token_of_request = partial(signer.sign, principal.principal_id, store.store_id)
    connection: Any = await asyncpg.connect(retailer.app_url, timeout=5)
    try:
        await register_vector(connection)
        rounds: list[list[float]] = []
        for _ in range(_REPEATS):
            rounds.append([])
            for one in asked:
                began = time.perf_counter()
                async with connection.transaction(readonly=True):
                    for statement in one.statements:
                        await connection.fetch(statement.sql, *statement.parameters(token_of_request))
                rounds[-1].append(1000 * (time.perf_counter() - began))
    finally:
        await connection.close(timeout=5)
    return [statistics.median(of_query) for of_query in zip(*rounds, strict=True)]


def _tell(text: str) -> None:
    _console.print(text, style="dim")
