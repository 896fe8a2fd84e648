"""What is embedded of a product, its hash, and what a text may weigh."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from server.db.operator import admin_connection
from server.embeddings.text import fit
from server.embeddings.tokens import estimate_tokens
from tests.cluster import Cluster


@pytest.fixture(scope="module")
async def database(cluster: Cluster, template: str) -> AsyncIterator[Any]:
    async with cluster.temporary_database(template) as name, admin_connection(cluster.admin_url(name)) as connection:
        yield connection


async def product_text(database: Any, *parts: str | None, tags: Sequence[str] = ()) -> str:
    return await database.fetchval("select retail.embedding_text($1, $2, $3, $4, $5)", *parts, tags)


async def test_text_is_name_category_brand_the_start_of_the_description_and_tags(database: Any) -> None:
    text = await product_text(
        database, "Hammer drill", "Power tools", "Acme", "d" * 301, tags=["power-tool", "masonry"]
    )

    assert text == "Hammer drill. Power tools. Acme. " + "d" * 300 + ". power tool masonry"


async def test_missing_parts_leave_no_trace(database: Any) -> None:
    assert await product_text(database, "Hammer drill", None, "  ", None) == "Hammer drill"


async def test_white_space_does_not_change_the_text(database: Any) -> None:
    assert await product_text(database, " Hammer\tdrill ", "\n", None, "Two\n\nspeeds") == "Hammer drill. Two speeds"


async def test_hash_is_sha256_of_the_utf8_text(database: Any) -> None:
    assert await database.fetchval("select retail.content_hash('é')") == hashlib.sha256("é".encode()).hexdigest()


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


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("drill", 2),
        ("a waterproof box", 1 + 3 + 1),
        ("SC-141", 1 + 1 + 1),
        ("12000 rpm", 2 + 1),
        ("café", 1 + 2),
        ("€", 3),
        ("\ud800", 1),
        ("  ", 1),
        ("", 1),
    ],
)
def test_tokens_are_counted_by_pieces(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_no_estimate_exceeds_the_bytes_that_bound_it() -> None:
    for text in ("a b c", "SKU-1 3/4 in", "日本語", "ÀÉÎ", "x" * 1_000):
        assert estimate_tokens(text) <= len(text.encode())
