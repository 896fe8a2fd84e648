"""What is embedded of a product, and its hash."""

from __future__ import annotations

import pytest

from server.embeddings.text import content_hash, fit, product_text


def test_text_is_name_category_brand_and_the_start_of_the_description() -> None:
    text = product_text("Hammer drill", "Power tools", "Acme", "d" * 301)

    assert text == "Hammer drill. Power tools. Acme. " + "d" * 300


def test_missing_parts_leave_no_trace() -> None:
    assert product_text("Hammer drill", None, "  ", None) == "Hammer drill"


def test_white_space_does_not_change_the_text() -> None:
    assert product_text(" Hammer\tdrill ", None, None, "Two\n\nspeeds") == "Hammer drill. Two speeds"


def test_hash_is_sha256_of_the_utf8_text() -> None:
    assert content_hash("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"


@pytest.mark.parametrize(
    ("text", "max_bytes", "fitted"),
    [
        ("drill", 10, "drill"),
        ("drill", 3, "dri"),
        ("a€", 3, "a"),
        ("", 10, " "),
        ("\ud800drill", 10, "?drill"),
    ],
)
def test_fit_cuts_between_characters_and_leaves_something(text: str, max_bytes: int, fitted: str) -> None:
    assert fit(text, max_bytes) == fitted
