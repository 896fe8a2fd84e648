"""sse-starlette, which writes the streams of streamable HTTP and HTTP+SSE: when they end as the server stops.

One flag of the process decides, in `AppStatus`. By itself sse-starlette sets it at the signal, and so ends also those
streams in which a call is still to be answered.

Fails in: tests/monitoring/test_draining.py
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sse_starlette.sse import AppStatus


@contextmanager
def streams_kept_open() -> Iterator[None]:
    """Leave the end of streams to `end_streams`."""
    AppStatus.enable_automatic_graceful_drain = False
    try:
        yield
    finally:
        AppStatus.should_exit = False
        AppStatus.enable_automatic_graceful_drain = True


def end_streams() -> None:
    """End every stream of this process, and each that begins."""
    AppStatus.should_exit = True


def streams_are_ending() -> bool:
    """Whether `end_streams` was called: such a stream ends without its last chunk."""
    return AppStatus.should_exit
