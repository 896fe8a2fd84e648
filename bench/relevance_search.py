"""The server under judgement: its own search tool, in process, and how well it answers a judged set."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from fastmcp import Client

from bench.database import Retailer
from bench.relevance_metrics import RECALL_DEPTH, Quality, quality
from bench.relevance_sets import JudgedQuery
from server.app import build
from server.config import ENV_PREFIX, Settings
from server.errors import InvalidInputError

LOCAL_MODEL: Final = "wordllama"
# Of the environment only these count: what somebody set for a server of theirs must not change a measurement.
_PROVIDER: Final = ("openai_", "azure_", "embedding_")
_NO_PREFIX: Final = "RETAIL_BENCH_SETS_NOTHING_"
_UNHURRIED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """An embedding model to measure.

    Attributes:
        name: `wordllama`, or what the OpenAI-compatible endpoint calls it.
        dimensions: Numbers per vector; None for the offline model.
    """

    name: str
    dimensions: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `wordllama` or `NAME@DIMENSIONS`.

        Raises:
            InvalidInputError: The dimensions are missing.
        """
        if text == LOCAL_MODEL:
            return cls(text)
        name, _, dimensions = text.rpartition("@")
        if not (name and dimensions.isdecimal()):
            raise InvalidInputError(f"{text!r} is no model. Write {LOCAL_MODEL} or NAME@DIMENSIONS.")
        return cls(name, int(dimensions))

    def settings(self, **others: Any) -> Settings:
        """Settings of a server that uses it; provider, endpoint and key are those of the environment."""
        chosen: dict[str, Any] = {"embeddings": LOCAL_MODEL}
        if self.dimensions is not None:
            names = ("embeddings", *(name for name in Settings.model_fields if name.startswith(_PROVIDER)))
            given = {name: os.environ.get(f"{ENV_PREFIX}{name.upper()}") for name in names}
            chosen = {"embeddings": "openai"} | {name: value for name, value in given.items() if value}
            chosen.update(embedding_model=self.name, embedding_dimensions=self.dimensions)
        return Settings(_env_file=None, _env_prefix=_NO_PREFIX, **chosen, **others)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tool answered to one query.

    Attributes:
        query: The query.
        rows: The first twenty products found, as the tool shows them.
        total_matches: How many it says to have found.
        quality: How good that is; None for a query without a relevant product.
    """

    query: JudgedQuery
    rows: Sequence[dict[str, Any]]
    total_matches: int
    quality: Quality | None

    @property
    def skus(self) -> list[str]:
        """SKUs of the products found, best first."""
        return [row["sku"] for row in self.rows]


@asynccontextmanager
async def search_client(retailer: Retailer, store_id: str, model: Model) -> AsyncIterator[Client[Any]]:
    """A client of the whole server, in this process, as the manager of one store."""
    settings = model.settings(
        token=await retailer.token(store_id),
        store_id=store_id,
        rate_per_minute=_UNHURRIED,
        rate_burst=_UNHURRIED,
    )
    async with build(settings, retailer.connections, "stdio") as server, Client(server) as client:
        yield client


async def answers(
    client: Client[Any],
    queries: Iterable[JudgedQuery],
    mode: str,
    *,
    key_of: Callable[[str], str] = str,
    report: Callable[[int], None] | None = None,
) -> list[Answer]:
    """Ask every query and judge the answers.

    Args:
        client: Sees one store.
        queries: What to ask.
        mode: Search mode.
        key_of: Turns the SKU of a product into its key in the judged set.
        report: Is told how many are answered.

    Raises:
        InvalidInputError: The server searched in another mode, so the figures would be those of that one.
        fastmcp.exceptions.ToolError: A search failed.
    """
    found = []
    for number, query in enumerate(queries, start=1):
        result = await client.call_tool("search_products", {"query": query.text, "mode": mode, "limit": RECALL_DEPTH})
        page: dict[str, Any] = result.structured_content or {}
        if page["search_mode_used"] != mode:
            raise InvalidInputError(
                f"Asked for mode {mode}, the server searched in {page['search_mode_used']}: {page['note']}"
            )
        ranked = [key_of(row["sku"]) for row in page["rows"]]
        judged = quality(ranked, query.grades, query.relevant) if query.relevant else None
        found.append(Answer(query, page["rows"], page["total_matches"], judged))
        if report is not None:
            report(number)
    return found
