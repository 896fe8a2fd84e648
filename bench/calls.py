"""tools/call: over HTTP and stdio, beside asyncpg running the same statements."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TypeVar

from bench.cases import STORE, Case, bare_case, cases
from bench.database import Retailer
from bench.load import Sample, measure, warm_up
from bench.options import BenchOptions
from bench.targets import ASYNCPG, Target, asyncpg_target, http_target, stdio_target

CLIENTS = (1, 16)


@dataclass(frozen=True)
class Cell:
    """One target answering one case for a number of clients.

    Attributes:
        case: Name of the case.
        target: Name of the target.
        clients: Calls under way at the same time.
        calls: Successful calls of all rounds.
        errors: Other calls of all rounds.
        p50_ms: Median latency; like all that follows the median of the rounds.
        p95_ms: 95th percentile of the latency.
        calls_per_second: Throughput.
        cpu_ms_per_call: CPU of the target's process; for asyncpg that of the client.
        least_cpu_ms_per_call: The same in the round that was least disturbed.
        p50_ratio: Median latency as a multiple of asyncpg's in the same round; None without asyncpg.
        throughput_ratio: Throughput as a part of asyncpg's in the same round; None without asyncpg.
        rounds: What each round gave.
    """

    case: str
    target: str
    clients: int
    calls: int
    errors: int
    p50_ms: float
    p95_ms: float
    calls_per_second: float
    cpu_ms_per_call: float
    least_cpu_ms_per_call: float
    p50_ratio: float | None
    throughput_ratio: float | None
    rounds: list[Sample]


Item = TypeVar("Item")
_Key = tuple[str, str, int]


async def measure_calls(
    retailer: Retailer, options: BenchOptions, directory: Path, tell: Callable[[str], None]
) -> list[Cell]:
    """Measure every case on every target, interleaved.

    Each round goes through all cases in a new order, and within a case straight from one target to the
    next, so that what disturbs the machine for a while disturbs a target and its baseline alike.
    """
    token = await retailer.token(STORE)
    bare, ours = bare_case(), await cases(retailer, token, options)
    samples: dict[_Key, list[Sample]] = {}
    # The same order in each run.
    shuffled = random.Random(options.transactions)
    async with _targets(retailer, token, directory) as (targets, bare_targets):
        plan: list[tuple[Case, list[Target]]] = [*((case, targets) for case in ours), (bare, bare_targets)]
        for case, its_targets in plan:
            tell(f"Warming up: {case.name}")
            for target in its_targets:
                await warm_up(target, case, max(CLIENTS))
        for number in range(options.rounds):
            for (case, its_targets), clients in _in_any_order(product(plan, CLIENTS), shuffled):
                tell(f"Round {number + 1} of {options.rounds}: {case.name}, {clients} clients")
                for target in _in_any_order(its_targets, shuffled):
                    sample = await measure(target, case, clients, options.seconds_per_case / options.rounds)
                    samples.setdefault((case.name, target.name, clients), []).append(sample)
        order = [(case.name, target.name, clients) for case, all_ in plan for target in all_ for clients in CLIENTS]
    return [_cell(key, samples) for key in order]


def unbounded(retailer: Retailer) -> dict[str, str]:
    """As many connections at work as asyncpg has, and no limit that a single caller would meet; the rest by default."""
    most = max(CLIENTS)
    return {
        **retailer.server_environment,
        "RETAIL_POOL_SIZE": str(most + 1),
        "RETAIL_STORE_CONCURRENCY": str(most),
        "RETAIL_PRINCIPAL_CONCURRENCY": str(most),
        "RETAIL_RATE_PER_MINUTE": "1000000",
        "RETAIL_RATE_BURST": "1000000",
    }


@asynccontextmanager
async def _targets(retailer: Retailer, token: str, directory: Path) -> AsyncIterator[tuple[list[Target], list[Target]]]:
    most = max(CLIENTS)
    environment = unbounded(retailer)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        targets: list[Target] = [
            await enter(asyncpg_target(retailer, token, most)),
            await enter(http_target(environment, token, most, directory)),
            await enter(stdio_target(environment, token, directory)),
        ]
        bare_targets: list[Target] = [
            await enter(http_target(None, None, most, directory)),
            await enter(stdio_target(None, None, directory)),
        ]
        yield targets, bare_targets


def _in_any_order(items: Iterable[Item], source: random.Random) -> list[Item]:
    ordered = list(items)
    source.shuffle(ordered)
    return ordered


def _cell(key: _Key, samples: dict[_Key, list[Sample]]) -> Cell:
    case, target, clients = key
    rounds = samples[key]
    baseline = samples.get((case, ASYNCPG, clients), [])
    pairs = list(zip(rounds, baseline, strict=bool(baseline)))

    def median(figure: Callable[[Sample], float]) -> float:
        return statistics.median(figure(sample) for sample in rounds)

    return Cell(
        case=case,
        target=target,
        clients=clients,
        calls=sum(sample.calls for sample in rounds),
        errors=sum(sample.errors for sample in rounds),
        p50_ms=median(lambda sample: sample.p50_ms),
        p95_ms=median(lambda sample: sample.p95_ms),
        calls_per_second=median(lambda sample: sample.calls_per_second),
        cpu_ms_per_call=median(lambda sample: sample.cpu_ms_per_call),
        least_cpu_ms_per_call=min(sample.cpu_ms_per_call for sample in rounds),
        p50_ratio=_median_ratio([(mine.p50_ms, its.p50_ms) for mine, its in pairs]),
        throughput_ratio=_median_ratio([(mine.calls_per_second, its.calls_per_second) for mine, its in pairs]),
        rounds=rounds,
    )


def _median_ratio(pairs: list[tuple[float, float]]) -> float | None:
    # Nothing per second is what failed calls come to.
    return statistics.median(mine / its if its else math.nan for mine, its in pairs) if pairs else None
