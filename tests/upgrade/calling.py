"""Callers of a running server that note what became of each call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from tests.transport.serving import Served, bearer, message
from tests.transport.shop import eventually

TOOLS = {
    "summarize_sales": {"period": "last_365_days", "group_by": ["month"]},
    "list_low_stock": {},
    "search_products": {"query": "drill"},
    "summarize_customers": {},
    "run_query": {"sql": "select count(*) as products from products"},
}
# Others want the processor too: a process that starts, for one.
_PAUSE_SECONDS = 0.05
ROOMY = {"RETAIL_RATE_PER_MINUTE": "1000000", "RETAIL_RATE_BURST": "1000000"}


@dataclass
class Answers:
    """What callers were told.

    Attributes:
        served: Calls that were answered.
        told: How often each refusal was told, or what else went wrong.
        foreign: Answers of a store that was not the caller's.
    """

    served: int = 0
    told: Counter[str] = field(default_factory=Counter)
    foreign: list[str] = field(default_factory=list)

    async def reach(self, served: int, seconds: float = 60) -> None:
        """Wait until so many calls were answered."""

        async def are_answered() -> bool:
            return self.served >= served

        await eventually(are_answered, seconds)

    async def ask(self, served: Served, tool: str, token: str, store_id: str) -> None:
        """Make one call."""
        try:
            response = await served.call(tool, TOOLS[tool], authorization=bearer(token))
        except httpx2.HTTPError as error:
            self.told[type(error).__name__] += 1
            return
        if response.status_code != 200:
            self.told[f"{response.status_code} {response.json()['error']['message']}"] += 1
            return
        result = message(response)["result"]
        if result.get("isError"):
            self.told[result["content"][0]["text"]] += 1
        elif result["structuredContent"]["store_id"] != store_id:
            self.foreign.append(result["structuredContent"]["store_id"])
        else:
            self.served += 1


@asynccontextmanager
async def calling(
    served: Served, tokens: dict[str, str], tools: Sequence[str] = tuple(TOOLS)
) -> AsyncIterator[Answers]:
    """Let a caller per store ask one tool after the other while the block runs.

    Args:
        served: Whom to ask.
        tokens: Bearer token by store.
        tools: What to ask.
    """
    answers = Answers()

    async def one_after_the_other(store_id: str, token: str) -> None:
        while True:
            for tool in tools:
                await answers.ask(served, tool, token, store_id)
                await asyncio.sleep(_PAUSE_SECONDS)

    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(one_after_the_other(*each)) for each in tokens.items()]
        try:
            yield answers
        finally:
            for caller in callers:
                caller.cancel()
