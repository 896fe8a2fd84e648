"""Results of judged searches: means with intervals, per kind of query, and against an earlier run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.relevance_metrics import Interval, Quality, interval
from bench.relevance_search import Answer
from server.errors import InvalidInputError

_WIDTH: Final = 150
_SHOWN: Final = ("NDCG@10", "Recall@20", "MRR")
_METRICS: Final[Mapping[str, Callable[[Quality], float]]] = {
    "ndcg": lambda quality: quality.ndcg,
    "recall": lambda quality: quality.recall,
    "mrr": lambda quality: quality.reciprocal_rank,
}


@dataclass(frozen=True, slots=True)
class Run:
    """All answers of one way to search one set.

    Attributes:
        set_name: The judged set.
        mode: Search mode.
        model: Embedding model.
        template: Text that products were embedded as.
        answers: One per query.
        seconds: For all of them, one after the other.
    """

    set_name: str
    mode: str
    model: str
    template: str
    answers: Sequence[Answer]
    seconds: float

    @property
    def key(self) -> str:
        """What is the same in runs that may be compared."""
        return " | ".join((self.set_name, self.mode, self.model, self.template))

    @property
    def qualities(self) -> dict[str, Quality]:
        """Quality by query id, of the queries that have any."""
        return {answer.query.query_id: answer.quality for answer in self.answers if answer.quality}


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over some queries of one run.

    Attributes:
        queries: How many.
        ndcg: NDCG@10.
        recall: Recall@20.
        mrr: Mean reciprocal rank.
        judged: Mean part of the first ten that somebody graded.
    """

    queries: int
    ndcg: Interval
    recall: Interval
    mrr: Interval
    judged: float


@dataclass
class RelevanceResults:
    """Everything a run of the command found.

    Attributes:
        machine: What it ran on.
        sets: Sizes of the judged sets, and what could not be loaded.
        runs: The first one of a set is what the others of that set are compared with.
        earlier: NDCG by query of an earlier run's file, by key of its runs.
    """

    machine: dict[str, Any]
    sets: list[dict[str, Any]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    earlier: dict[str, dict[str, float]] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the means, and for each query its figures and what was found."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": self.machine, "sets": self.sets, "runs": [_as_json(run) for run in self.runs]}
        path.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")


def summary(qualities: Iterable[Quality]) -> Summary:
    """Means of some queries with their intervals.

    Raises:
        ValueError: There is no query.
    """
    found = list(qualities)
    means = {name: interval([value(quality) for quality in found]) for name, value in _METRICS.items()}
    judged = sum(quality.judged for quality in found) / max(1, len(found))
    return Summary(len(found), means["ndcg"], means["recall"], means["mrr"], judged)


def by_kind(answers: Iterable[Answer]) -> dict[str, list[Quality]]:
    """Qualities of the answers by kind of query."""
    found: dict[str, list[Quality]] = defaultdict(list)
    for answer in answers:
        if answer.quality:
            found[answer.query.kind].append(answer.quality)
    return dict(found)


def difference(run: Run, others: Mapping[str, float]) -> Interval | None:
    """Mean gain of NDCG over another ranking, on the queries that both answered; None without one."""
    pairs = [quality.ndcg - others[query_id] for query_id, quality in run.qualities.items() if query_id in others]
    return interval(pairs) if pairs else None


def read_earlier(path: Path) -> dict[str, dict[str, float]]:
    """NDCG by query and run from a file that this command wrote.

    Raises:
        InvalidInputError: It is no such file.
    """
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return {
            run["key"]: {query["query_id"]: query["ndcg"] for query in run["queries"] if query["ndcg"] is not None}
            for run in runs
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{path} holds no results of this command ({type(error).__name__}). Name a file that it wrote."
        ) from error


def show(results: RelevanceResults) -> None:
    """Print the tables."""
    # A pipe or file gets the same width as a screen.
    console = Console(width=_WIDTH, highlight=False)
    for facts in results.sets:
        console.print(
            f"\n{facts['name']}: {facts['queries']:,} queries with a relevant product of {facts['asked']:,}, "
            f"{facts['products']:,} products, {facts['rejected']:,} rejected by the import\n"
        )
        runs = [run for run in results.runs if run.set_name == facts["name"]]
        console.print(_runs_table(runs, results.earlier))
        console.print()
        same_texts = [run for run in runs if (run.model, run.template) == (runs[0].model, runs[0].template)]
        if len(by_kind(runs[0].answers)) > 1:
            console.print(_kinds_table(same_texts))
            console.print()


def _runs_table(runs: Sequence[Run], earlier: Mapping[str, Mapping[str, float]]) -> Table:
    title = "Means and bootstrap intervals of 95 %; gain: of NDCG, paired with the first row and with the earlier run"
    table = _table(title, ("mode", "model", "text"), (*_SHOWN, "judged", "gain", "on earlier", "ms"))
    basis = {query_id: quality.ndcg for query_id, quality in runs[0].qualities.items()}
    for run in runs:
        found = summary(run.qualities.values())
        table.add_row(
            run.mode,
            run.model,
            run.template,
            *map(_shown, (found.ndcg, found.recall, found.mrr)),
            _short(found.judged),
            "" if run is runs[0] else _shown(difference(run, basis), "+"),
            _shown(difference(run, earlier.get(run.key, {})), "+"),
            f"{1000 * run.seconds / len(run.answers):.0f}",
        )
    return table


def _kinds_table(runs: Sequence[Run]) -> Table:
    numbers = ("queries", *(f"NDCG@10, {run.mode}" for run in runs))
    table = _table("Kinds of queries; the last rows: queries that nothing answers", ("kind",), numbers)
    kinds = [by_kind(run.answers) for run in runs]
    for kind, qualities in kinds[0].items():
        means = (_shown(summary(of_run[kind]).ndcg) for of_run in kinds)
        table.add_row(kind, str(len(qualities)), *means)
    hopeless = [[answer for answer in run.answers if not answer.quality] for run in runs]
    if hopeless[0]:
        empty = (f"{sum(not answer.total_matches for answer in of_run)} empty" for of_run in hopeless)
        table.add_row("no answer", str(len(hopeless[0])), *empty)
    return table


def _table(title: str, first: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in first:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _shown(value: Interval | None, sign: str = "") -> str:
    if value is None:
        return ""
    return f"{_short(value.mean, sign)} [{_short(value.low, sign)}, {_short(value.high, sign)}]"


def _short(value: float, sign: str = "") -> str:
    """Without the zero before the point, because all of these are from 0 to 1."""
    return f"{value:{sign}.3f}".replace("0.", ".", 1)


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "key": run.key,
        "set": run.set_name,
        "mode": run.mode,
        "model": run.model,
        "template": run.template,
        "seconds": run.seconds,
        "all": asdict(summary(run.qualities.values())),
        "kinds": {kind: asdict(summary(qualities)) for kind, qualities in by_kind(run.answers).items()},
        "queries": [_answer_as_json(answer) for answer in run.answers],
    }


def _answer_as_json(answer: Answer) -> dict[str, Any]:
    quality = answer.quality
    return {
        "query_id": answer.query.query_id,
        "kind": answer.query.kind,
        "query": answer.query.text,
        "ndcg": quality and quality.ndcg,
        "recall": quality and quality.recall,
        "reciprocal_rank": quality and quality.reciprocal_rank,
        "judged": quality and quality.judged,
        "total_matches": answer.total_matches,
        "found": answer.skus,
    }
