"""What a customer's words ask for besides their meaning: phrases in quotes, and what may be a SKU or model number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

_SPACES: Final = re.compile(r"\s+")
# Behind a digit the mark means inches.
_PHRASE: Final = re.compile(r'(?<!\d)"([^"]+)"')
_WORD: Final = re.compile(r"\b[^\W\d_]{4,30}\b")
_BETWEEN_WORDS: Final = re.compile(r'[\s,;:?!()"]+')
_NOT_IN_CODES: Final = re.compile("[^a-z0-9]")
_WORDS_OF_A_CODE: Final = 4
_CODE_LENGTHS: Final = range(4, 51)
_DIGITS_OF_A_NUMBER_CODE: Final = 6


@dataclass(frozen=True, slots=True)
class QueryText:
    """A query taken apart.

    Attributes:
        text: All of it, without the marks around phrases.
        phrases: What stood between quotes: a product must have it in these words, in this order.
        codes: What may be a SKU or model number in it, as `retail.code_key` writes them.
    """

    text: str
    phrases: tuple[str, ...]
    codes: tuple[str, ...]

    @classmethod
    def parse(cls, query: str | None) -> Self | None:
        """Take a query apart; None for a blank one."""
        written = _SPACES.sub(" ", query or "").strip()
        text = _SPACES.sub(" ", _PHRASE.sub(r" \1 ", written)).strip()
        if not text:
            return None
        return cls(text, tuple(_PHRASE.findall(written)), tuple(sorted(set(_codes(text)))))

    def words(self) -> list[str]:
        """Its words as somebody may misspell them: of letters alone, and not asked for as they stand."""
        quoted = set(_WORD.findall(" ".join(self.phrases).lower()))
        return [word for word in dict.fromkeys(_WORD.findall(self.text.lower())) if word not in quoted]

    def corrected(self, words: Mapping[str, str]) -> Self:
        """The same query with some of its words replaced."""
        text = self.text
        for wrong, right in words.items():
            text = re.sub(rf"\b{re.escape(wrong)}\b", right, text, flags=re.IGNORECASE)
        return type(self)(text, self.phrases, self.codes)


def _codes(text: str) -> Iterator[str]:
    whole = _key(text)
    if 0 < len(whole) <= _CODE_LENGTHS[-1]:
        yield whole
    words = _BETWEEN_WORDS.split(text.lower())
    # "hg jbox 0003" is one code in three words; which words belong to it only the catalogue knows.
    for first in range(len(words)):
        for last in range(first, min(first + _WORDS_OF_A_CODE, len(words))):
            key = _key("".join(words[first : last + 1]))
            if len(key) in _CODE_LENGTHS and _looks_like_a_code(key):
                yield key


def _key(text: str) -> str:
    return _NOT_IN_CODES.sub("", text.lower())


def _looks_like_a_code(key: str) -> bool:
    return not key.isalpha() and (not key.isdecimal() or len(key) >= _DIGITS_OF_A_NUMBER_CODE)
