"""Types and arrays of literals in SQL of a caller."""

from __future__ import annotations

from server.tools.adhoc.lexer import Kind
from server.tools.adhoc.reader import Reader
from server.tools.adhoc.scope import refusal
from server.tools.adhoc.vocabulary import TYPES, words

_IN_ARRAY = TYPES | words("true false null")


class Types(Reader):
    """Reads types and arrays."""

    def array(self) -> None:
        """Take an array of literals. One of values could hold others whole.

        Raises:
            InvalidInputError: It is of something else.
        """
        at = self.take().at
        if not self.now.is_mark("["):
            raise refusal(at, "an array is made of a query; use array_agg")
        depth = 0
        while True:
            token = self.take()
            if token.is_mark("["):
                depth += 1
            elif token.is_mark("]"):
                depth -= 1
            elif not (
                token.kind in (Kind.TEXT, Kind.NUMBER)
                or token.is_mark(",")
                or token.is_mark("::")
                or (token.kind is Kind.WORD and token.text in _IN_ARRAY)
                or (token.kind is Kind.OPERATOR and token.text in "+-")
            ):
                raise refusal(token.at, "an array is made of something else than literals; use array_agg")
            if depth == 0:
                return

    def type(self) -> None:
        """Take a type behind :: or in CAST: unquoted, as a quoted name, or one with a schema, could be any.

        Raises:
            InvalidInputError: It is not on the list.
        """
        token = self.now
        if not self.is_word(TYPES):
            raise refusal(token.at, "a value is cast to a type that is not available, or to one in quotes")
        self.take()
        if token.text == "double":
            self.accept("precision")
        elif token.text in ("char", "character"):
            self.accept("varying")
        if self.now.is_mark("("):
            self.open()
            while self.now.kind is Kind.NUMBER or self.now.is_mark(",") or self.now.is_operator("-"):
                self.take()
            self.close()
        if token.text in ("time", "timestamp") and self.accept("with", "without"):
            self.expect("time")
            self.expect("zone")
        while self.accept("["):
            if self.now.kind is Kind.NUMBER:
                self.take()
            self.expect("]")
