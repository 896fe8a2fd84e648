"""A rate and a semaphore per key. They do not reach across processes: each server counts for itself."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager

from server.errors import TooManyCallsError

# How long a call that comes too early is held, be it to run or to be refused: a caller that sends the next
# call on each refusal gets about one refusal per connection and second instead of a thousand.
PATIENCE_SECONDS = 1.0
# What a call costs beyond its own token, so that a few heavy calls count like many light ones. Bounded, as
# nobody is to wait for minutes after one query that ran into its time limit.
SECONDS_PER_TOKEN = 0.05
MOST_TOKENS = 30
# Refusals given at the same moment are answered apart, as their callers tend to come back together.
_GOLDEN_RATIO = 0.618
_SWEEP_AT = 1024
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

    async def consume(self, caller: Hashable) -> None:
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
    async def acquire(self, key: Hashable) -> AsyncIterator[None]:
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
