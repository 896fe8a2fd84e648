"""Shares of one caller and one store: how fast, how many at once, and what is remembered of them."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config import Settings
from server.errors import TooManyCallsError
from server.tenancy.call_limits import CallLimits
from server.tenancy.limits import MOST_TOKENS, PATIENCE_SECONDS, SECONDS_PER_TOKEN, KeyedSemaphore, Rate


class Time:
    """A clock that moves only when somebody sleeps or a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def rate(self, per_minute: float, burst: float) -> Rate:
        return Rate(per_minute, burst, clock=self.clock, sleep=self.sleep)


async def refused(work: Awaitable[Any]) -> TooManyCallsError:
    with pytest.raises(TooManyCallsError) as error:
        await work
    return error.value


async def test_a_burst_passes_unhindered_and_no_more_than_that() -> None:
    time = Time()
    rate = time.rate(per_minute=6, burst=3)
    for _ in range(3):
        await rate.consume("ann")
    assert time.slept == []
    assert (await refused(rate.consume("ann"))).retry_seconds == 9
    assert len(time.slept) == 1


async def test_a_refusal_says_that_nothing_ran_and_when_to_come_back() -> None:
    time = Time()
    rate = time.rate(per_minute=6, burst=1)
    await rate.consume("ann")
    error = await refused(rate.consume("ann"))
    assert str(error) == (
        "You call faster than the 6 times a minute that are allowed, so this call did not run. "
        "Try the same call again in 9 seconds."
    )
    # It came late, so that a caller that does not wait cannot be refused a thousand times a second.
    (held,) = time.slept
    assert 0.5 * PATIENCE_SECONDS <= held < 1.5 * PATIENCE_SECONDS
    time.now += error.retry_seconds
    await rate.consume("ann")
    assert time.slept == [held]


async def test_those_refused_together_do_not_come_back_together() -> None:
    time = Time()
    held: list[float] = []

    async def sleep(seconds: float) -> None:
        held.append(seconds)

    rate = Rate(per_minute=6, burst=1, clock=time.clock, sleep=sleep)
    await asyncio.gather(*(rate.consume("ann") for _ in range(21)), return_exceptions=True)
    gaps = [later - earlier for earlier, later in itertools.pairwise(sorted(held))]
    assert len(held) == 20
    assert min(gaps) > 0.02 * PATIENCE_SECONDS


async def test_time_in_the_database_counts_like_calls() -> None:
    time = Time()
    rate = time.rate(per_minute=60, burst=10)
    await rate.consume("ann")
    with rate.charge("ann"):
        time.now += 0.2
    # Nine tokens are left and a fifth of one has grown back; four went for the time.
    for _ in range(5):
        await rate.consume("ann")
    assert time.slept == []
    await rate.consume("ann")
    assert time.slept == pytest.approx([0.8])
    # Nobody else pays for it.
    for _ in range(10):
        await rate.consume("bob")


async def test_a_quick_call_costs_nothing_more_and_a_long_one_no_more_than_so_much() -> None:
    time = Time()
    rate = time.rate(per_minute=60, burst=1)
    with rate.charge("ann"):
        time.now += 0.9 * SECONDS_PER_TOKEN
    await rate.consume("ann")
    assert time.slept == []
    with pytest.raises(ZeroDivisionError), rate.charge("bob"):
        time.now += 3600
        raise ZeroDivisionError
    assert (await refused(rate.consume("bob"))).retry_seconds <= MOST_TOKENS


async def test_who_is_a_little_early_is_held_and_served() -> None:
    time = Time()
    rate = time.rate(per_minute=300, burst=1)
    for _ in range(5):
        await rate.consume("ann")
    assert time.slept == pytest.approx([0.2] * 4)


async def test_held_calls_are_told_apart() -> None:
    """Those that come at the same time do not all wait for the same token."""
    time = Time()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    rate = Rate(per_minute=240, burst=1, clock=time.clock, sleep=sleep)
    ends = await asyncio.gather(*(rate.consume("ann") for _ in range(9)), return_exceptions=True)
    assert waits[:4] == [0.25, 0.5, 0.75, 1.0]
    assert [isinstance(end, TooManyCallsError) for end in ends] == [False] * 5 + [True] * 4


async def test_refused_calls_cost_no_tokens() -> None:
    time = Time()
    rate = time.rate(per_minute=6, burst=1)
    await rate.consume("ann")
    began = time.now
    for _ in range(5):
        await refused(rate.consume("ann"))
    time.now = began + 10
    await rate.consume("ann")
    assert len(time.slept) == 5


async def test_one_callers_flood_is_no_other_callers_business() -> None:
    time = Time()
    rate = time.rate(per_minute=6, burst=2)
    for _ in range(2):
        await rate.consume("ann")
    await refused(rate.consume("ann"))
    await rate.consume("bob")
    assert len(time.slept) == 1


@given(
    per_minute=st.integers(1, 6000),
    burst=st.integers(1, 100),
    pauses=st.lists(st.floats(0, 20), min_size=1, max_size=150),
)
async def test_no_pattern_of_calls_gets_more_than_its_share(per_minute: int, burst: int, pauses: list[float]) -> None:
    time = Time()
    rate = time.rate(per_minute, burst)
    admitted: list[float] = []
    for pause in pauses:
        time.now += pause
        try:
            await rate.consume("ann")
        except TooManyCallsError as error:
            assert 1 <= error.retry_seconds <= math.ceil(60 / per_minute)
        else:
            admitted.append(time.now)
    for first, began in enumerate(admitted):
        for last in range(first, len(admitted)):
            allowed = burst + (admitted[last] - began) * per_minute / 60
            assert last - first + 1 <= allowed + 1e-6


async def test_callers_who_left_are_forgotten() -> None:
    time = Time()
    rate = time.rate(per_minute=60, burst=10)
    for caller in range(20_000):
        await rate.consume(caller)
        time.now += 0.01
    # A bucket is full again a second after one call: a hundred callers are not full at any time.
    assert len(rate) <= 2_000


async def test_forgetting_gives_nobody_new_tokens() -> None:
    time = Time()
    rate = time.rate(per_minute=1, burst=2)
    for _ in range(2):
        await rate.consume("ann")
    for caller in range(5_000):
        await rate.consume(caller)
    await refused(rate.consume("ann"))


async def hold(places: KeyedSemaphore, key: str, until: asyncio.Event) -> None:
    async with places.acquire(key):
        await until.wait()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_so_many_are_inside_and_the_next_comes_in_when_one_leaves() -> None:
    places = KeyedSemaphore(2, None, "Full")
    doors = [asyncio.Event() for _ in range(3)]
    inside: list[int] = []

    async def visit(number: int) -> None:
        async with places.acquire("seattle"):
            inside.append(number)
            await doors[number].wait()

    visits = [asyncio.create_task(visit(number)) for number in range(3)]
    await settle()
    assert inside == [0, 1]
    doors[1].set()
    await settle()
    assert inside == [0, 1, 2]
    for door in doors:
        door.set()
    await asyncio.gather(*visits)
    assert len(places) == 0


async def test_who_waits_too_long_is_refused_and_leaves_nothing_behind() -> None:
    places = KeyedSemaphore(1, 0.01, "Full")
    until = asyncio.Event()
    holder = asyncio.create_task(hold(places, "seattle", until))
    await settle()
    error = await refused(hold(places, "seattle", until))
    assert str(error) == "Full, so this call did not run. Try the same call again in 2 seconds."
    # Another store is not concerned.
    async with places.acquire("redmond"):
        pass
    until.set()
    await holder
    async with places.acquire("seattle"):
        pass
    assert len(places) == 0


async def test_a_queue_has_an_end() -> None:
    places = KeyedSemaphore(1, None, "Full")
    until = asyncio.Event()
    crowd = [asyncio.create_task(hold(places, "seattle", until)) for _ in range(17)]
    await settle()
    async with asyncio.timeout(30):
        await refused(hold(places, "seattle", until))
    until.set()
    await asyncio.gather(*crowd)
    assert len(places) == 0


async def test_a_caller_that_goes_away_gives_its_place_back() -> None:
    places = KeyedSemaphore(1, None, "Full")
    until = asyncio.Event()
    holder, waiting = (asyncio.create_task(hold(places, "seattle", until)) for _ in range(2))
    await settle()
    for task in (waiting, holder):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(places) == 0
    async with places.acquire("seattle"):
        pass


async def test_a_failure_inside_gives_the_place_back() -> None:
    places = KeyedSemaphore(1, None, "Full")
    with pytest.raises(ZeroDivisionError):
        async with places.acquire("seattle"):
            raise ZeroDivisionError
    assert len(places) == 0


def limits(**settings: Any) -> CallLimits:
    return CallLimits.of(Settings(_env_file=None, **settings))


async def most_inside(enter: Callable[[int], Any]) -> int:
    """How many of ten calls are inside at the same time."""
    until, inside = asyncio.Event(), 0

    async def call(number: int) -> None:
        nonlocal inside
        async with enter(number):
            inside += 1
            await until.wait()

    calls = [asyncio.create_task(call(number)) for number in range(10)]
    await settle()
    most = inside
    until.set()
    await asyncio.gather(*calls)
    return most


@pytest.mark.parametrize(
    ("pool_size", "of_one_principal", "in_one_store"), [(8, 2, 4), (4, 2, 3), (3, 2, 2), (2, 1, 1), (1, 1, 1)]
)
async def test_neither_a_caller_nor_a_store_ever_gets_all_connections(
    pool_size: int, of_one_principal: int, in_one_store: int
) -> None:
    found = limits(pool_size=pool_size)
    # In a store of its own each time, and as another principal each time.
    assert await most_inside(lambda number: found.acquire(1, f"store-{number}")) == of_one_principal
    assert await most_inside(lambda number: found.acquire(number, "seattle")) == in_one_store


async def test_naming_a_store_that_is_not_ones_own_takes_no_place_in_it() -> None:
    found = limits()
    strangers = [found.acquire(number, None) for number in range(4)]
    for stranger in strangers:
        await stranger.__aenter__()
    assert await most_inside(lambda number: found.acquire(100 + number, "seattle")) == 4
    for stranger in strangers:
        await stranger.__aexit__(None, None, None)
