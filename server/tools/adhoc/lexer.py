"""SQL in words, as PostgreSQL's own scanner cuts it; what it would read in more than one way is refused.

Source:
    PostgreSQL 18, chapter 4.1 (Lexical Structure) and src/backend/parser/scan.l.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from enum import Enum

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_OPERATOR_CHARACTERS = r"+\-*/<>=~!@#%^&|`?"
# An operator may end with + or - only if one of these is in it.
_UNUSUAL = frozenset("~!@#%^&|`?")
# PostgreSQL's own bound (NAMEDATALEN - 1). A longer run of operator characters is refused as a whole, though PostgreSQL
# would read thousands of signs as thousands of operators: it keeps the scanner linear.
_MAX_OPERATOR = 63

_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\n\r\f\v]+|--[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<text>'(?:[^']|'')*'|\$(?P<tag>(?:[A-Za-z_\x80-\U0010FFFF][A-Za-z0-9_\x80-\U0010FFFF]*)?)\$.*?\$(?P=tag)\$)
    | (?P<odd>[bBxXnN]'|[uU]&['"]|\$)
    | (?P<name>"(?:[^"]|"")+")
    | (?P<number>(?:[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[A-Za-z_\x80-\U0010FFFF][A-Za-z0-9_$\x80-\U0010FFFF]*)
    | (?P<mark>::|[()\[\],;.:])
    | (?P<operator>(?:(?!--|/\*)[{_OPERATOR_CHARACTERS}]){{1,{_MAX_OPERATOR + 1}}})
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    NAME = "name"
    TEXT = "text"
    NUMBER = "number"
    OPERATOR = "operator"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL.

    Attributes:
        kind: What it is.
        text: A word in lower case, a quoted name without its quotes, else as it was written.
        at: Position of its first character, from 1.
    """

    kind: Kind
    text: str
    at: int

    def is_word(self, *words: str) -> bool:
        """True for one of these words, unquoted."""
        return self.kind is Kind.WORD and self.text in words

    def is_mark(self, mark: str) -> bool:
        """True for this punctuation mark."""
        return self.kind is Kind.MARK and self.text == mark

    def is_operator(self, operator: str) -> bool:
        """True for this operator."""
        return self.kind is Kind.OPERATOR and self.text == operator


class NotSqlError(Exception):
    """A place that is no SQL, or none that is taken here.

    Attributes:
        at: Its position, from 1.
    """

    def __init__(self, at: int) -> None:
        self.at = at
        super().__init__(at)


def tokens(sql: str) -> list[Token]:
    """Cut SQL into its tokens, without spaces and comments.

    Raises:
        NotSqlError: A place cannot be read, or only in ways that depend on settings.
    """
    found: list[Token] = []
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None or match["odd"] is not None or "\0" in match[0]:
            raise NotSqlError(at + 1)
        if match["comment"] is not None:
            at = _end_of_comment(sql, at)
            continue
        text = match[0]
        if match["operator"] is not None:
            if len(text) > _MAX_OPERATOR:
                raise NotSqlError(at + 1)
            text = _operator(text)
        if match["space"] is None:
            found.append(_token(match, text, at + 1))
        at += len(text)
    return found


def _token(match: re.Match[str], text: str, at: int) -> Token:
    if match["word"] is not None:
        return Token(Kind.WORD, text.translate(_ASCII_LOWER), at)
    if match["name"] is not None:
        return Token(Kind.NAME, text[1:-1].replace('""', '"'), at)
    if match["text"] is not None or match["escaped"] is not None:
        return Token(Kind.TEXT, text, at)
    if match["number"] is not None:
        return Token(Kind.NUMBER, text, at)
    return Token(Kind.OPERATOR if match["operator"] is not None else Kind.MARK, text, at)


def _operator(text: str) -> str:
    """The operator that these characters begin with: signs at the end are the next one's, unless it is unusual."""
    return text if _UNUSUAL.intersection(text) else text.rstrip("+-") or text[0]


def _end_of_comment(sql: str, at: int) -> int:
    """Position behind a comment; comments nest."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(sql, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    raise NotSqlError(at + 1)
