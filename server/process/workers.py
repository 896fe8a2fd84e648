"""Several processes that answer on one port: started, watched, replaced when they die, drained together.

They share one listening socket: a connection that none of them has accepted yet is lost with none of them, as it
would be with a socket for each (SO_REUSEPORT). uvicorn's own supervisor does the same with an application that it
imports by name; it knows no start-up errors written for the reader, starts a worker anew however often that fails,
and leaves workers behind when it is killed.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.process import parent_process
from socket import socket

from server.errors import RetailError
from server.process.signals import stop_signals

logger = logging.getLogger(__name__)

Work = Callable[[socket, Callable[[], None]], None]
"""What a worker does until it is told to stop, with the socket that it shares; it calls the other once it answers."""

_REFUSED = 2
# Longer than a worker takes to finish its calls, to write the last entries of the audit log and to close its pools.
DRAIN_SECONDS = 30.0
# Before a worker takes the place of one that died at its start: the first time, and at most.
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.5, 10.0

_spawn = multiprocessing.get_context("spawn")


class Workers:
    """Keeps so many processes at work.

    Args:
        count: How many.
        work: What each does; it is pickled.
        listener: The socket that they share.
        tell: Writes an error for the operator where its own process cannot start.
        drain_seconds: How long one that is told to stop may take before it is killed.
    """

    def __init__(
        self,
        count: int,
        work: Work,
        listener: socket,
        tell: Callable[[RetailError], None],
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._count = count
        self._work = work
        self._listener = listener
        self._tell = tell
        self._drain_seconds = drain_seconds
        self._stop = asyncio.Event()
        self._running: set[SpawnProcess] = set()

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Keep them at work until a signal to stop comes, then let them finish.

        Args:
            on_ready: Called when all of them answer.

        Raises:
            SystemExit: The first one could not start; it has said why.
        """
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._stop.set)
        # One alone: what keeps it from starting would keep the others too, and is to be said once.
        first, ready = self._start()
        if not await _told(ready):
            await self._ended(first)
            if self._stop.is_set():
                return
            sys.exit(first.exitcode or _REFUSED)
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(self._keep(first))]
            others = [self._start() for _ in range(1, self._count)]
            keepers += [group.create_task(self._keep(process)) for process, _ in others]
            await asyncio.gather(*(_told(ready) for _, ready in others))
            if not self._stop.is_set():
                on_ready()
            await self._stop.wait()
            await self._drain(keepers)

    async def _keep(self, process: SpawnProcess) -> None:
        """Put another in the place of a process whenever it ends, until all are to stop."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            await self._ended(process)
            if self._stop.is_set():
                return
            logger.error("Worker %s ended (exit code %s); another takes its place", process.pid, process.exitcode)
            process, ready = self._start()
            if await _told(ready):
                pause = _FIRST_PAUSE_SECONDS
                continue
            # What is missing now, such as the database, may be back later; the others go on meanwhile.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(pause * 2, _LAST_PAUSE_SECONDS)

    def _start(self) -> tuple[SpawnProcess, Connection]:
        ready, started = _spawn.Pipe(duplex=False)
        process = _spawn.Process(
            target=_run_worker, args=(self._work, self._listener, started, self._tell), name="worker", daemon=True
        )
        process.start()
        started.close()
        self._running.add(process)
        return process, ready

    async def _ended(self, process: SpawnProcess) -> None:
        await _readable(process.sentinel)
        process.join()
        self._running.discard(process)

    async def _drain(self, keepers: list[asyncio.Task[None]]) -> None:
        for process in self._running:
            process.terminate()
        await asyncio.wait(keepers, timeout=self._drain_seconds)
        for process in self._running:
            logger.error("Worker %s did not finish in %g s and is killed", process.pid, self._drain_seconds)
            process.kill()


def at_parents_end(stop: Callable[[], None]) -> None:
    """In a worker, call `stop` when the process that watches over it has gone; elsewhere do nothing."""
    if (parent := parent_process()) is not None:
        loop = asyncio.get_running_loop()

        def parent_ended() -> None:
            loop.remove_reader(parent.sentinel)
            stop()

        loop.add_reader(parent.sentinel, parent_ended)


def _run_worker(work: Work, listener: socket, started: Connection, tell: Callable[[RetailError], None]) -> None:
    def tell_ready() -> None:
        started.send_bytes(b"ready")
        started.close()

    try:
        work(listener, tell_ready)
    except RetailError as error:
        tell(error)
        sys.exit(_REFUSED)
    except KeyboardInterrupt:
        # Ctrl-C reaches every process of the terminal.
        return


async def _told(ready: Connection) -> bool:
    """Whether a worker said that it answers; False when it ended without a word."""
    with ready:
        await _readable(ready.fileno())
        try:
            return bool(ready.recv_bytes())
        except EOFError:
            return False


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(descriptor, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(descriptor)
