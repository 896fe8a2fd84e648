"""A circuit breaker: what failed again and again is left alone for a while, and then tried once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.errors import EmbeddingUnavailableError

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 10.0
MOST_OPEN_SECONDS = 120.0


class CircuitBreaker:
    """Lets calls through until several in a row have failed; then refuses them at once.

    When the time is up one call goes through as a probe, and the others are still refused. If it succeeds all are
    let through again; if it fails the next pause is twice as long, up to a limit.

    Args:
        failures: Failures in a row that open the circuit.
        open_seconds: Length of the first pause.
        most_open_seconds: Length of the longest.
        clock: Seconds that never go backwards.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES_TO_OPEN,
        open_seconds: float = OPEN_SECONDS,
        most_open_seconds: float = MOST_OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_to_open = failures
        self._first_pause = open_seconds
        self._longest_pause = most_open_seconds
        self._clock = clock
        self._failures = 0
        self._pause = open_seconds
        self._open_until: float | None = None
        self._probing = False

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Count how the block ends; an EmbeddingUnavailableError is a failure, a cancellation is nothing.

        Raises:
            EmbeddingUnavailableError: The circuit is open; the block did not run.
        """
        is_probe = self._admit()
        try:
            yield
        except EmbeddingUnavailableError:
            self._failed(is_probe)
            raise
        else:
            self._succeeded()
        finally:
            if is_probe:
                self._probing = False

    def _admit(self) -> bool:
        """True for a probe, False for a call like any other."""
        if self._open_until is None:
            return False
        remaining = self._open_until - self._clock()
        if remaining > 0 or self._probing:
            when = f"in {max(round(remaining), 1)} seconds" if remaining > 0 else "in a few seconds"
            raise EmbeddingUnavailableError(
                f"The embedding provider failed {self._failures} times in a row and is left alone for the moment. "
                f"Try again {when}, or search by words only; the server's log names the cause."
            )
        self._probing = True
        return True

    def _failed(self, is_probe: bool) -> None:
        if is_probe:
            self._pause = min(self._pause * 2, self._longest_pause)
        elif self._open_until is not None:
            # Under way when the circuit opened: it says nothing new.
            return
        self._failures += 1
        if self._failures >= self._failures_to_open:
            self._open_until = self._clock() + self._pause

    def _succeeded(self) -> None:
        self._failures = 0
        self._pause = self._first_pause
        self._open_until = None
