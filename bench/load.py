"""Makes calls for a while and counts."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import asyncpg

from bench.cases import Case
from bench.processes import cpu_seconds, load_average
from bench.targets import Target
from bench.wire import CallFailedError

_WARM_UP_CALLS = 6
# A target that fails all the time must not be asked as fast as it can fail.
_MOST_ERRORS = 20
# No part of a run is to take this long.
_PATIENCE_SECONDS = 180


@dataclass(frozen=True)
class Sample:
    """One part of one cell of the table.

    Attributes:
        calls: Successful calls.
        errors: Other calls.
        first_error: What the first of them said.
        seconds: From the first request to the last reply.
        p50_ms: Median latency.
        p95_ms: 95th percentile of it.
        calls_per_second: Over all clients.
        cpu_ms_per_call: CPU time of the target's process.
        load_average: Of the machine, one minute, afterwards.
    """

    calls: int
    errors: int
    first_error: str | None
    seconds: float
    p50_ms: float
    p95_ms: float
    calls_per_second: float
    cpu_ms_per_call: float
    load_average: float


@dataclass
class _Tally:
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def warm_up(target: Target, case: Case, clients: int) -> None:
    """Check every answer once, then let each connection prepare its statements and settle on plans."""
    await target.check(case)
    # PostgreSQL decides about a generic plan after five executions on the same connection.
    await _run(target, case, clients, lambda tally: len(tally.latencies) < clients * _WARM_UP_CALLS)


async def measure(target: Target, case: Case, clients: int, seconds: float) -> Sample:
    """Let clients call one after the other for some seconds, each with no more than one call under way."""
    cpu = cpu_seconds(target.pid)
    started = time.perf_counter()
    deadline = started + seconds
    tally = await _run(target, case, clients, lambda _: time.perf_counter() < deadline)
    elapsed = time.perf_counter() - started
    cpu = cpu_seconds(target.pid) - cpu
    calls = len(tally.latencies)
    return Sample(
        calls=calls,
        errors=len(tally.errors),
        first_error=tally.errors[0] if tally.errors else None,
        seconds=elapsed,
        p50_ms=percentile(tally.latencies, 50) * 1e3,
        p95_ms=percentile(tally.latencies, 95) * 1e3,
        calls_per_second=calls / elapsed,
        cpu_ms_per_call=cpu / max(calls, 1) * 1e3,
        load_average=load_average(),
    )


async def _run(target: Target, case: Case, clients: int, goes_on: Callable[[_Tally], bool]) -> _Tally:
    tally = _Tally()

    async def client(number: int) -> None:
        # Each client starts elsewhere in the arguments, so that they do not ask in step.
        turn = number * 7
        while goes_on(tally) and len(tally.errors) < _MOST_ERRORS:
            began = time.perf_counter()
            try:
                await target.call(case, turn, number)
            except (CallFailedError, asyncpg.PostgresError, OSError) as error:
                tally.errors.append(str(error))
            else:
                tally.latencies.append(time.perf_counter() - began)
            turn += 1

    async with asyncio.timeout(_PATIENCE_SECONDS):
        await asyncio.gather(*(client(number) for number in range(clients)))
    return tally


def percentile(values: Sequence[float], percent: int) -> float:
    """A percentile by linear interpolation, or NaN of nothing."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
