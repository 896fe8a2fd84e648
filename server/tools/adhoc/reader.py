"""Walks over the tokens of a query, and refuses those that stand in no query, wherever they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum

from server.errors import InvalidInputError
from server.tools.adhoc.lexer import Kind, Token
from server.tools.adhoc.limits import MAX_DIGITS, MAX_EXPONENT, MAX_SORTS, MAX_TABLES, MAX_WINDOWS
from server.tools.adhoc.scope import refusal
from server.tools.adhoc.vocabulary import words

_MAX_DEPTH = 50
# PostgreSQL cuts longer names (NAMEDATALEN - 1), and so takes two that differ behind it for one.
_MAX_NAME_BYTES = 63
# Writing, regular expressions, samples, and what calls a function without its name and parentheses.
_REFUSED_WORDS = words("collation into similar system_user tablesample variadic")


class Counted(Enum):
    """What keeps rows in memory, as a refusal names it."""

    SORTS = "sorts (ORDER BY, DISTINCT, WITHIN GROUP)"
    WINDOWS = "windows (OVER)"
    TABLES = "tables in FROM and JOIN"


_MOST = {Counted.SORTS: MAX_SORTS, Counted.WINDOWS: MAX_WINDOWS, Counted.TABLES: MAX_TABLES}
_COUNTED_WORDS = {
    "distinct": Counted.SORTS,
    "order": Counted.SORTS,
    "over": Counted.WINDOWS,
}
_END = Token(Kind.MARK, "", 0)


class Reader:
    """A place among tokens that moves forward.

    Args:
        found: The tokens.
    """

    def __init__(self, found: Sequence[Token]) -> None:
        self.tokens = found
        self.position = 0
        self._depth = 0
        self.counts: Counter[Counted] = Counter()

    @property
    def now(self) -> Token:
        """The token that comes next; an empty mark at the end."""
        return self.at(0)

    def at(self, ahead: int) -> Token:
        """The token so many places ahead."""
        place = self.position + ahead
        return self.tokens[place] if 0 <= place < len(self.tokens) else _END

    @property
    def at_end(self) -> bool:
        """True behind the last token."""
        return self.position >= len(self.tokens)

    def take(self) -> Token:
        """The token that comes next, which is behind us then.

        Raises:
            InvalidInputError: It stands in no query, or there is none.
        """
        token = self.now
        if self.at_end:
            raise refusal(self.tokens[-1].at, "the query ends where something must follow")
        if token.kind in (Kind.WORD, Kind.NAME):
            name = token.text.lower()
            if len(token.text.encode()) > _MAX_NAME_BYTES:
                raise refusal(token.at, f"there is a name of more than {_MAX_NAME_BYTES} bytes; shorten it")
            if name == "information_schema" or name.startswith("pg_"):
                raise refusal(token.at, "the database's own catalogue is named, which is not open here; see get_schema")
            if token.kind is Kind.WORD and name in _REFUSED_WORDS:
                raise refusal(token.at, f"{name.upper()} is not available")
            if token.kind is Kind.WORD and name in _COUNTED_WORDS and not self._compares():
                self.count(_COUNTED_WORDS[name])
        elif token.kind is Kind.NUMBER and _is_too_large(token.text):
            raise refusal(token.at, f"there is a number of more than {MAX_DIGITS} digits, or above 1e{MAX_EXPONENT}")
        self.position += 1
        return token

    def count(self, what: Counted) -> None:
        """Count what keeps rows in memory, and stands where the token is that comes next.

        Raises:
            InvalidInputError: It is one too many.
        """
        self.counts[what] += 1
        if self.counts[what] > (most := _MOST[what]):
            raise refusal(
                self.now.at,
                f"it has more than {most} {what.value}, each of which keeps rows in memory. Ask in several queries",
            )

    def _compares(self) -> bool:
        """True for the DISTINCT of IS DISTINCT FROM."""
        return self.now.text == "distinct" and self.at(-1).is_word("is", "not")

    def is_word(self, among: frozenset[str]) -> bool:
        """True if an unquoted word of these comes next."""
        return self.now.kind is Kind.WORD and self.now.text in among

    def accept(self, *texts: str) -> bool:
        """Take the token that comes next if it is one of these words, unquoted, or marks."""
        if self.now.kind not in (Kind.WORD, Kind.MARK) or self.now.text not in texts or self.at_end:
            return False
        self.take()
        return True

    def expect(self, text: str) -> None:
        """Take this word or mark.

        Raises:
            InvalidInputError: Something else comes next.
        """
        if not self.accept(text):
            raise self.unreadable()

    def open(self) -> None:
        """Take an opening parenthesis.

        Raises:
            InvalidInputError: Something else comes next, or it is one too many.
        """
        at = self.now.at
        self.expect("(")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise refusal(at, "parentheses are nested too deeply")

    def close(self) -> None:
        """Take a closing parenthesis.

        Raises:
            InvalidInputError: Something else comes next.
        """
        self.expect(")")
        self._depth -= 1

    def identifier(self) -> Token:
        """Take a name, quoted or not.

        Raises:
            InvalidInputError: Something else comes next.
        """
        if self.now.kind not in (Kind.WORD, Kind.NAME):
            raise self.unreadable()
        return self.take()

    def identifiers(self) -> frozenset[str]:
        """Take a list of names in parentheses.

        Raises:
            InvalidInputError: Something else comes next.
        """
        self.open()
        names = {self.identifier().text}
        while self.accept(","):
            names.add(self.identifier().text)
        self.close()
        return frozenset(names)

    def unreadable(self) -> InvalidInputError:
        """The error for what stands here."""
        if self.at_end:
            return refusal(self.tokens[-1].at if self.tokens else 1, "the query ends where something must follow")
        return refusal(self.now.at, "the query cannot be read; write it more plainly")


def _is_too_large(number: str) -> bool:
    mantissa, _, exponent = number.lower().partition("e")
    return len(mantissa) > MAX_DIGITS or len(exponent) > 6 or abs(int(exponent or 0)) > MAX_EXPONENT
