"""Expressions in SQL of a caller: which functions, types, operators and literals may stand in them.

They are read piece by piece, without their grammar: a piece is a literal, a name, a call, a cast, an operator, a
keyword or what stands in parentheses.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import ChainMap
from dataclasses import dataclass, replace

from server.errors import InvalidInputError
from server.tools.adhoc.lexer import Kind, Token
from server.tools.adhoc.limits import MAX_FORMAT
from server.tools.adhoc.reader import Counted
from server.tools.adhoc.scope import Reference, Result, Table, refusal
from server.tools.adhoc.types import Types
from server.tools.adhoc.vocabulary import (
    BEFORE_PARENTHESIS,
    FUNCTIONS,
    GROUPINGS,
    JSON_BUILDERS,
    KEYWORDS,
    OPERATORS,
    QUALIFIED_OPERATORS,
    QUERY_STARTS,
    SCHEMA,
    TYPES,
    VIEWS,
    words,
)

COMBINING = words("union intersect except")
TAIL = words("order limit offset fetch")
# An operand follows; behind any other keyword stands an operator, or nothing.
_BEFORE_OPERAND = words(
    """
    all and any as at between both by case collate distinct else escape exists filter for from group ilike in is
    leading like not on or order over partition range rows groups some symmetric then to trailing using when where
    with within without zone
    """
)
# Behind these, several values in parentheses are a list and no row.
_BEFORE_LIST = GROUPINGS | words("by filter group in over")
_BEFORE_TEXT = BEFORE_PARENTHESIS | TYPES | words("precision varying")
# Anywhere else than behind these, or behind a value, PostgreSQL takes the word for the name of a function or a type.
_BEHIND_VALUE = words("escape filter ilike like over")
# These may name fields, too, and then be multiplied.
_FIELDS_TOO = words("between by escape filter groups over partition range rows without zone")
_BEHIND = {
    "by": words("group order partition"),
    "cube": words("all by distinct"),
    "precision": words("double"),
    "rollup": words("all by distinct"),
    "sets": words("grouping"),
    "varying": words("char character"),
    "zone": words("time"),
}
# A subquery behind these is gathered in memory, unless it is joined (conditions.py).
_GATHERING = words("any exists in some")
# What IS asks without calling a function.
_ASKED_BY_IS = words("distinct false not null true unknown")
_AS = words("as")
_NOTHING = words("")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands.

    Attributes:
        known: Tables of WITH that it sees.
        references: Takes the names that stand in it.
        leaves: True where its value goes on into the rows of a query. There no value may hold a row whole: referred to
            twice in each step of a query, it would double each time.
        counted: True for what is only counted, whatever it is.
        builds: True in the outermost select list, where JSON may be built.
        groups: True in GROUP BY, outside of calls and values.
        joined: True for a subquery of IN or EXISTS that PostgreSQL joins.
    """

    known: ChainMap[str, Table]
    references: list[Reference]
    leaves: bool = False
    counted: bool = False
    builds: bool = False
    groups: bool = False
    joined: bool = False


class Expressions(Types):
    """Reads expressions, and refuses what is not on the lists."""

    # How many aggregates sort their values.
    sorting_calls = 0

    @abstractmethod
    def query(self, known: ChainMap[str, Table]) -> Result:
        """Read a query up to the end of its parentheses."""

    @abstractmethod
    def combined(self, query: Result, known: ChainMap[str, Table]) -> Result:
        """Read what UNION and the like add to a query in parentheses, and its order and limit."""

    def ends(self, words: frozenset[str], *, several: bool = False, ahead: int = 0) -> bool:
        """True where an expression ends.

        Args:
            words: Keywords that end it.
            several: Whether a comma does not, as more of them follow.
            ahead: So many tokens from here.
        """
        token = self.at(ahead)
        if token.kind is Kind.MARK:
            return token.text in (("", ")", ";") if several else ("", ")", ";", ","))
        is_call = token.text in FUNCTIONS and self.at(ahead + 1).is_mark("(")
        return token.kind is Kind.WORD and token.text in words and not is_call

    def expression(self, place: Place, end: frozenset[str] = _NOTHING, *, several: bool = False) -> int:
        """Read an expression, or several between commas.

        Args:
            place: Where it stands.
            end: Keywords that end it.
            several: Whether a comma goes on.

        Returns:
            How many commas there were.

        Raises:
            InvalidInputError: It may not run.
        """
        operand, commas = False, 0
        while not self.ends(end, several=several):
            if self.accept(","):
                operand, commas = False, commas + 1
            else:
                operand = self.piece(place, operand)
        return commas

    def piece(self, place: Place, operand: bool) -> bool:
        """Read a piece of an expression.

        Args:
            place: Where it stands.
            operand: Whether a value is before it.

        Returns:
            Whether a value is before the next.

        Raises:
            InvalidInputError: It may not run.
        """
        token = self.now
        if token.kind is Kind.WORD:
            return self._word(place, operand)
        if token.kind is Kind.NAME:
            return self._name(place, operand)
        if token.kind is Kind.OPERATOR:
            return self._operator(operand)
        if token.is_mark("("):
            self._parentheses(place)
        elif token.is_mark("::"):
            self.take()
            self.type()
        elif token.is_mark("."):
            raise refusal(token.at, "a dot stands behind something else than the name of a table")
        else:
            self.take()
        return not (token.is_mark("[") or token.is_mark(":"))

    def _word(self, place: Place, operand: bool) -> bool:
        token, after = self.now, self.at(1)
        word = token.text
        if word == "operator" and after.is_mark("("):
            self._qualified_operator()
            return False
        if word == "array":
            self.array()
            return True
        if after.is_mark("(") and word in FUNCTIONS:
            self.call(self.take(), place)
            return True
        if after.is_mark(".") or word not in KEYWORDS | TYPES:
            return self._name(place, operand)
        if after.is_mark("(") and (
            word not in (BEFORE_PARENTHESIS | GROUPINGS if place.groups else BEFORE_PARENTHESIS)
            or self._is_name(word, operand)
        ):
            raise self._no_function()
        if after.kind is Kind.TEXT and (word not in _BEFORE_TEXT or self._is_name(word, operand)):
            raise refusal(token.at, "a literal has a type that is not available")
        self._refer(place, self.take())
        if word == "is":
            self._asked()
        elif word == "within":
            self.sorting_calls += 1
            self.expect("group")
        elif word == "over" and operand and not after.is_mark("("):
            # The name of a window, which may be that of a table, too.
            self.identifier()
            return True
        elif word == "not" and operand:
            # Of NOT LIKE and the like: the value is still before the next word.
            return True
        return word not in _BEFORE_OPERAND

    def _is_name(self, word: str, operand: bool) -> bool:
        """Whether PostgreSQL would read this keyword as the name of a function or a type."""
        before = self.at(-1)
        if word in ("cube", "rollup") and (before.is_mark(",") or before.is_mark("(")):
            return False
        if word in _BEHIND:
            return not before.is_word(*_BEHIND[word])
        return word in _BEHIND_VALUE and not operand

    def _asked(self) -> None:
        self.accept("not")
        if not self.is_word(_ASKED_BY_IS):
            raise self.unreadable()
        if self.accept("distinct"):
            self.expect("from")

    def _name(self, place: Place, operand: bool) -> bool:
        """A field, and never a call: neither in parentheses, nor by a dot, nor of a type in front of a literal."""
        token, after = self.now, self.at(1)
        if after.is_mark("("):
            raise self._no_function()
        if after.is_mark("."):
            self._behind_dot(place)
        else:
            self._refer(place, self.take())
        if self.now.kind is Kind.TEXT:
            raise refusal(token.at, "a literal has a type that is not available")
        if self.now.is_mark("("):
            raise self._no_function()
        if operand:
            raise refusal(token.at, "a name follows a value; put AS before the name of a field")
        return True

    def _behind_dot(self, place: Place) -> None:
        table = self.take()
        self.expect(".")
        fields = None
        if table.text == SCHEMA and self.at(1).is_mark("."):
            table = self.identifier()
            self.expect(".")
            fields = VIEWS.get(table.text, _NOTHING)
        if self.now.is_operator("*"):
            if not place.counted:
                raise refusal(self.now.at, "a whole row is used as one value; name its fields")
            self.take()
            return
        name = self.identifier()
        if fields is None:
            place.references.append(Reference(name, table.text))
        elif name.text not in fields:
            raise refusal(name.at, "a field is named that is not there; get_schema lists those that are")

    def _refer(self, place: Place, token: Token) -> None:
        if place.leaves:
            place.references.append(Reference(token))

    def _no_function(self) -> InvalidInputError:
        return refusal(self.now.at, "there is a function that is not available; get_schema lists those that are")

    def call(self, name: Token, place: Place) -> int:
        """Read the arguments of a function.

        Args:
            name: Its name, which is on the list and was read.
            place: Where the call stands.

        Returns:
            How many commas there were.

        Raises:
            InvalidInputError: It may not run.
        """
        if name.text in JSON_BUILDERS and not place.builds:
            raise refusal(name.at, f"{name.text} stands inside of the query; build JSON in the outermost SELECT list")
        inner = replace(place, counted=False, groups=False)
        self.open()
        commas, sorts = 0, self.counts[Counted.SORTS]
        if name.text == "cast":
            self.expression(inner, _AS)
            self.expect("as")
            self.type()
        elif name.text == "count" and self.now.is_operator("*"):
            self.take()
        elif name.text == "count":
            commas = self.expression(replace(inner, leaves=False, counted=True), several=True)
        else:
            commas = self.expression(inner, several=True)
        if name.text == "to_char":
            self._check_format()
        if self.counts[Counted.SORTS] > sorts:
            self.sorting_calls += 1
        self.close()
        return commas

    def _check_format(self) -> None:
        """Whether the argument that was read last is a short literal."""
        written = self.at(-1)
        if not (self.at(-2).is_mark(",") and written.kind is Kind.TEXT and len(written.text) <= MAX_FORMAT):
            raise refusal(
                written.at, f"to_char has a format that is no plain literal of at most {MAX_FORMAT} characters"
            )

    def gathers(self) -> bool:
        """True where a subquery of IN, EXISTS, ANY or SOME comes next."""
        if not self.at(-1).is_word(*_GATHERING):
            return False
        ahead = 0
        while self.at(ahead).is_mark("("):
            ahead += 1
        return ahead > 0 and self.at(ahead).is_word(*QUERY_STARTS)

    def _parentheses(self, place: Place) -> None:
        at, before = self.now.at, self.at(-1)
        if not place.joined and self.gathers():
            raise gathers_too_much(self.now)
        place = replace(place, joined=False)
        self.open()
        if self.is_word(QUERY_STARTS):
            place.references.extend(self.query(place.known).outward)
        else:
            is_list = before.kind is Kind.WORD and before.text in _BEFORE_LIST
            inner = replace(place, leaves=place.leaves and not is_list, groups=place.groups and before.is_word("sets"))
            is_nested = self.now.is_mark("(")
            commas = self.expression(inner, COMBINING | TAIL if is_nested else _NOTHING, several=True)
            if commas and inner.leaves:
                raise refusal(at, "several values in parentheses make one; list them without")
            if is_nested:
                place.references.extend(self.combined(Result(), place.known).outward)
        self.close()

    def _operator(self, operand: bool) -> bool:
        token = self.take()
        if token.text not in OPERATORS:
            raise refusal(token.at, "there is an operator that is not available")
        if token.text == "*" and not operand and not self.at(-2).is_word(*_FIELDS_TOO):
            raise refusal(token.at, "a whole row is used as one value; name its fields")
        return False

    def _qualified_operator(self) -> None:
        """operator(pg_catalog.+) and the like."""
        at, name = self.now.at, self.at(4)
        if not (
            self.at(2).is_word("pg_catalog")
            and self.at(3).is_mark(".")
            and name.kind is Kind.OPERATOR
            and name.text in QUALIFIED_OPERATORS
            and self.at(5).is_mark(")")
        ):
            raise refusal(at, "there is an operator that is not available")
        self.position += 6


def gathers_too_much(token: Token) -> InvalidInputError:
    """The error for a subquery that PostgreSQL would gather in memory."""
    return refusal(
        token.at,
        "a subquery of IN or EXISTS stands where all of it would be kept in memory. Such a subquery is one of the "
        "conditions that AND combines in WHERE: field IN (SELECT ...), EXISTS (SELECT ...) or NOT EXISTS (SELECT ...). "
        "Write NOT IN as NOT EXISTS; elsewhere join a query that groups",
    )
