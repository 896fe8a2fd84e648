"""Judged sets: queries, the products they were asked of, and grades that somebody gave.

Three layouts are read: the project's own set, which is judged on the demo catalogue, and directories
with `products.csv, queries.csv, qrels.csv` or with WANDS' tab separated files.
"""

from __future__ import annotations

import csv
import random
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from server.errors import InvalidInputError
from server.imports.fields.values import MAX_LEVELS

OWN: Final = Path(__file__).parent.parent / "tests" / "relevance"
# What the grades of the own set say: 2 and 3 serve the customer, 1 is at best a hint.
RELEVANT_GRADE: Final = 2
# Queries about things that the retailer does not sell: their answer should be empty.
NO_ANSWER: Final = "none"

_TRIPLE: Final = ("products.csv", "queries.csv", "qrels.csv")
_WANDS: Final = ("product.csv", "query.csv", "label.csv")
# Source: github.com/wayfair/WANDS, README; Chen et al., WANDS (ECIR 2022): Exact 1, Partial .5.
_WANDS_GRADES: Final = {"Exact": 2.0, "Partial": 1.0, "Irrelevant": 0.0}
_SEED: Final = 13


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """One query and what is right.

    Attributes:
        query_id: Its key in the set.
        text: What is searched for.
        kind: What sort of query it is; "all" where the set does not tell.
        grades: Grades by product key, 0 for irrelevant products.
        relevant: Products that count for recall and reciprocal rank.
    """

    query_id: str
    text: str
    kind: str = "all"
    grades: Mapping[str, float] = field(default_factory=dict)
    relevant: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SetProduct:
    """A product of a foreign set, as far as the sets tell."""

    key: str
    name: str
    description: str = ""
    categories: tuple[str, ...] = ()
    brand: str = ""


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """A judged set.

    Attributes:
        name: Name for the report.
        queries: All its queries.
        directory: Where the products are read from; None for the demo catalogue.
    """

    name: str
    queries: Sequence[JudgedQuery]
    directory: Path | None = None

    def within(self, keys: Collection[str]) -> JudgedSet:
        """The same queries with the grades of these products only.

        For a store that does not sell every product that somebody graded: the best possible answer is
        the best of what it sells.
        """
        queries = [
            replace(
                query,
                grades={key: grade for key, grade in query.grades.items() if key in keys},
                relevant=query.relevant.intersection(keys),
            )
            for query in self.queries
        ]
        return replace(self, queries=queries)

    def products(self) -> Iterator[SetProduct]:
        """Read the products, one at a time.

        Raises:
            InvalidInputError: The set is judged on the demo catalogue, or a column is missing.
        """
        if self.directory is None:
            raise InvalidInputError(f"The set {self.name} has no products of its own: load the demo catalogue.")
        if (self.directory / _TRIPLE[0]).exists():
            return _csv_products(self.directory)
        return _wands_products(self.directory)


def own_set(directory: Path = OWN) -> JudgedSet:
    """Read the project's own set."""
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    for row in _rows(directory / "judgments.tsv", "\t", ("query_id", "sku", "grade")):
        grades[row["query_id"]][row["sku"]] = float(row["grade"])
    queries = [
        JudgedQuery(row["query_id"], row["query"], row["kind"], grades[row["query_id"]])
        for row in _rows(directory / "queries.tsv", "\t", ("query_id", "kind", "query"))
    ]
    return JudgedSet("demo catalogue", [_with_relevant(query, RELEVANT_GRADE) for query in queries])


def set_from(
    directory: Path, *, irrelevant_grade: float = 0.0, relevant_grade: float | None = None, limit: int | None = None
) -> JudgedSet:
    """Read a set in one of the two layouts.

    Args:
        directory: Where its three files are.
        irrelevant_grade: The grade that means irrelevant; grades count from there.
        relevant_grade: Lowest grade, as the files have it, that counts for recall and reciprocal rank. By
            default two above `irrelevant_grade`, or the highest grade of a set that has none so high.
        limit: How many of the queries to take, drawn at random but always the same; None for all.

    Raises:
        InvalidInputError: The files are not there or lack a column.
    """
    if all((directory / name).exists() for name in _TRIPLE):
        texts, grades = _csv_judgments(directory)
    elif all((directory / name).exists() for name in _WANDS):
        texts, grades = _wands_judgments(directory)
    else:
        raise InvalidInputError(
            f"{directory} is no judged set. It needs {', '.join(_TRIPLE)}, or {', '.join(_WANDS)} as WANDS has them."
        )
    grades = {
        query_id: {key: max(0.0, grade - irrelevant_grade) for key, grade in found.items()}
        for query_id, found in grades.items()
    }
    highest = max((grade for found in grades.values() for grade in found.values()), default=0.0)
    threshold = min(2.0, highest) if relevant_grade is None else relevant_grade - irrelevant_grade
    queries = [JudgedQuery(key, text, grades=grades.get(key, {})) for key, text in texts.items()]
    if limit is not None and limit < len(queries):
        queries = random.Random(_SEED).sample(queries, limit)
    return JudgedSet(directory.name, [_with_relevant(query, threshold) for query in queries], directory)


def _with_relevant(query: JudgedQuery, threshold: float) -> JudgedQuery:
    relevant = {key for key, grade in query.grades.items() if grade >= threshold and grade > 0}
    return replace(query, relevant=frozenset(relevant))


def _csv_judgments(directory: Path) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    _, queries, qrels = (directory / name for name in _TRIPLE)
    texts = {row["query_id"]: row["query"] for row in _rows(queries, ",", ("query_id", "query"))}
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    for row in _rows(qrels, ",", ("query_id", "product_id", "grade")):
        grades[row["query_id"]][row["product_id"]] = _number(row["grade"], qrels)
    return texts, grades


def _csv_products(directory: Path) -> Iterator[SetProduct]:
    for row in _rows(directory / _TRIPLE[0], ",", ("product_id", "name")):
        yield SetProduct(
            row["product_id"],
            row["name"],
            row.get("description") or "",
            _levels(row.get("category"), ">"),
            row.get("brand") or "",
        )


def _wands_judgments(directory: Path) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    _, queries, labels = (directory / name for name in _WANDS)
    texts = {row["query_id"]: row["query"] for row in _rows(queries, "\t", ("query_id", "query"))}
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    for row in _rows(labels, "\t", ("query_id", "product_id", "label")):
        if row["label"] not in _WANDS_GRADES:
            raise InvalidInputError(f"{labels} has the label {row['label']!r}. Known are {', '.join(_WANDS_GRADES)}.")
        grades[row["query_id"]][row["product_id"]] = _WANDS_GRADES[row["label"]]
    return texts, grades


def _wands_products(directory: Path) -> Iterator[SetProduct]:
    for row in _rows(directory / _WANDS[0], "\t", ("product_id", "product_name")):
        yield SetProduct(
            row["product_id"],
            row["product_name"],
            row.get("product_description") or "",
            _levels(row.get("category hierarchy"), "/"),
        )


def _levels(text: str | None, separator: str) -> tuple[str, ...]:
    names = (name.strip()[:100] for name in (text or "").split(separator))
    return tuple(name for name in names if name)[:MAX_LEVELS]


def _rows(path: Path, delimiter: str, needed: Iterable[str]) -> Iterator[dict[str, str]]:
    csv.field_size_limit(sys.maxsize)
    if not path.exists():
        raise InvalidInputError(f"{path} is not there.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file, delimiter=delimiter)
        if missing := [name for name in needed if name not in (table.fieldnames or ())]:
            raise InvalidInputError(f"{path} lacks a column {', '.join(missing)}.")
        yield from table


def _number(text: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInputError(f"{path} has the grade {text!r}. Grades are numbers.") from None
