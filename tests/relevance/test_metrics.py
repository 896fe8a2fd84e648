"""The measures, against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from bench.relevance_metrics import Quality, interval, quality

GRADES = {"best": 3.0, "good": 2.0, "weak": 1.0, "wrong": 0.0}
RELEVANT = {"best", "good"}
# 2^3 - 1 at once, 2^2 - 1 at rank 2, 2^1 - 1 at rank 3.
IDEAL = 7 + 3 / math.log2(3) + 1 / 2


def test_the_ideal_order_has_the_whole_gain() -> None:
    assert quality(["best", "good", "weak", "wrong"], GRADES, RELEVANT) == Quality(1.0, 1.0, 1.0, 1.0)


def test_gains_are_discounted_by_rank() -> None:
    found = quality(["wrong", "weak", "best"], GRADES, RELEVANT)

    assert found.ndcg == pytest.approx((1 / math.log2(3) + 7 / 2) / IDEAL)
    assert found.recall == 1 / 2
    assert found.reciprocal_rank == 1 / 3


def test_an_unjudged_product_gains_nothing_and_shows_in_the_judged_part() -> None:
    found = quality(["nobody knows", "best"], GRADES, RELEVANT)

    assert found.ndcg == pytest.approx(7 / math.log2(3) / IDEAL)
    assert found.judged == 1 / 2


def test_ndcg_looks_at_ten_and_recall_at_twenty() -> None:
    chaff = [f"chaff {number}" for number in range(19)]

    assert quality([*chaff[:10], "best"], GRADES, RELEVANT).ndcg == 0
    assert quality([*chaff[:9], "best"], GRADES, RELEVANT).ndcg > 0
    assert quality([*chaff, "best"], GRADES, RELEVANT).recall == 1 / 2
    assert quality([*chaff, "wrong", "best"], GRADES, RELEVANT) == Quality(0.0, 0.0, 0.0, 0.0)


def test_recall_asks_for_no_more_than_fits_into_twenty() -> None:
    grades = {f"product {number}": 2.0 for number in range(50)}

    assert quality(list(grades)[:20], grades, set(grades)).recall == 1
    assert quality(list(grades)[:5], grades, set(grades)).recall == 5 / 20


def test_the_best_possible_order_ends_at_ten() -> None:
    grades = {f"product {number}": 2.0 for number in range(50)}

    assert quality(list(grades)[20:30], grades, set(grades)).ndcg == 1


def test_nothing_found_is_the_worst_answer() -> None:
    assert quality([], GRADES, RELEVANT) == Quality(0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("ranked", "grades", "relevant"), [([], {"wrong": 0.0}, set()), (["a", "a"], {"a": 3.0}, {"a"})]
)
def test_what_cannot_be_judged_is_refused(ranked: list[str], grades: dict[str, float], relevant: set[str]) -> None:
    with pytest.raises(ValueError, match=r"relevant product|twice"):
        quality(ranked, grades, relevant)


def test_an_interval_holds_the_mean_and_narrows_with_more_queries() -> None:
    few, many = interval([0.0, 1.0] * 10), interval([0.0, 1.0] * 500)

    assert few.low < few.mean == 0.5 < few.high
    # Of 20 coin tosses 95 % are within 1.96 * 0.5 / sqrt(20) of the middle, but for steps of 1/20.
    assert few.high - few.mean == pytest.approx(1.96 * 0.5 / math.sqrt(20), abs=0.04)
    assert many.high - many.low < (few.high - few.low) / 4
    assert interval([0.0, 1.0] * 10) == few


def test_differences_of_pairs_are_surer_than_the_rankings_are() -> None:
    one = [number / 100 for number in range(100)]
    other = [value + 0.01 for value in one]

    gain = interval([b - a for a, b in zip(one, other, strict=True)])

    assert gain.low == pytest.approx(0.01) == gain.high
    assert interval(other).low < interval(one).high


def test_a_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no query"):
        interval([])
