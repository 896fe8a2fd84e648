"""Child processes: started, watched, and stopped for certain."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from bench.database import child_environment

ROOT = Path(__file__).resolve().parent.parent
# Longer than any answer of a tool; the stream's own limit is 64 KiB per line.
_LINE_BYTES = 16 * 1024 * 1024
_STOP_SECONDS = 15
_POLL_SECONDS = 0.005
_CPUCLOCK_SCHED = 2


@asynccontextmanager
async def python_child(*arguments: str, environment: Mapping[str, str], directory: Path) -> AsyncIterator[Process]:
    """Run this Python with arguments, its standard input and output being pipes, and stop it at the end.

    Args:
        arguments: Command line after the interpreter.
        environment: RETAIL_* variables; none of this process's own is passed on.
        directory: Working directory, free of any .env file.
    """
    variables = child_environment({"PYTHONPATH": str(ROOT), **environment})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        env=variables,
        cwd=directory,
        limit=_LINE_BYTES,
    )
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    for stop in (process.terminate, process.kill):
        with contextlib.suppress(ProcessLookupError):
            stop()
        try:
            # Reads what is left as well: a child must not wait for a full pipe.
            await asyncio.wait_for(process.communicate(), _STOP_SECONDS)
        except TimeoutError:
            continue
        return


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def wait_until_ready(port: int, process: Process, *, seconds: float = 180.0) -> None:
    """Poll GET /ready until it answers 200.

    Raises:
        RuntimeError: The process ended, or time ran out.
    """
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        if process.returncode is not None:
            raise RuntimeError(f"The server ended with code {process.returncode} before it was ready.")
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await _answers_ready(port):
                return
        await asyncio.sleep(_POLL_SECONDS)
    raise RuntimeError(f"The server was not ready after {seconds:.0f} s.")


async def _answers_ready(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    finally:
        writer.close()


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far, in seconds, threads that ended included.

    On Linux from the process's own CPU clock in nanoseconds; elsewhere in ticks. The counters of
    /proc/PID/task would lose what a thread used as soon as it ends, and idle workers do end.

    Source:
        Linux kernel, include/linux/posix-timers_types.h: CPU clock ids, ~pid << 3 | CPUCLOCK_SCHED.
    """
    if sys.platform == "linux":
        used = time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)
    else:
        times = psutil.Process(pid).cpu_times()
        used = float(times.user + times.system)
    return used


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in MB of 2^20 bytes."""
    return float(psutil.Process(pid).memory_info().rss) / 2**20


def own_peak_mb() -> float:
    """Largest resident memory of this process since it started, in MB of 2^20 bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    # Not on Linux, where this also counts what the parent had when it forked. Bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def load_average() -> float:
    """One-minute load average of the machine."""
    return os.getloadavg()[0]
