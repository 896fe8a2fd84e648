from __future__ import annotations

import re
from collections import Counter

import pytest

from seed.articles import make_articles
from seed.catalogue import catalogue
from server.errors import OptionError

TOP_LEVEL = [
    "Electronics",
    "Clothing",
    "Home & Garden",
    "Sports & Outdoors",
    "Books & Media",
    "Health & Beauty",
    "Automotive",
]


def test_categories_are_the_seven_departments_with_their_shelves():
    rows = catalogue().rows
    shelves = Counter(parent for _, _, parent, _ in rows if parent is not None)

    assert [name for _, name, parent, _ in rows if parent is None] == TOP_LEVEL
    assert [category_id for category_id, *_ in rows] == list(range(1, len(rows) + 1))
    assert all(4 <= shelves[category_id] <= 6 for category_id in range(1, len(TOP_LEVEL) + 1))


def test_catalogue_has_at_least_150_types():
    assert len(catalogue().placements) >= 150


def test_default_number_of_articles_covers_every_type():
    articles = make_articles(500, 7)

    assert len({article.placement.type.code for article in articles}) == len(catalogue().placements)


def test_hundred_thousand_articles_have_distinct_names_and_skus():
    articles = make_articles(100_000, 7)

    assert len({article.name for article in articles}) == 100_000
    assert len({article.sku for article in articles}) == 100_000


def test_more_articles_than_variants_is_refused_with_the_limit():
    with pytest.raises(OptionError, match="Ask for at most"):
        make_articles(10_000_000, 7)


@pytest.fixture(scope="module")
def articles():
    return make_articles(2_000, 11)


def test_texts_are_complete_sentences_without_placeholders(articles):
    for article in articles:
        assert not re.search(r"[{}]|  |^\s|\s$", article.name + article.description)
        assert article.description[0].isupper()
        assert article.description.endswith(".")
        assert len(article.name) <= 120


def test_prices_of_one_brand_grow_with_the_variant(articles):
    drills = {
        article.choices: article.price_dollars
        for article in make_articles(8_000, 11)
        if article.placement.type.code == "DRILL" and article.brand == "Torvik" and not article.series
    }

    assert drills[2, 2] > drills[0, 0]


@pytest.mark.parametrize(
    "wanted",
    [
        "Waterproof Outdoor Junction Box", "Cordless Drill", "LED Work Light", "Garden Hose", "Running Shoes",
        "Rain Jacket", "Wireless Earbuds", "Yoga Mat", "Sunscreen", "Motor Oil", "Wiper Blades", "Cookbook",
        "Children's Picture Book", "Coffee Maker",
    ],
)  # fmt: skip
def test_everyday_things_are_among_the_default_articles(wanted):
    assert any(wanted in article.name for article in make_articles(500, 7))
