"""How many tool calls one caller, and one store, may have in progress, and how fast they may come."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

from server.config import Settings
from server.monitoring.observer import NULL_OBSERVER, Observer
from server.tenancy.limits import KeyedSemaphore, Rate


@dataclass(frozen=True, slots=True)
class CallLimits:
    """What bounds the tool calls of one server.

    Attributes:
        rate: Calls per principal.
        principals: Calls of one principal that have entered a store.
        stores: Calls that have entered one store.
    """

    rate: Rate
    principals: KeyedSemaphore
    stores: KeyedSemaphore

    @classmethod
    def of(cls, settings: Settings, observer: Observer = NULL_OBSERVER) -> Self:
        """The limits that the operator chose, never as many places as there are connections."""
        # With a single connection there is nothing to keep free.
        most = max(settings.pool_size - 1, 1)
        wait = settings.pool_timeout_seconds
        return cls(
            rate=Rate(settings.rate_per_minute, settings.rate_burst, on_refusal=partial(observer.refused, "calls")),
            principals=KeyedSemaphore(
                min(settings.principal_concurrency, most),
                wait,
                "Too many of your calls are under way at once",
                partial(observer.refused, "principals"),
            ),
            stores=KeyedSemaphore(
                min(settings.store_concurrency, most),
                wait,
                "Too many calls to this store are under way at once",
                partial(observer.refused, "stores"),
            ),
        )

    @classmethod
    def none(cls) -> Self:
        """No limits, to measure what they are good for."""
        many = 1_000_000
        places = KeyedSemaphore(many, None, "Never")
        return cls(Rate(math.inf, many), places, places)

    @asynccontextmanager
    async def acquire(self, principal: int, *store_ids: str | None) -> AsyncIterator[None]:
        """Hold what a call needs to enter a store, or several one after the other.

        Args:
            principal: Who enters.
            store_ids: The stores; None for one that is not the caller's, where nobody else may have to wait.

        Raises:
            TooManyCallsError: Too much is in progress.
        """
        # In this order: who waits for a place of its own takes none of the store's.
        async with self.principals.acquire(principal), AsyncExitStack() as places:
            # In one order for all, so that no two calls wait for each other's.
            for store_id in sorted(set(store_ids), key=str):
                await places.enter_async_context(self.stores.acquire(store_id))
            yield
