"""Walks over the tokens of a query, and refuses those that stand in no query, wherever they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from server.errors import InvalidInputError
from server.tools.adhoc.lexer import Kind, Token
from server.tools.adhoc.limits import MOST_OF
from server.tools.adhoc.scope import refusal
from server.tools.adhoc.vocabulary import words

_MAX_DEPTH = 50
_MAX_DIGITS = 100
# PostgreSQL cuts longer names (NAMEDATALEN - 1), and so takes two that differ behind it for one.
_MAX_NAME_BYTES = 63
# Writing, regular expressions, samples, and what calls a function without its name and parentheses.
_REFUSED_WORDS = words("collation into similar system_user tablesample variadic")
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
        self._counts: Counter[str] = Counter()

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
            if token.kind is Kind.WORD and name in MOST_OF:
                self._count(token)
        elif token.kind is Kind.NUMBER and len(token.text) > _MAX_DIGITS:
            raise refusal(token.at, "there is a number too long to be meant")
        self.position += 1
        return token

    def _count(self, token: Token) -> None:
        """Count what keeps rows in memory. IS DISTINCT FROM compares, and does not."""
        if token.text == "distinct" and self.at(-1).is_word("is", "not"):
            return
        self._counts[token.text] += 1
        if self._counts[token.text] > (most := MOST_OF[token.text]):
            raise refusal(
                token.at,
                f"{token.text.upper()} stands in it for the {most + 1}th time; at most {most} are available, as each "
                "keeps rows in memory. Ask in several queries",
            )

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
