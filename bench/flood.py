"""One principal floods the server; how long do people of another store wait meanwhile?"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

from bench.cases import E_MAIL, STORE, cases
from bench.database import Retailer
from bench.load import percentile
from bench.options import BenchOptions
from bench.processes import free_port, load_average, python_child, wait_until_ready
from bench.wire import CallFailedError, HttpConnection, check_success, http_request

LIMITED, UNLIMITED = "with its limits", "without limits"
_COMMANDS = {LIMITED: ("server", "http"), UNLIMITED: ("bench.unlimited_server",)}
FLOODING_STORE, HEAVY_TOOL = "online", "summarize_sales"
# Each as busy as a whole team of assistants is, and still below the limit.
_LIGHT_CLIENTS = 8
_LIGHT_INTERVAL = 0.25
_FLOODING_CONNECTIONS = 24
_WARM_UP_SECONDS = 1.0
# A flood is long, and begins with an allowance that is unspent.
_FLOOD_LENGTH = 3
# Longer than any call may take.
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class FloodRound:
    """One quiet and one flooded stretch of the same server.

    Attributes:
        quiet_p95_ms: 95th percentile of the light call without the flood.
        flooded_p95_ms: The same during it.
        flood_answered: Calls of the flood that ran.
        flood_refused: Calls of the flood that were refused.
        load_average: Of the machine, one minute, afterwards.
    """

    quiet_p95_ms: float
    flooded_p95_ms: float
    flood_answered: int
    flood_refused: int
    load_average: float


@dataclass(frozen=True)
class FloodFigure:
    """What the flood does to one server.

    Attributes:
        server: With or without limits.
        quiet_p95_ms: Median of the rounds, like all that follows.
        flooded_p95_ms: During the flood.
        ratio: Of the two, in the same round.
        light_calls: Light calls of all rounds.
        light_errors: Those of them that did not succeed.
        rounds: What each round gave.
    """

    server: str
    quiet_p95_ms: float
    flooded_p95_ms: float
    ratio: float
    light_calls: int
    light_errors: int
    rounds: list[FloodRound]


@dataclass
class _Tally:
    latencies: list[float] = field(default_factory=list)
    errors: int = 0

    def p95_ms(self) -> float:
        return percentile(self.latencies, 95) * 1000


async def measure_flood(
    retailer: Retailer, options: BenchOptions, directory: Path, tell: Callable[[str], None]
) -> list[FloodFigure]:
    """Measure both servers in turns, each round with a new principal whose whole allowance is unspent."""
    light = [await retailer.token(STORE, f"bench light {number}") for number in range(_LIGHT_CLIENTS)]
    case = next(case for case in await cases(retailer, light[0], options) if case.name == E_MAIL)
    heavy = _heavy_arguments(options)
    rounds: dict[str, list[FloodRound]] = {name: [] for name in _COMMANDS}
    calls = {name: _Tally() for name in _COMMANDS}
    async with AsyncExitStack() as stack:
        ports = {name: await stack.enter_async_context(_server(name, retailer, directory)) for name in _COMMANDS}
        for number, (name, port) in product(range(options.rounds), ports.items()):
            tell(f"Flood, round {number + 1} of {options.rounds}: the server {name}")
            requests = [
                [http_request(case.tool, call.arguments, port, token) for call in case.calls] for token in light
            ]
            token = await retailer.token(FLOODING_STORE, f"bench flood {name} {number}")
            await _light_calls(port, requests, _WARM_UP_SECONDS)
            quiet = await _light_calls(port, requests, options.seconds_per_case)
            async with _flood(port, http_request(HEAVY_TOOL, heavy, port, token)) as flood:
                flooded = await _light_calls(port, requests, options.seconds_per_case * _FLOOD_LENGTH)
            rounds[name].append(
                FloodRound(quiet.p95_ms(), flooded.p95_ms(), len(flood.latencies), flood.errors, load_average())
            )
            for tally in (quiet, flooded):
                calls[name].latencies += tally.latencies
                calls[name].errors += tally.errors
    return [
        FloodFigure(
            server=name,
            quiet_p95_ms=statistics.median(one.quiet_p95_ms for one in found),
            flooded_p95_ms=statistics.median(one.flooded_p95_ms for one in found),
            ratio=statistics.median(one.flooded_p95_ms / one.quiet_p95_ms for one in found),
            light_calls=len(calls[name].latencies),
            light_errors=calls[name].errors,
            rounds=found,
        )
        for name, found in rounds.items()
    ]


def _heavy_arguments(options: BenchOptions) -> dict[str, Any]:
    """Two years of the store's sales, broken down by product."""
    last_day = options.demo.as_of - timedelta(days=1)
    return {
        "start_date": str(last_day - timedelta(days=364)),
        "end_date": str(last_day),
        "group_by": "product",
        "compare_to": "same_period_last_year",
        "limit": 400,
    }


@asynccontextmanager
async def _server(name: str, retailer: Retailer, directory: Path) -> AsyncIterator[int]:
    """A server with default settings, and its port."""
    port = free_port()
    environment = {**retailer.server_environment, "RETAIL_HOST": "127.0.0.1", "RETAIL_PORT": str(port)}
    async with python_child("-m", *_COMMANDS[name], environment=environment, directory=directory) as process:
        await wait_until_ready(port, process)
        yield port


async def _light_calls(port: int, requests: Sequence[Sequence[bytes]], seconds: float) -> _Tally:
    """Let people ask now and then, each on a connection of its own, whatever became of the call before."""
    tally = _Tally()
    deadline = time.perf_counter() + seconds

    async def person(number: int) -> None:
        # Not all in the same instant.
        await asyncio.sleep(_LIGHT_INTERVAL * number / len(requests))
        connection = HttpConnection(port)
        turn = number * 7
        while (began := time.perf_counter()) < deadline:
            try:
                check_success(await connection.send(requests[number][turn % len(requests[number])]))
                tally.latencies.append(time.perf_counter() - began)
            except (CallFailedError, OSError):
                tally.errors += 1
            turn += 1
            await asyncio.sleep(max(0.0, began + _LIGHT_INTERVAL - time.perf_counter()))
        connection.close()

    async with asyncio.timeout(seconds + _PATIENCE_SECONDS):
        await asyncio.gather(*map(person, range(len(requests))))
    return tally


@asynccontextmanager
async def _flood(port: int, request: bytes) -> AsyncIterator[_Tally]:
    """Send the request again and again on many connections while the block runs; errors are refused calls."""
    tally = _Tally()

    async def connection() -> None:
        own = HttpConnection(port)
        try:
            while True:
                began = time.perf_counter()
                try:
                    check_success(await own.send(request))
                    tally.latencies.append(time.perf_counter() - began)
                except (CallFailedError, OSError):
                    tally.errors += 1
        finally:
            own.close()

    tasks = [asyncio.create_task(connection()) for _ in range(_FLOODING_CONNECTIONS)]
    try:
        yield tally
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
