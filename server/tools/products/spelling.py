"""Misspelt words of a query, corrected to words that the store's own products have."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache
from importlib import resources
from typing import Final

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from server.db.queries import QueryFile
from server.tenancy.store_scope import StoreScope
from server.toolkit.results import Result

# Letters that may be wrong, missing, too many or swapped.
_MISTAKES: Final = 1
_MISTAKES_IN_LONG_WORDS: Final = 2
_LONG_WORD: Final = 8
_MAX_CANDIDATES: Final = 5


class _Neighbour(Result):
    word: str
    known: str


class _Best(Result):
    word: str
    known: str


QUERIES = QueryFile("server.tools.products", "spelling.sql")
WORDS_LIKE = QUERIES.query("words_like", _Neighbour)
BEST_WORDS = QUERIES.query("best_words", _Best)


async def suspects(words: Sequence[str]) -> list[str]:
    """Those of the words that English lacks; whether they are misspelt only a store's own words can tell."""
    if not words:
        return []
    # A thread for the first call alone: afterwards it would take longer than the look-up.
    loaded = _english_words.cache_info().currsize
    english = _english_words() if loaded else await asyncio.to_thread(_english_words)
    return [word for word in words if word not in english]


async def corrections(store: StoreScope, unknown: Sequence[str], text: str) -> dict[str, str]:
    """Words of this store for those that it does not know.

    Args:
        store: The store that is searched.
        unknown: Words of the query that neither English nor the store has.
        text: The query; of several possible words the one that goes with the others is meant.
    """
    vocabulary: defaultdict[str, list[str]] = defaultdict(list)
    for row in await store.db.all(WORDS_LIKE, unknown, _MISTAKES_IN_LONG_WORDS):
        vocabulary[row.word].append(row.known)
    candidates = [(word, known) for word in unknown for known in _nearest(word, vocabulary[word])]
    if not candidates:
        return {}
    words, known = zip(*candidates, strict=True)
    return {row.word: row.known for row in await store.db.all(BEST_WORDS, words, known, text)}


def _nearest(word: str, vocabulary: Collection[str]) -> list[str]:
    """The words with the fewest differences, if those are few enough for a slip."""
    allowed = _MISTAKES_IN_LONG_WORDS if len(word) >= _LONG_WORD else _MISTAKES
    found = extract(word, vocabulary, scorer=OSA.distance, score_cutoff=allowed, limit=_MAX_CANDIDATES)
    fewest = min((distance for _, distance, _ in found), default=0)
    return [known for known, distance, _ in found if distance == fewest]


@cache
def _english_words() -> frozenset[str]:
    # A word that English has is not misspelt, though the store may not sell such a thing.
    # The package's list alone: its checker takes twice as long to load, and keeps counts that nobody needs here.
    packed = resources.files("spellchecker").joinpath("resources", "en.json.gz").read_bytes()
    return frozenset(json.loads(gzip.decompress(packed)))
