"""The targets that figures are held against: shown, not enforced."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.analytics import AnalyticFigure
from bench.audit import AuditFigure
from bench.calls import Cell
from bench.cases import E_MAIL, TOP
from bench.flood import LIMITED, FloodFigure
from bench.questions import FROM_ROLLUPS
from bench.seeding import SeedFigures
from bench.start import HTTP as HTTP_START
from bench.start import STDIO as STDIO_START
from bench.start import StartFigures
from bench.targets import HTTP, STDIO


@dataclass(frozen=True)
class Verdict:
    """One figure beside its target."""

    name: str
    measured: float
    target: float
    unit: str
    at_most: bool
    met: bool = field(init=False)

    def __post_init__(self) -> None:
        met = self.measured <= self.target if self.at_most else self.measured >= self.target
        object.__setattr__(self, "met", met)


def verdicts(
    calls: list[Cell],
    seed: list[SeedFigures],
    start: list[StartFigures],
    flood: list[FloodFigure],
    audit: list[AuditFigure],
    analytics: list[AnalyticFigure],
) -> list[Verdict]:
    """Every target for which there is a figure."""
    return [
        *_of_calls(calls),
        *_of_analytics(analytics),
        *_of_audit(audit),
        *_of_flood(flood),
        *_of_starts(start),
        *_of_seed(seed),
    ]


def _of_calls(cells: list[Cell]) -> Iterator[Verdict]:
    for cell in cells:
        where = f"{cell.target}, {cell.clients} client{'s' if cell.clients > 1 else ''}"
        if cell.case == E_MAIL and cell.target == HTTP:
            yield Verdict(f"server CPU of a {E_MAIL}, {where}", cell.cpu_ms_per_call, 1.5, "ms", at_most=True)
        if cell.case == TOP and cell.target in {HTTP, STDIO} and cell.clients > 1 and cell.throughput_ratio:
            yield Verdict(f"throughput of {TOP}, {where}", cell.throughput_ratio, 0.9, "of asyncpg", at_most=False)


def _of_analytics(figures: list[AnalyticFigure]) -> Iterator[Verdict]:
    for figure in figures:
        yield Verdict(f"p95 of {figure.case}", figure.p95_ratio, 1.5, "x asyncpg", at_most=True)
        if figure.case in FROM_ROLLUPS:
            yield Verdict(f"p95 of {figure.case}", figure.p95_ms, 100, "ms", at_most=True)


def _of_audit(figures: list[AuditFigure]) -> Iterator[Verdict]:
    for figure in figures:
        name = f"server CPU of the audit per call, HTTP, {figure.clients} client{'s' if figure.clients > 1 else ''}"
        yield Verdict(name, figure.added_ms, 0.1, "ms", at_most=True)


def _of_flood(figures: list[FloodFigure]) -> Iterator[Verdict]:
    for figure in figures:
        if figure.server == LIMITED:
            name = "p95 of another store's calls during a flood"
            yield Verdict(name, figure.ratio, 3.0, "x quiet", at_most=True)


def _of_starts(starts: list[StartFigures]) -> Iterator[Verdict]:
    for figures in starts:
        if figures.name == STDIO_START:
            yield Verdict(figures.name, figures.median_seconds, 2.0, "s", at_most=True)
        if figures.name in {STDIO_START, HTTP_START}:
            transport = figures.name.partition(",")[0]
            without, with_model = map(statistics.median, (figures.memory_mb, figures.memory_with_model_mb))
            yield Verdict(f"resident memory without the model, {transport}", without, 130, "MB", at_most=True)
            yield Verdict(f"resident memory with the model, {transport}", with_model, 260, "MB", at_most=True)


def _of_seed(loads: list[SeedFigures]) -> Iterator[Verdict]:
    for transactions in sorted({load.transactions for load in loads}):
        rates = [load.transactions_per_second for load in loads if load.transactions == transactions]
        name = f"demo generator, {transactions:,} transactions"
        yield Verdict(name, statistics.median(rates), 5_000, "per second", at_most=False)
