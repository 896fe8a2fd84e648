"""The results: tables for people, one JSON file for programs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.analytics import AnalyticFigure
from bench.audit import AuditFigure
from bench.calls import CLIENTS, Cell
from bench.flood import FloodFigure
from bench.scope import ScopeFigure
from bench.seeding import SeedFigures
from bench.start import StartFigures
from bench.targets import ASYNCPG
from bench.verdicts import Verdict, verdicts

_WIDTH = 120


@dataclass
class Results:
    """Everything a run found; what it did not measure is empty."""

    machine: dict[str, Any]
    options: dict[str, Any]
    calls: list[Cell] = field(default_factory=list)
    analytics: list[AnalyticFigure] = field(default_factory=list)
    audit: list[AuditFigure] = field(default_factory=list)
    flood: list[FloodFigure] = field(default_factory=list)
    scope: list[ScopeFigure] = field(default_factory=list)
    seed: list[SeedFigures] = field(default_factory=list)
    embedding_seconds: float | None = None
    start: list[StartFigures] = field(default_factory=list)

    def verdicts(self) -> list[Verdict]:
        """The targets beside the figures."""
        return verdicts(self.calls, self.seed, self.start, self.flood, self.audit, self.analytics)

    def write(self, path: Path) -> None:
        """Write every number, those of each round included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        everything = {**asdict(self), "targets": [asdict(verdict) for verdict in self.verdicts()]}
        path.write_text(json.dumps(everything, indent=1, default=str) + "\n", encoding="utf-8")


def show(results: Results) -> None:
    """Print what was measured."""
    # A pipe or file gets the same width as a screen.
    console = Console(width=_WIDTH, highlight=False)
    machine = results.machine
    console.print(
        f"\n{machine['cores']} cores, {machine['processor']}; Python {machine['python']}; "
        f"{str(machine['database']).partition(' on ')[0]}; load average "
        f"{machine['load_average_before'][0]:.2f} before, {machine['load_average_after'][0]:.2f} after\n"
    )
    for table in (
        _calls_table(results.calls),
        _analytics_table(results.analytics),
        _audit_table(results.audit),
        _flood_table(results.flood),
        _scope_table(results.scope),
        _seed_table(results.seed),
        _start_table(results.start),
        _target_table(results.verdicts()),
    ):
        if table.row_count:
            console.print(table)
            console.print()
    if results.embedding_seconds is not None:
        console.print(f"Embeddings of all products: {results.embedding_seconds:.1f} s\n")


def _table(title: str, first: Sequence[str], numbers: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in first:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _calls_table(cells: list[Cell]) -> Table:
    numbers = ("p50 ms", "p95 ms", "calls/s", "CPU ms", "least", "p50 x", "calls/s x", "errors")
    table = _table(
        "tools/call (CPU per call of the server; x: as a multiple of asyncpg)", ("case", "target", "clients"), numbers
    )
    for cell in cells:
        table.add_row(
            cell.case,
            cell.target,
            str(cell.clients),
            f"{cell.p50_ms:.2f}",
            f"{cell.p95_ms:.2f}",
            f"{cell.calls_per_second:,.0f}",
            *(
                # That of the measuring process: no server's.
                f"({figure:.2f})" if cell.target == ASYNCPG else f"{figure:.2f}"
                for figure in (cell.cpu_ms_per_call, cell.least_cpu_ms_per_call)
            ),
            _ratio(cell.p50_ratio),
            _ratio(cell.throughput_ratio),
            str(cell.errors),
            end_section=cell.clients == max(CLIENTS),
        )
    return table


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _analytics_table(figures: list[AnalyticFigure]) -> Table:
    numbers = ("p50 ms", "p95 ms", "asyncpg p50", "asyncpg p95", "p95 x", "CPU ms", "errors")
    store = f"one store with {figures[0].transactions:,} receipts" if figures else ""
    table = _table(f"Analytics over HTTP, {store} (x: as a multiple of asyncpg)", ("question",), numbers)
    for figure in figures:
        table.add_row(
            figure.case,
            f"{figure.p50_ms:.1f}",
            f"{figure.p95_ms:.1f}",
            f"{figure.asyncpg_p50_ms:.1f}",
            f"{figure.asyncpg_p95_ms:.1f}",
            f"{figure.p95_ratio:.2f}",
            f"{figure.cpu_ms:.2f}",
            str(figure.errors),
        )
    return table


def _audit_table(figures: list[AuditFigure]) -> Table:
    numbers = ("with, CPU ms", "without", "added", "added, least", "calls", "errors")
    table = _table("Audit of tool calls (CPU per call of the server)", ("clients",), numbers)
    for figure in figures:
        table.add_row(
            str(figure.clients),
            f"{figure.audited_ms:.3f}",
            f"{figure.unaudited_ms:.3f}",
            f"{figure.added_ms:.3f}",
            f"{figure.least_added_ms:.3f}",
            f"{figure.calls:,}",
            str(figure.errors),
        )
    return table


def _flood_table(figures: list[FloodFigure]) -> Table:
    numbers = ("quiet p95 ms", "flooded p95 ms", "x quiet", "calls", "errors", "flood ran", "flood refused")
    table = _table("Calls of one store while a principal of another floods", ("server",), numbers)
    for figure in figures:
        table.add_row(
            figure.server,
            f"{figure.quiet_p95_ms:.1f}",
            f"{figure.flooded_p95_ms:.1f}",
            f"{figure.ratio:.2f}",
            f"{figure.light_calls:,}",
            str(figure.light_errors),
            f"{sum(one.flood_answered for one in figure.rounds):,}",
            f"{sum(one.flood_refused for one in figure.rounds):,}",
        )
    return table


def _scope_table(figures: list[ScopeFigure]) -> Table:
    table = _table("Store scope", ("what",), ("us, median", "us, least", "round trips"))
    for figure in figures:
        trips = "" if figure.round_trips is None else str(figure.round_trips)
        table.add_row(figure.name, f"{figure.microseconds:.1f}", f"{figure.least_microseconds:.1f}", trips)
    return table


def _seed_table(figures: list[SeedFigures]) -> Table:
    numbers = ("rows", "seconds", "transactions/s", "peak MB", "database alone, s", "x database")
    table = _table("Demo generator", ("transactions",), numbers)
    for figure in figures:
        table.add_row(
            f"{figure.transactions:,}",
            f"{figure.rows:,}",
            f"{figure.seconds:.2f}",
            f"{figure.transactions_per_second:,.0f}",
            f"{figure.peak_mb:.0f}",
            f"{figure.baseline_seconds:.2f}",
            f"{figure.ratio:.1f}",
        )
    return table


def _start_table(figures: list[StartFigures]) -> Table:
    numbers = ("s, median", "s, least", "s, most", "CPU s", "MB", "MB with model", "first search ms")
    table = _table("Start", ("what",), numbers)
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.median_seconds:.2f}",
            f"{min(figure.seconds):.2f}",
            f"{max(figure.seconds):.2f}",
            f"{statistics.median(figure.cpu_seconds):.2f}",
            _median(figure.memory_mb),
            _median(figure.memory_with_model_mb),
            _median(figure.first_search_ms),
        )
    return table


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.0f}" if values else ""


def _target_table(found: list[Verdict]) -> Table:
    table = _table("Targets", ("what",), ("measured", "target", ""))
    for verdict in found:
        table.add_row(
            verdict.name,
            f"{verdict.measured:,.2f} {verdict.unit}",
            f"{'at most' if verdict.at_most else 'at least'} {verdict.target:,g} {verdict.unit}",
            "met" if verdict.met else "missed",
        )
    return table
