"""The judged set of the demo catalogue, and what the server answers to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bench.relevance_search import Answer, answers
from bench.relevance_sets import JudgedSet, own_set
from bench.relevance_store import DEMO_STORE, skus_on_sale
from tests.embeddings.openai_server import openai_server
from tests.support import Retailer

__all__ = ["openai_server"]

Judged = Callable[[str], Awaitable[list[Answer]]]


@pytest.fixture(scope="session")
def whole_set() -> JudgedSet:
    """The set as it is written down."""
    return own_set()


@pytest.fixture(scope="session")
async def judged_set(demo: Retailer, whole_set: JudgedSet) -> JudgedSet:
    """What of it the store that is searched can answer."""
    return whole_set.within(await skus_on_sale(demo.admin_url, DEMO_STORE))


@pytest.fixture(scope="session")
async def judged(demo: Retailer, judged_set: JudgedSet) -> AsyncIterator[Judged]:
    """Answers to the whole set in a mode: `await judged("hybrid")`."""
    asked: dict[str, list[Answer]] = {}
    async with demo.client(DEMO_STORE) as client:

        async def ask(mode: str) -> list[Answer]:
            if mode not in asked:
                asked[mode] = await answers(client, judged_set.queries, mode)
            return asked[mode]

        yield ask
