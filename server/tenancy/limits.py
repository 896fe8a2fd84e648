"""How much one caller, and one store, may ask of this process at a time.

Nobody's limits reach across processes: each server counts for itself.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

from server.config import Settings
from server.errors import TooManyCallsError
from server.monitoring.observer import NULL_OBSERVER, Observer

# How long a call that comes too early is held, be it to run or to be refused: a caller that sends the next
# call on each refusal gets about one refusal per connection and second instead of a thousand.
PATIENCE_SECONDS = 1.0
# What a call costs beyond its own token, so that a few heavy calls count like many light ones. Bounded, as
# nobody is to wait for minutes after one query that ran into its time limit.
SECONDS_PER_TOKEN = 0.05
MOST_TOKENS = 30
# Refusals given at the same moment are answered apart, as their callers tend to come back together.
_GOLDEN_RATIO = 0.618
# HTTP requests per tool call that are nobody's fault: listing, greeting, notifications.
_REQUESTS_PER_CALL = 4
_SWEEP_AT = 1024
# Of the connections, open streams included, one principal takes at most one in so many.
_CONNECTIONS_PER_PRINCIPAL_OPEN = 4
# Of calls that wait for one place; more are refused at once.
_QUEUE_PER_PLACE = 16
_RETRY_SECONDS = 2


def _noop() -> None:
    """Nobody is told of a refusal."""


class Rate:
    """A token bucket per caller, in its one-number form: the moment at which the bucket is full again.

    Args:
        per_minute: Tokens that a bucket gains per minute.
        burst: Tokens of a full bucket.
        clock: Seconds that only grow.
        sleep: Waits that many seconds.
        on_refusal: Called with each.

    Source:
        The generic cell rate algorithm: ITU-T recommendation I.371, annex A.
    """

    def __init__(
        self,
        per_minute: float,
        burst: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_refusal: Callable[[], None] = _noop,
    ) -> None:
        self._on_refusal = on_refusal
        self._interval = 60 / per_minute
        self._tolerance = (burst - 1) * self._interval
        self._per_minute = per_minute
        self._clock = clock
        self._sleep = sleep
        self._full_at: dict[Hashable, float] = {}
        self._spread = 0.0
        self._sweep_at = _SWEEP_AT

    async def admit(self, caller: Hashable) -> None:
        """Take a token, waiting a little for it if need be.

        Raises:
            TooManyCallsError: There is none soon. It is raised late, so that trying again at once costs time.
        """
        now = self._clock()
        full_at = max(self._full_at.get(caller, now), now)
        wait = full_at - now - self._tolerance
        if wait > PATIENCE_SECONDS:
            self._on_refusal()
            self._spread = (self._spread + _GOLDEN_RATIO) % 1
            held = PATIENCE_SECONDS * (0.5 + self._spread)
            await self._sleep(held)
            raise TooManyCallsError(
                f"You call faster than the {self._per_minute:g} times a minute that are allowed",
                math.ceil(wait - held),
            )
        self._full_at[caller] = full_at + self._interval
        if len(self._full_at) > self._sweep_at:
            self._sweep(now)
        if wait > 0:
            await self._sleep(wait)

    @contextmanager
    def charge(self, caller: Hashable) -> Iterator[None]:
        """Charge the caller for the time that the block takes."""
        began = self._clock()
        try:
            yield
        finally:
            now = self._clock()
            tokens = min((now - began) // SECONDS_PER_TOKEN, MOST_TOKENS)
            if tokens:
                self._full_at[caller] = max(self._full_at.get(caller, now), now) + tokens * self._interval

    def _sweep(self, now: float) -> None:
        """Forget who has a full bucket: the same as never having called."""
        self._full_at = {caller: full_at for caller, full_at in self._full_at.items() if full_at > now}
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._full_at))

    def __len__(self) -> int:
        """Callers that are remembered."""
        return len(self._full_at)


class KeyedSemaphore:
    """So many at once per key; the others wait in turn, for a while and not too many of them.

    Args:
        places: How many at once.
        wait_seconds: How long one waits; None for as long as it takes.
        reason: What the refusal says.
        on_refusal: Called with each.
    """

    def __init__(
        self,
        places: int,
        wait_seconds: float | None,
        reason: str,
        on_refusal: Callable[[], None] = _noop,
    ) -> None:
        self._on_refusal = on_refusal
        self._places = places
        self._wait = wait_seconds
        self._reason = reason
        self._free: dict[Hashable, asyncio.Semaphore] = {}
        self._here: Counter[Hashable] = Counter()

    @asynccontextmanager
    async def one(self, key: Hashable) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            TooManyCallsError: None became free in time.
        """
        if self._here[key] >= self._places * (1 + _QUEUE_PER_PLACE):
            raise self._refusal()
        self._here[key] += 1
        free = self._free.setdefault(key, asyncio.Semaphore(self._places))
        try:
            try:
                async with asyncio.timeout(self._wait):
                    await free.acquire()
            except TimeoutError:
                raise self._refusal() from None
            try:
                yield
            finally:
                free.release()
        finally:
            self._here[key] -= 1
            if not self._here[key]:
                del self._here[key], self._free[key]

    def _refusal(self) -> TooManyCallsError:
        self._on_refusal()
        return TooManyCallsError(self._reason, _RETRY_SECONDS)

    def __len__(self) -> int:
        """Keys that somebody holds a place of or waits for."""
        return len(self._here)


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the calls of one server.

    Attributes:
        calls: Tool calls per principal.
        requests: HTTP requests of any kind per principal.
        open_requests: Of these, those that are not answered to the end yet; open streams are.
        principals: Calls of one principal that are inside a store.
        stores: Calls that are inside one store.
    """

    calls: Rate
    requests: Rate
    open_requests: KeyedSemaphore
    principals: KeyedSemaphore
    stores: KeyedSemaphore

    @classmethod
    def of(cls, settings: Settings, observer: Observer = NULL_OBSERVER) -> Self:
        """The limits that the operator chose, never as many places as there are connections."""
        # With a single connection there is nothing to keep free.
        most = max(settings.pool_size - 1, 1)
        wait = settings.pool_timeout_seconds
        return cls(
            calls=Rate(settings.rate_per_minute, settings.rate_burst, on_refusal=partial(observer.refused, "calls")),
            requests=Rate(
                settings.rate_per_minute * _REQUESTS_PER_CALL,
                settings.rate_burst * _REQUESTS_PER_CALL,
                on_refusal=partial(observer.refused, "requests"),
            ),
            open_requests=KeyedSemaphore(
                max(settings.max_connections // _CONNECTIONS_PER_PRINCIPAL_OPEN, 1),
                0,
                "Too many of your requests and streams are open at once",
                partial(observer.refused, "open_requests"),
            ),
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
        rate, places = Rate(math.inf, many), KeyedSemaphore(many, None, "Never")
        return cls(rate, rate, places, places, places)

    @asynccontextmanager
    async def inside(self, principal: int, *store_ids: str | None) -> AsyncIterator[None]:
        """Hold what a call needs to enter a store, or several one after the other.

        Args:
            principal: Who enters.
            store_ids: The stores; None for one that is not the caller's, where nobody else may have to wait.

        Raises:
            TooManyCallsError: Too much is under way.
        """
        # In this order: who waits for a place of its own takes none of the store's.
        async with self.principals.one(principal), AsyncExitStack() as places:
            # In one order for all, so that no two calls wait for each other's.
            for store_id in sorted(set(store_ids), key=str):
                await places.enter_async_context(self.stores.one(store_id))
            yield
