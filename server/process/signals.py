"""The signals that end a process, and how this program ends on them: by unwinding, so that nothing is left running."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Their default is to end the process at once. Left out: SIGKILL, which cannot be caught, those that the processor
# raises for a fault of the program, after which no Python code runs, and SIGABRT, which asks for a core dump.
_FATAL = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGXCPU,
)
# How a shell reports a process that a signal ended.
_EXIT_BASE = 128


def stop_signals() -> tuple[signal.Signals, ...]:
    """What a server stops on: SIGTERM, Ctrl-C, and SIGHUP, which comes when its terminal or session goes away.

    SIGHUP only where nobody made the process ignore it: that is what `nohup` is for.
    """
    always = (signal.SIGTERM, signal.SIGINT)
    return always if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*always, signal.SIGHUP)


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn every signal that would end the process at once into SystemExit while the block runs, the first of them.

    Handlers that others have set stay. Does nothing outside of the main thread, which alone gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    replaced = [number for number in _FATAL if signal.getsignal(number) is signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number in replaced:
            # Whoever set another handler meanwhile decided what the process does from then on.
            if signal.getsignal(number) in (_exit, _pass):
                signal.signal(number, signal.SIG_DFL)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Hold back every signal that would interrupt the block, and deliver it at the block's end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    held: dict[signal.Signals, Any] = {
        number: signal.getsignal(number) for number in _FATAL if signal.getsignal(number) is not signal.SIG_IGN
    }
    for number in held:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        for late in dict.fromkeys(came):
            signal.raise_signal(late)


def _exit(number: int, _: FrameType | None) -> None:
    # Another one would interrupt the unwinding, between two steps of which nothing catches it.
    for other in _FATAL:
        if signal.getsignal(other) is _exit:
            signal.signal(other, _pass)
    sys.exit(_EXIT_BASE + number)


def _pass(_: int, __: FrameType | None) -> None:
    """Be interrupted by a signal, and go on."""
