"""Command line: `python -m bench` measures everything, a command measures its part."""

from __future__ import annotations

import os
import sys
from collections.abc import Set
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from bench.analytics import measure_analytics
from bench.audit import measure_audit
from bench.calls import measure_calls
from bench.cases import STORE
from bench.database import Cluster, running_cluster, temporary_directory
from bench.flood import LIMITED, measure_flood
from bench.gate import gate
from bench.growth import growth
from bench.imports import imports
from bench.machine import machine_facts
from bench.options import BenchOptions
from bench.relevance import relevance
from bench.report import Results, show
from bench.scope import measure_scope
from bench.search import search
from bench.seeding import loaded_retailer, measure_small_loads
from bench.start import measure_starts
from bench.wire import CallFailedError
from server.errors import RetailError

Options = Annotated[BenchOptions, Parameter(name="*")]
_EVERYTHING = frozenset({"analytics", "audit", "calls", "flood", "scope", "seed", "start"})
_RESULTS = Path(__file__).parent / "results"
_DEFAULTS = BenchOptions()

app = App(name="bench", help="Measure the server, interleaved with baselines of the same run.")
console = Console(stderr=True, highlight=False)
app.command(relevance)
app.command(growth)
app.command(search)
app.command(imports)
app.command(gate)


@app.default
def everything(options: Options = _DEFAULTS) -> int:
    """Measure everything."""
    return _run(_EVERYTHING, options)


@app.command
def calls(options: Options = _DEFAULTS) -> int:
    """Latency, throughput and CPU of tools/call over HTTP and stdio, beside asyncpg."""
    return _run({"calls"}, options)


@app.command
def analytics(options: Options = _DEFAULTS) -> int:
    """A year of one store with a million receipts: by month, by category and more, beside asyncpg."""
    return _run({"analytics"}, options)


@app.command
def audit(options: Options = _DEFAULTS) -> int:
    """What the audit of tool calls adds to the server's CPU time."""
    return _run({"audit"}, options)


@app.command
def flood(options: Options = _DEFAULTS) -> int:
    """What one principal's flood does to the calls of another store."""
    return _run({"flood"}, options)


@app.command
def scope(options: Options = _DEFAULTS) -> int:
    """What the store scope adds to a bare transaction."""
    return _run({"scope"}, options)


@app.command
def seed(options: Options = _DEFAULTS) -> int:
    """Rate and memory of the demo generator."""
    return _run({"seed"}, options)


@app.command
def start(options: Options = _DEFAULTS) -> int:
    """Time to the first reply, and resident memory."""
    return _run({"start"}, options)


def _run(parts: Set[str], options: BenchOptions) -> int:
    try:
        with running_cluster() as cluster, temporary_directory() as directory:
            results = uvloop.run(_measure(parts, options, cluster, directory))
    except (RetailError, CallFailedError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    output = options.output or _RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    results.write(output)
    show(results)
    console.print(f"Every number: {output}")
    limited = [figure.light_errors for figure in results.flood if figure.server == LIMITED]
    return (
        1
        if any(limited) or any(figure.errors for figure in [*results.calls, *results.analytics, *results.audit])
        else 0
    )


async def _measure(parts: Set[str], options: BenchOptions, cluster: Cluster, directory: Path) -> Results:
    results = Results(await machine_facts(cluster), asdict(options))
    if "seed" in parts:
        _tell("Demo data: small loads")
        results.seed += await measure_small_loads(cluster, options, directory)
    if "analytics" in parts:
        results.analytics = await measure_analytics(cluster, options, directory, _tell)
    if parts <= {"analytics"}:
        results.machine["load_average_after"] = os.getloadavg()
        return results
    _tell(f"Demo data: {options.transactions:,} transactions")
    async with loaded_retailer(cluster, options, directory) as (retailer, load, embedding_seconds):
        if "seed" in parts:
            results.seed.append(load)
            results.embedding_seconds = embedding_seconds
        if "start" in parts:
            results.start = await measure_starts(retailer, options, directory, _tell)
        if "scope" in parts:
            _tell("Store scope")
            results.scope = await measure_scope(retailer, await retailer.token(STORE))
        if "calls" in parts:
            results.calls = await measure_calls(retailer, options, directory, _tell)
        if "audit" in parts:
            results.audit = await measure_audit(retailer, options, directory, _tell)
        if "flood" in parts:
            results.flood = await measure_flood(retailer, options, directory, _tell)
    results.machine["load_average_after"] = os.getloadavg()
    return results


def _tell(text: str) -> None:
    console.print(text, style="dim")


if __name__ == "__main__":
    sys.exit(app())
