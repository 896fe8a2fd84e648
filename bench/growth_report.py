"""The results of `bench growth`: a table for people, one JSON file for programs."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

_WIDTH: Final = 120


@dataclass(frozen=True)
class GrowthFigure:
    """One row: one way of searching stores of one size.

    Attributes:
        part: What the stores are beside.
        products: Products of each store that was asked.
        mode: Search mode.
        indexed: Whether the stores have a vector index.
        recall: Of the twenty nearest by brute force that are above the noise floor, the share that was found, for each
            query; in hybrid mode, of the twenty hits of the exact search. None for hybrid searches that are exact.
        missing_rows: Rows that queries should have returned, by brute force above the noise floor, and did not.
        foreign_rows: Rows of other stores.
        milliseconds: Per query, transaction and store context included; the median of three.
        build_seconds: Of the index, on the average; None without.
    """

    part: str
    products: int
    mode: str
    indexed: bool
    recall: list[float] | None
    missing_rows: int
    foreign_rows: int
    milliseconds: list[float]
    build_seconds: float | None = None


@dataclass
class GrowthResults:
    """Everything a run found."""

    machine: dict[str, Any]
    options: dict[str, Any]
    figures: list[GrowthFigure] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write every number."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, default=str) + "\n", encoding="utf-8")


def show_growth(results: GrowthResults) -> None:
    """Print what was measured."""
    console = Console(width=_WIDTH, highlight=False)
    table = Table(title="Recall@20: mean, least", title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in ("stores", "mode", "way"):
        table.add_column(name, no_wrap=True)
    for name in ("products each", "recall", "missing rows", "foreign", "p50 ms", "p95 ms", "build s"):
        table.add_column(name, justify="right", no_wrap=True)
    for figure in results.figures:
        ordered = sorted(figure.milliseconds)
        recall = figure.recall and f"{statistics.mean(figure.recall):.3f} {min(figure.recall):.2f}"
        table.add_row(
            figure.part,
            figure.mode,
            "index" if figure.indexed else "exact",
            f"{figure.products:,}",
            recall or "",
            str(figure.missing_rows),
            str(figure.foreign_rows),
            f"{statistics.median(ordered):.2f}",
            f"{ordered[int(0.95 * (len(ordered) - 1))]:.2f}",
            "" if figure.build_seconds is None else f"{figure.build_seconds:.0f}",
        )
    console.print(table)
