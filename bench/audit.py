"""What the audit of tool calls adds to the CPU time of the server."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.calls import CLIENTS, unbounded
from bench.cases import E_MAIL, STORE, cases
from bench.database import Retailer
from bench.load import Sample, measure, warm_up
from bench.options import BenchOptions
from bench.targets import HttpTarget, http_target

# Short turns, so that what disturbs the machine falls on both servers.
_TURNS_PER_ROUND = 8


@dataclass(frozen=True)
class AuditFigure:
    """CPU time per call of the same server with and without the audit, the writing to the database included.

    Attributes:
        clients: Calls under way at the same time.
        audited_ms: With the audit, the median of the turns.
        unaudited_ms: Without it.
        added_ms: Median of the differences of neighbouring turns.
        least_added_ms: Difference of the least disturbed turns.
        calls: Calls of all turns.
        errors: Other calls.
        turns: What each pair of turns gave, with and without.
    """

    clients: int
    audited_ms: float
    unaudited_ms: float
    added_ms: float
    least_added_ms: float
    calls: int
    errors: int
    turns: list[tuple[Sample, Sample]]


async def measure_audit(
    retailer: Retailer, options: BenchOptions, directory: Path, tell: Callable[[str], None]
) -> list[AuditFigure]:
    """Measure both servers in turns with a look-up that shows a customer, which is what costs an entry most."""
    token = await retailer.token(STORE)
    case = next(case for case in await cases(retailer, token, options) if case.name == E_MAIL)
    environment, most = unbounded(retailer), max(CLIENTS)
    turns: dict[int, list[tuple[Sample, Sample]]] = {clients: [] for clients in CLIENTS}
    seconds = options.seconds_per_case / options.rounds / _TURNS_PER_ROUND
    async with AsyncExitStack() as stack:
        with_audit, without = [
            await stack.enter_async_context(http_target(environment, token, most, directory, module=module))
            for module in ("server", "bench.unaudited_server")
        ]
        for target in (with_audit, without):
            await warm_up(target, case, most)

        async def turn(target: HttpTarget, clients: int) -> Sample:
            return await measure(target, case, clients, seconds)

        for number in range(options.rounds):
            for clients in CLIENTS:
                tell(f"Audit, round {number + 1} of {options.rounds}: {clients} clients")
                for again in range(_TURNS_PER_ROUND):
                    # Neither of them always comes first.
                    if again % 2:
                        later = await turn(without, clients)
                        turns[clients].append((await turn(with_audit, clients), later))
                    else:
                        earlier = await turn(with_audit, clients)
                        turns[clients].append((earlier, await turn(without, clients)))
    return [_figure(clients, found) for clients, found in turns.items()]


def _figure(clients: int, turns: list[tuple[Sample, Sample]]) -> AuditFigure:
    audited = [one.cpu_ms_per_call for one, _ in turns]
    unaudited = [other.cpu_ms_per_call for _, other in turns]
    samples = [sample for pair in turns for sample in pair]
    return AuditFigure(
        clients=clients,
        audited_ms=statistics.median(audited),
        unaudited_ms=statistics.median(unaudited),
        added_ms=statistics.median(one - other for one, other in zip(audited, unaudited, strict=True)),
        least_added_ms=min(audited) - min(unaudited),
        calls=sum(sample.calls for sample in samples),
        errors=sum(sample.errors for sample in samples),
        turns=turns,
    )
