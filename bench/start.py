"""Starts: how long until the first reply, and how much memory is resident then."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.bare_server import TOOL as BARE_TOOL
from bench.cases import STORE
from bench.database import Retailer, temporary_directory
from bench.options import BenchOptions
from bench.processes import cpu_seconds, free_port, load_average, python_child, resident_mb, wait_until_ready
from bench.wire import HttpConnection, StdioConnection, call_body, check_success, http_request

_LOOK_UP: tuple[str, dict[str, Any]] = ("get_store_context", {})
_SEARCH: tuple[str, dict[str, Any]] = (
    "search_products",
    {"query": "something to keep my coffee hot on the way to work"},
)
_BARE_CALL: tuple[str, dict[str, Any]] = (BARE_TOOL, {"left": 6, "right": 7})


@dataclass(frozen=True)
class StartFigures:
    """One kind of start; every list has one item per start.

    Attributes:
        name: What was started.
        seconds: From spawning the process to its reply.
        cpu_seconds: CPU time of the process until then.
        memory_mb: Resident memory after one call that is no search.
        memory_with_model_mb: Resident memory after the first product search as well.
        first_search_ms: Latency of that search, in which the model is loaded.
        load_average: Of the machine, one minute, afterwards.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    memory_with_model_mb: list[float] = field(default_factory=list)
    first_search_ms: list[float] = field(default_factory=list)
    load_average: list[float] = field(default_factory=list)

    @property
    def median_seconds(self) -> float:
        """Median of the starts."""
        return statistics.median(self.seconds)


STDIO, HTTP = "stdio, spawn to initialize reply", "HTTP, spawn to /ready"
BARE_STDIO, BARE_HTTP = "bare FastMCP, stdio", "bare FastMCP, HTTP"
DEMO_FIRST, DEMO_AGAIN = "embedded demo from nothing to /ready", "embedded demo, second start"


async def measure_starts(
    retailer: Retailer, options: BenchOptions, directory: Path, tell: Callable[[str], None]
) -> list[StartFigures]:
    """Start every kind in turn, several times; the embedded demo once, because each needs a new directory."""
    token = await retailer.token(STORE)
    environment = retailer.server_environment
    found = {name: StartFigures(name) for name in (STDIO, BARE_STDIO, HTTP, BARE_HTTP, DEMO_FIRST, DEMO_AGAIN)}
    for number in range(options.starts):
        tell(f"Start {number + 1} of {options.starts}")
        await _start_stdio(found[STDIO], {**environment, "RETAIL_TOKEN": token}, directory)
        await _start_stdio(found[BARE_STDIO], None, directory)
        await _start_http(found[HTTP], environment, token, directory)
        await _start_http(found[BARE_HTTP], None, None, directory)
    with temporary_directory() as data_directory:
        for name in (DEMO_FIRST, DEMO_AGAIN):
            tell(name)
            await _start_demo(found[name], data_directory, directory)
    return list(found.values())


async def _start_stdio(figures: StartFigures, environment: dict[str, str] | None, directory: Path) -> None:
    command = ("-m", "bench.bare_server") if environment is None else ("-m", "server", "stdio")
    began = time.perf_counter()
    async with python_child(*command, environment=environment or {}, directory=directory) as process:
        connection = StdioConnection(process)
        try:
            await connection.initialize()
            figures.seconds.append(time.perf_counter() - began)
            figures.cpu_seconds.append(cpu_seconds(process.pid))
            figures.load_average.append(load_average())
        finally:
            await connection.close()
    # A connection that began with a handshake keeps to that revision: another process shows the memory.
    async with python_child(*command, environment=environment or {}, directory=directory) as process:
        connection = StdioConnection(process)
        try:
            await _watch_memory(
                figures,
                process.pid,
                lambda tool, arguments: connection.call(call_body(tool, arguments, 0)),
                is_bare=environment is None,
            )
        finally:
            await connection.close()


async def _start_http(
    figures: StartFigures, environment: dict[str, str] | None, token: str | None, directory: Path
) -> None:
    port = free_port()
    command = ("bench.bare_server", str(port)) if environment is None else ("server", "http")
    variables = {**(environment or {}), "RETAIL_HOST": "127.0.0.1", "RETAIL_PORT": str(port)}
    began = time.perf_counter()
    async with python_child("-m", *command, environment=variables, directory=directory) as process:
        await wait_until_ready(port, process)
        figures.seconds.append(time.perf_counter() - began)
        figures.cpu_seconds.append(cpu_seconds(process.pid))
        figures.load_average.append(load_average())
        connection = HttpConnection(port)
        try:
            await _watch_memory(
                figures,
                process.pid,
                lambda tool, arguments: connection.send(http_request(tool, arguments, port, token)),
                is_bare=environment is None,
            )
        finally:
            connection.close()


async def _watch_memory(
    figures: StartFigures,
    pid: int,
    call: Callable[[str, dict[str, Any]], Awaitable[bytes]],
    *,
    is_bare: bool,
) -> None:
    check_success(await call(*(_BARE_CALL if is_bare else _LOOK_UP)))
    figures.memory_mb.append(resident_mb(pid))
    if is_bare:
        return
    began = time.perf_counter()
    check_success(await call(*_SEARCH))
    figures.first_search_ms.append((time.perf_counter() - began) * 1e3)
    figures.memory_with_model_mb.append(resident_mb(pid))


async def _start_demo(figures: StartFigures, data_directory: Path, directory: Path) -> None:
    port = free_port()
    environment = {
        "RETAIL_DATA_DIR": str(data_directory),
        "RETAIL_HOST": "127.0.0.1",
        "RETAIL_PORT": str(port),
    }
    began = time.perf_counter()
    async with python_child("-m", "server", "http", environment=environment, directory=directory) as process:
        await wait_until_ready(port, process)
        figures.seconds.append(time.perf_counter() - began)
        figures.cpu_seconds.append(cpu_seconds(process.pid))
        figures.memory_mb.append(resident_mb(process.pid))
        figures.load_average.append(load_average())
