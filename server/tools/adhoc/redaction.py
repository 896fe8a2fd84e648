"""What the audit log keeps of a caller's SQL: what was asked, without any word that the caller chose."""

from __future__ import annotations

from server.tools.adhoc.lexer import Kind, NotSqlError, Token, tokens
from server.tools.adhoc.limits import MAX_LENGTH
from server.tools.adhoc.vocabulary import FUNCTIONS, KEYWORDS, SCHEMA_WORDS, TYPES

_KNOWN = FUNCTIONS | KEYWORDS | SCHEMA_WORDS | TYPES
_LONGEST = 3_000


def outline(sql: str) -> str:
    """The length of a query and its outline: known words and operators, `?` for a literal, `n1`, `n2` for other names.

    No hash of the text: whoever guesses a text that named a person could confirm it.
    """
    length = f"({len(sql)} characters)"
    if len(sql) > MAX_LENGTH:
        return length
    try:
        found = tokens(sql)
    except NotSqlError:
        return length
    names: dict[str, str] = {}
    text = " ".join(_shown(token, names) for token in found)
    return f"{length} {text[:_LONGEST]}{'...' if len(text) > _LONGEST else ''}"


def _shown(token: Token, names: dict[str, str]) -> str:
    if token.kind in (Kind.TEXT, Kind.NUMBER):
        return "?"
    if token.kind is Kind.NAME or (token.kind is Kind.WORD and token.text not in _KNOWN):
        return names.setdefault(token.text, f"n{len(names) + 1}")
    return token.text
