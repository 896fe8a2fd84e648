"""What SQL of a caller is let through to the database: one query, of words that are known, bounded in its memory.

This is not what keeps stores apart: row level security does, whatever runs. It keeps out what a login may do beside
reading its views, which PostgreSQL itself denies only where a superuser took it from PUBLIC (sql/0095), and what
would fill the server's memory quicker than any time limit ends it. It reads words and parentheses, no grammar: what
passes is still PostgreSQL's to understand or to refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from server.errors import InvalidInputError
from server.tools.adhoc.lexer import Kind, NotSqlError, Token, tokens
from server.tools.adhoc.vocabulary import (
    BEFORE_PARENTHESIS,
    CALLED_BY_DOT,
    FUNCTIONS,
    JSON_BUILDERS,
    KEYWORDS,
    OPERATORS,
    QUALIFIED_OPERATORS,
    QUERY_STARTS,
    TYPES,
)

_MAX_DEPTH = 50
_MAX_DIGITS = 100
_WRITES = ("insert", "update", "delete", "merge")
_REFUSED_WORDS = ("into", "similar", "tablesample")
_CLAUSES = ("select", "from", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "values")
_END = Token(Kind.MARK, "", 0)


@dataclass
class _Frame:
    """What stands between two parentheses, or outside of all.

    Attributes:
        kind: A query, the arguments of a call, an alias with its fields, grouping sets, a type's size, a list that
            belongs to a keyword, or plain grouping.
        above: What it stands in.
        function: Name of the function that is called.
        clause: Clause of the query that is being read.
        naming: True among the names of WITH.
        sources: Names of the tables of the query.
        whole: Names that a select list uses alone, and where: fields, or whole rows of a source.
    """

    kind: str
    above: _Frame | None = None
    function: str = ""
    clause: str = ""
    naming: bool = False
    sources: set[str] = field(default_factory=set)
    whole: list[Token] = field(default_factory=list)

    @property
    def query(self) -> _Frame:
        """The innermost query around this."""
        return self if self.kind == "query" or self.above is None else self.above.query

    @property
    def counted(self) -> bool:
        """True for what is only counted, whatever it is."""
        return self.function == "count" or (self.kind in ("group", "list") and bool(self.above and self.above.counted))


def checked(sql: str) -> str:
    """The query, without a semicolon at its end, if it may run.

    Raises:
        InvalidInputError: It may not; the message says where and why, without its text.
    """
    try:
        found = tokens(sql)
    except NotSqlError as error:
        raise _refusal(error.at, "there is something that cannot be read; give literals in plain quotes") from None
    if found and found[-1].is_mark(";"):
        sql = sql[: found[-1].at - 1]
        found = found[:-1]
    _Gate(found).check()
    return sql


def _refusal(at: int, why: str) -> InvalidInputError:
    return InvalidInputError(f"The query was not run: at character {at}, {why}.")


class _Gate:
    def __init__(self, found: Sequence[Token]) -> None:
        self._tokens = found
        self._top = _Frame("query")
        self._frame = self._top
        self._frames = [self._top]
        self._closed = self._top
        self._in_array = 0

    def check(self) -> None:
        first = next((token for token in self._tokens if not token.is_mark("(")), _END)
        if not first.is_word(*QUERY_STARTS):
            raise _refusal(max(first.at, 1), "one query is taken, which must begin with SELECT or WITH")
        depth = 0
        for number, token in enumerate(self._tokens):
            if self._in_array:
                self._element(token)
            elif token.kind in (Kind.WORD, Kind.NAME):
                self._identifier(number, token)
            elif token.kind is Kind.NUMBER and len(token.text) > _MAX_DIGITS:
                raise _refusal(token.at, "there is a number too long to be meant")
            elif token.kind is Kind.OPERATOR:
                self._operator(number, token)
            elif token.is_mark(";"):
                raise _refusal(token.at, "a second statement begins; only one query is taken")
            elif token.is_mark("("):
                depth += 1
                if depth > _MAX_DEPTH:
                    raise _refusal(token.at, "parentheses are nested too deeply")
                self._open(number, token)
            elif token.is_mark(")"):
                depth -= 1
                if self._frame.above is None:
                    raise _refusal(token.at, "a parenthesis is closed that was not opened")
                self._closed, self._frame = self._frame, self._frame.above
            elif token.is_mark(","):
                self._comma(token)
        if self._frame is not self._top:
            raise _refusal(self._tokens[-1].at, "the query ends inside parentheses")
        self._check_whole_rows()

    def _at(self, number: int) -> Token:
        return self._tokens[number] if 0 <= number < len(self._tokens) else _END

    def _identifier(self, number: int, token: Token) -> None:
        before, after = self._at(number - 1), self._at(number + 1)
        name = token.text.lower()
        if name == "information_schema" or (name.startswith("pg_") and not self._qualifies_operator(number)):
            raise _refusal(token.at, "the database's own catalogue is named, which is not open here; see get_schema")
        if before.is_mark(".") and name in CALLED_BY_DOT:
            raise _refusal(token.at, "a function is called by a dot; write its arguments in parentheses")
        if token.kind is Kind.WORD:
            self._word(number, token, before, after)
        if after.is_mark("("):
            return
        if not token.is_word(*KEYWORDS):
            self._plain_name(number, token, before, after)

    def _word(self, number: int, token: Token, before: Token, after: Token) -> None:
        word = token.text
        if word in _REFUSED_WORDS or (word in _WRITES and (before.is_mark("(") or before.kind is Kind.WORD)):
            raise _refusal(token.at, f"{word.upper()} is not available; only reading is")
        if word == "for" and self._frame.kind == "query":
            raise _refusal(token.at, "rows are to be locked; only reading is available")
        if word == "array" and not after.is_mark("["):
            raise _refusal(token.at, "an array is made of a query; use array_agg")
        if word == "array":
            self._in_array = 1
        if after.kind is Kind.TEXT and word not in KEYWORDS | TYPES:
            raise _refusal(token.at, "a literal has a type that is not available")
        is_type = before.is_mark("::") or (before.is_word("as") and self._frame.function == "cast")
        if is_type and word not in TYPES:
            raise _refusal(token.at, "a value is cast to a type that is not available")
        if self._frame.kind in ("query", "group"):
            self._clause(number, word, before)

    def _clause(self, number: int, word: str, before: Token) -> None:
        frame = self._frame
        if word == "with" and frame.kind == "query" and not frame.clause:
            frame.naming = True
        elif word == "from" and before.is_word("distinct") and self._at(number - 2).is_word("is", "not"):
            # An operator: is distinct from.
            pass
        elif word in ("group", "order") and not self._at(number + 1).is_word("by"):
            # Of an aggregate: within group.
            pass
        elif word in _CLAUSES:
            frame.clause, frame.naming = word, False
        elif word in ("join", "on", "using") and frame.clause in ("from", "on", "using"):
            frame.clause = "from" if word == "join" else word
        elif word in ("union", "intersect", "except"):
            frame.clause = ""

    def _plain_name(self, number: int, token: Token, before: Token, after: Token) -> None:
        frame = self._frame
        if frame.clause == "from" and frame.kind in ("query", "group", "list"):
            # The alias of a function's values is a field.
            named = self._at(number - 2) if before.is_word("as") else before
            if not (named.is_mark(")") and self._closed.kind == "call"):
                frame.query.sources.add(token.text)
        elif (
            frame.query.clause in ("select", "values")
            and frame.kind not in ("alias", "size")
            and not frame.counted
            and not before.is_mark(".")
            and not before.is_word("as")
            and not after.is_mark(".")
        ):
            frame.query.whole.append(token)

    def _element(self, token: Token) -> None:
        if token.is_mark("["):
            self._in_array += 1
        elif token.is_mark("]"):
            self._in_array -= 1
        elif not (
            token.kind in (Kind.TEXT, Kind.NUMBER)
            or token.is_mark(",")
            or token.is_mark("::")
            or token.is_word("true", "false", "null", *TYPES)
            or (token.kind is Kind.OPERATOR and token.text in "+-")
        ):
            raise _refusal(token.at, "an array is made of something else than literals; use array_agg")
        # The first bracket opened it.
        if self._in_array == 1:
            self._in_array = 0

    def _operator(self, number: int, token: Token) -> None:
        if token.text not in (QUALIFIED_OPERATORS if self._at(number - 1).is_mark(".") else OPERATORS | {"*"}):
            if token.text == "*" and not self._qualifies_operator(number - 2):
                self._star(number, token)
                return
            raise _refusal(token.at, "there is an operator that is not available")

    def _star(self, number: int, token: Token) -> None:
        """Every field of a source may be listed, but as an argument they are one value."""
        before, after = self._at(number - 3), self._at(number + 1)
        listed = before.is_word("select", "distinct", "all") or before.is_mark(",") or before.is_mark(")")
        ends = after is _END or after.is_mark(",") or after.is_mark(")") or after.kind is Kind.WORD
        if not self._frame.counted and not (self._frame.kind == "query" and listed and ends):
            raise _refusal(token.at, "a whole row is used as one value; name its fields")

    def _qualifies_operator(self, number: int) -> bool:
        """True for the schema in operator(pg_catalog.+)."""
        return (
            self._at(number).is_word("pg_catalog")
            and self._at(number - 1).is_mark("(")
            and self._at(number - 2).is_word("operator")
            and self._at(number + 1).is_mark(".")
            and self._at(number + 2).kind is Kind.OPERATOR
            and self._at(number + 3).is_mark(")")
        )

    def _open(self, number: int, token: Token) -> None:
        frame = self._new_frame(number, token)
        frame.above = self._frame
        self._frames.append(frame)
        self._frame = frame

    def _new_frame(self, number: int, token: Token) -> _Frame:
        before, earlier, after = self._at(number - 1), self._at(number - 2), self._at(number + 1)
        if before.kind in (Kind.WORD, Kind.NAME) and self._is_alias(before, earlier):
            return _Frame("alias")
        if before.kind is Kind.WORD and (earlier.is_mark("::") or self._is_cast(earlier)):
            return _Frame("size")
        if before.is_word(*FUNCTIONS) and not earlier.is_mark("."):
            self._check_call(before)
            return _Frame("call", function=before.text)
        if self._qualifies_operator(number + 1):
            return _Frame("list")
        if before.kind is Kind.NAME or (before.kind is Kind.WORD and before.text not in BEFORE_PARENTHESIS):
            raise _refusal(before.at, "there is a function that is not available; get_schema lists those that are")
        if after.is_word(*QUERY_STARTS):
            return _Frame("query")
        if self._frame.kind == "query" and self._frame.clause == "values":
            return _Frame("list")
        if before.is_word("sets", "rollup", "cube") or (self._frame.kind == "sets" and before.kind is Kind.MARK):
            return _Frame("sets")
        if before.kind is Kind.WORD and not before.is_word("select", "case", "when", "then", "else", "where", "having"):
            return _Frame("list", clause="from" if before.is_word("from", "join") else "")
        return _Frame("group", clause="from" if self._frame.clause == "from" else "")

    def _is_alias(self, name: Token, before: Token) -> bool:
        if name.is_word(*KEYWORDS):
            return False
        behind = before.is_mark(")") or before.is_word("ordinality")
        listed = self._frame.naming and (before.is_word("with", "recursive") or before.is_mark(","))
        return behind or listed or (before.is_word("as") and not self._is_cast(before))

    def _is_cast(self, before: Token) -> bool:
        return before.is_word("as") and self._frame.function == "cast"

    def _check_call(self, name: Token) -> None:
        query = self._frame.query
        if name.text in JSON_BUILDERS and not (query is self._top and query.clause == "select"):
            raise _refusal(name.at, f"{name.text} stands inside of the query; build JSON in the outermost SELECT list")

    def _comma(self, token: Token) -> None:
        frame = self._frame
        if frame.kind in ("query", "group") and frame.clause in ("on", "using"):
            frame.clause = "from"
        elif frame.kind == "group" and frame.query.clause in ("select", "values") and not frame.counted:
            raise _refusal(token.at, "several values in parentheses make one; list them without")

    def _check_whole_rows(self) -> None:
        for query in self._frames:
            around: _Frame | None = query
            sources: set[str] = set()
            while around is not None:
                sources |= around.sources
                around = around.above
            for token in query.whole:
                if token.text in sources:
                    raise _refusal(
                        token.at, "a table is used as one value; name its fields, or give the table another alias"
                    )
