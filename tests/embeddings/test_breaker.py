"""The circuit breaker, by a clock that the tests move."""

from __future__ import annotations

import asyncio

import pytest

from server.embeddings.breaker import CircuitBreaker
from server.errors import EmbeddingUnavailableError


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, open_seconds=10, most_open_seconds=35, clock=clock)


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(EmbeddingUnavailableError, match="provider down"), breaker.attempt():
            raise EmbeddingUnavailableError("provider down")


def succeed(breaker: CircuitBreaker) -> None:
    with breaker.attempt():
        pass


def assert_open(breaker: CircuitBreaker, message: str = "left alone") -> None:
    with pytest.raises(EmbeddingUnavailableError, match=message), breaker.attempt():
        pytest.fail("a call went through")


def test_it_opens_after_failures_in_a_row(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 3)

    assert_open(breaker, "failed 3 times in a row.*in 10 seconds")


def test_one_probe_that_succeeds_closes_it(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 9.9
    assert_open(breaker)
    clock.now += 0.1

    with breaker.attempt():
        assert_open(breaker, "in a few seconds")

    succeed(breaker)
    fail(breaker, 2)
    succeed(breaker)


def test_each_probe_that_fails_doubles_the_pause_up_to_a_limit(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    for pause in (10, 20, 35, 35):
        clock.now += pause - 0.1
        assert_open(breaker)
        clock.now += 0.1
        fail(breaker)

    clock.now += 35
    succeed(breaker)
    fail(breaker, 3)
    clock.now += 10
    succeed(breaker)


def test_a_cancelled_probe_leaves_its_place_to_the_next(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    with pytest.raises(asyncio.CancelledError), breaker.attempt():
        raise asyncio.CancelledError

    succeed(breaker)


def test_calls_under_way_when_it_opens_do_not_prolong_the_pause(breaker: CircuitBreaker, clock: Clock) -> None:
    with pytest.raises(EmbeddingUnavailableError, match="late"), breaker.attempt():
        fail(breaker, 3)
        clock.now += 5
        raise EmbeddingUnavailableError("late")

    clock.now += 5
    succeed(breaker)


def test_another_error_is_not_the_providers(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        with pytest.raises(KeyError), breaker.attempt():
            raise KeyError

    succeed(breaker)
