"""The first signal ends a process in order; no other gets in its way."""

from __future__ import annotations

import signal

import pytest

from server.process.signals import exit_on_signals


@pytest.fixture(autouse=True)
def defaults() -> object:
    """What a process has that nobody set up."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_during_the_unwinding_does_not_interrupt_it() -> None:
    steps = []
    with pytest.raises(SystemExit) as left, exit_on_signals():
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
                signal.raise_signal(number)
                steps.append(number)
    assert left.value.code == 128 + signal.SIGHUP
    assert len(steps) == 3
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
