"""How good a ranking is: NDCG, recall and reciprocal rank of one query, and intervals over many.

Sources:
    ndcg: Burges et al., Learning to rank using gradient descent (ICML 2005), for the gain 2^grade - 1
        with the discount 1 / log2(rank + 1) of Järvelin and Kekäläinen (TOIS 2002).
    Intervals: percentile bootstrap over queries, paired where two rankings answered the same ones:
        Sakai, Evaluating evaluation metrics based on the bootstrap (SIGIR 2006).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

NDCG_DEPTH: Final = 10
RECALL_DEPTH: Final = 20

_RESAMPLES: Final = 10_000
_RESAMPLES_AT_ONCE: Final = 500
_CONFIDENCE: Final = 0.95
# Fixed, so that the same rankings have the same intervals.
_SEED: Final = 20_261_120


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of one query, each from 0 to 1.

    Attributes:
        ndcg: Discounted gain of the first ten as a part of the best possible; an unjudged product has none.
        recall: Relevant products among the first twenty, as a part of those that fit into twenty.
        reciprocal_rank: 1 / rank of the first relevant product; 0 when none is among the first twenty.
        judged: Part of the first ten that somebody graded. The lower, the less the others mean.
    """

    ndcg: float
    recall: float
    reciprocal_rank: float
    judged: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its bootstrap interval of 95 %."""

    mean: float
    low: float
    high: float


def quality(ranked: Sequence[str], grades: Mapping[str, float], relevant: Collection[str]) -> Quality:
    """Judge the answer to a query that has relevant products.

    Args:
        ranked: Keys of the products found, best first, each once.
        grades: Grades of the judged products, 0 for irrelevant ones.
        relevant: Those that count for recall and reciprocal rank.

    Raises:
        ValueError: Nothing is relevant, or a product was ranked twice.
    """
    if not relevant or not any(grade > 0 for grade in grades.values()):
        raise ValueError("A query without a relevant product has no quality. Leave it out of the averages.")
    if len(set(ranked)) != len(ranked):
        raise ValueError("The ranking names a product twice.")
    ideal = sorted(grades.values(), reverse=True)
    top = ranked[:NDCG_DEPTH]
    found = sum(key in relevant for key in ranked[:RECALL_DEPTH])
    first = next((rank for rank, key in enumerate(ranked[:RECALL_DEPTH], start=1) if key in relevant), None)
    return Quality(
        ndcg=_discounted_gain(grades.get(key, 0) for key in top) / _discounted_gain(ideal[:NDCG_DEPTH]),
        recall=found / min(len(relevant), RECALL_DEPTH),
        reciprocal_rank=0.0 if first is None else 1 / first,
        judged=sum(key in grades for key in top) / len(top) if top else 1.0,
    )


def interval(values: Sequence[float]) -> Interval:
    """The mean over queries; of paired differences, this is the paired bootstrap.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("There is no query to take the mean of.")
    sample = np.asarray(values, dtype=np.float64)
    means = _resampled_means(sample)
    edge = 100 * (1 - _CONFIDENCE) / 2
    low, high = np.percentile(means, [edge, 100 - edge])
    return Interval(float(sample.mean()), float(low), float(high))


def _discounted_gain(grades: Iterable[float]) -> float:
    return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def _resampled_means(sample: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(_SEED)
    means = [
        sample[rng.integers(0, len(sample), (_RESAMPLES_AT_ONCE, len(sample)))].mean(axis=1)
        for _ in range(_RESAMPLES // _RESAMPLES_AT_ONCE)
    ]
    return np.concatenate(means)
