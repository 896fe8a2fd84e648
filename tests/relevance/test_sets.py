"""The project's judged set is in order, and foreign layouts are read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.relevance_sets import NO_ANSWER, OWN, JudgedSet, own_set, set_from
from bench.relevance_store import Skus
from server.errors import InvalidInputError
from tests.support import Retailer

KINDS = {
    "name": 10,
    "sku": 10,
    "model": 5,
    "attribute": 25,
    "need": 25,
    "occasion": 10,
    "typo": 15,
    "synonym": 15,
    "category": 10,
    "brand": 10,
    "specific": 10,
    "negation": 5,
    NO_ANSWER: 10,
}
WRITTEN = "product_id,name,description,category,brand\n"


def test_the_set_is_large_and_of_many_kinds(whole_set: JudgedSet) -> None:
    kinds = Counter(query.kind for query in whole_set.queries)

    assert {kind: kinds[kind] for kind, least in KINDS.items() if kinds[kind] < least} == {}
    assert kinds.keys() == KINDS.keys()


def test_queries_and_judgements_fit_together(whole_set: JudgedSet) -> None:
    ids = [query.query_id for query in whole_set.queries]
    texts = [query.text.lower() for query in whole_set.queries]

    assert [query_id for query_id, times in Counter(ids).items() if times > 1] == []
    assert [text for text, times in Counter(texts).items() if times > 1] == []
    assert {grade for query in whole_set.queries for grade in query.grades.values()} == {0, 1, 2, 3}
    for query in whole_set.queries:
        if query.kind == NO_ANSWER:
            assert not any(query.grades.values()), query
        else:
            assert 3 in query.grades.values(), query


def test_every_judgement_is_of_a_query_and_stands_once() -> None:
    lines = (OWN / "judgments.tsv").read_text(encoding="utf-8").splitlines()[1:]
    pairs = Counter(tuple(line.split("\t")[:2]) for line in lines)

    assert [pair for pair, times in pairs.items() if times > 1] == []
    assert {query_id for query_id, _ in pairs} <= {query.query_id for query in own_set().queries}


async def test_every_judged_product_is_in_the_catalogue(demo: Retailer, whole_set: JudgedSet) -> None:
    """Products that are gone make the set smaller without anybody noticing: take their lines out, or judge anew."""
    there = {row["sku"] for row in await demo.fetch("select sku from retail.products")}

    assert sorted({sku for query in whole_set.queries for sku in query.grades} - there) == []


async def test_the_store_that_is_searched_can_answer_the_set(judged_set: JudgedSet) -> None:
    """A query whose products went out of the range of this store measures nothing any more."""
    unanswerable = [q.query_id for q in judged_set.queries if q.kind != NO_ANSWER and 3 not in q.grades.values()]

    assert unanswerable == []


def test_three_csv_files_are_a_set(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text(WRITTEN + 'p1,"Hose, green",Waters.,Garden > Hoses,Mossbank\np2,Hammer,,,\n')
    (tmp_path / "queries.csv").write_text("query_id,query\nq1,garden hose\nq2,nobody judged\n")
    (tmp_path / "qrels.csv").write_text("query_id,product_id,grade\nq1,p1,4\nq1,p2,1\n")

    found = set_from(tmp_path, irrelevant_grade=1)
    first, second = found.queries

    assert (first.text, dict(first.grades), first.relevant) == ("garden hose", {"p1": 3.0, "p2": 0.0}, {"p1"})
    assert (second.grades, second.relevant) == ({}, frozenset())
    hose, hammer = found.products()
    assert (hose.key, hose.name, hose.categories, hose.brand) == ("p1", "Hose, green", ("Garden", "Hoses"), "Mossbank")
    assert (hammer.description, hammer.categories) == ("", ())


@pytest.mark.parametrize(
    ("irrelevant", "threshold", "relevant"),
    [(0.0, None, {"two", "three"}), (1.0, None, {"three"}), (1.0, 2.3, {"three"}), (0.0, 1.0, {"one", "two", "three"})],
)
def test_grades_count_from_the_irrelevant_one(
    tmp_path: Path, irrelevant: float, threshold: float | None, relevant: set[str]
) -> None:
    (tmp_path / "products.csv").write_text(WRITTEN)
    (tmp_path / "queries.csv").write_text("query_id,query\nq,hose\n")
    (tmp_path / "qrels.csv").write_text("query_id,product_id,grade\nq,one,1\nq,two,2\nq,three,3\n")

    (query,) = set_from(tmp_path, irrelevant_grade=irrelevant, relevant_grade=threshold).queries

    assert query.relevant == relevant
    assert query.grades["three"] == 3 - irrelevant


def test_a_set_of_yes_and_no_counts_every_yes(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text(WRITTEN)
    (tmp_path / "queries.csv").write_text("query_id,query\nq,hose\n")
    (tmp_path / "qrels.csv").write_text("query_id,product_id,grade\nq,yes,1\nq,no,0\n")

    assert set_from(tmp_path).queries[0].relevant == {"yes"}


def test_the_layout_of_wands_is_read(tmp_path: Path) -> None:
    (tmp_path / "product.csv").write_text(
        "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\n"
        '7\toak "king" bed\tBeds\tFurniture / Bedroom Furniture / Beds\tsolid oak\n'
    )
    (tmp_path / "query.csv").write_text("query_id\tquery\tquery_class\n0\toak bed\tBeds\n")
    (tmp_path / "label.csv").write_text(
        "id\tquery_id\tproduct_id\tlabel\n0\t0\t7\tExact\n1\t0\t8\tPartial\n2\t0\t9\tIrrelevant\n"
    )

    found = set_from(tmp_path)

    assert found.queries[0].grades == {"7": 2.0, "8": 1.0, "9": 0.0}
    assert found.queries[0].relevant == {"7"}
    (bed,) = found.products()
    assert (bed.name, bed.categories) == ('oak "king" bed', ("Furniture", "Bedroom Furniture", "Beds"))


def test_a_sample_of_queries_is_always_the_same(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text(WRITTEN)
    (tmp_path / "queries.csv").write_text("query_id,query\n" + "".join(f"{n},query {n}\n" for n in range(100)))
    (tmp_path / "qrels.csv").write_text("query_id,product_id,grade\n")

    sample = [query.query_id for query in set_from(tmp_path, limit=10).queries]

    assert len(set(sample)) == 10
    assert sample == [query.query_id for query in set_from(tmp_path, limit=10).queries]
    assert len(set_from(tmp_path, limit=1_000).queries) == 100


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("qrels.csv", "query_id,grade\n", "lacks a column product_id"),
        ("qrels.csv", "query_id,product_id,grade\nq,p,good\n", "the grade 'good'"),
        ("queries.csv", "query\nhose\n", "lacks a column query_id"),
    ],
)
def test_a_file_out_of_order_is_named(tmp_path: Path, file: str, content: str, message: str) -> None:
    (tmp_path / "products.csv").write_text(WRITTEN)
    (tmp_path / "queries.csv").write_text("query_id,query\nq,hose\n")
    (tmp_path / "qrels.csv").write_text("query_id,product_id,grade\n")
    (tmp_path / file).write_text(content)

    with pytest.raises(InvalidInputError, match=message) as raised:
        set_from(tmp_path)
    assert file in str(raised.value)


def test_a_directory_without_a_set_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"needs products\.csv, queries\.csv, qrels\.csv, or product\.csv"):
        set_from(tmp_path)


def test_made_up_skus_lead_back_to_their_products() -> None:
    skus = Skus()
    made = {skus.new(f"key {number}"): f"key {number}" for number in range(1_000)}

    assert len(made) == 1_000
    assert {sku: skus.key_of(sku) for sku in made} == made
    assert all(sku.isalpha() and not set(sku) & set("aeiouy") for sku in made)
