"""What SQL of a caller is let through to the database: one query, of words that are known, bounded in its memory.

This is not what keeps stores apart: row level security does, whatever runs. It keeps out what a login may do beside
reading its views, which PostgreSQL itself denies only where a superuser took it from PUBLIC (sql/0095), and what
would fill the server's memory quicker than any time limit ends it.

It reads the structure of a query (WITH, select lists, FROM, parentheses, types) and refuses what it cannot place. Of
expressions it reads the pieces alone: what passes is still PostgreSQL's to understand or to refuse.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence

from server.tools.adhoc.expressions import COMBINING, TAIL, Place
from server.tools.adhoc.lexer import Kind, NotSqlError, Token, tokens
from server.tools.adhoc.limits import MAX_SORTS
from server.tools.adhoc.scope import (
    Fields,
    Reference,
    Result,
    Select,
    Table,
    refusal,
)
from server.tools.adhoc.tables import CLAUSES, Known, TablesOfFrom
from server.tools.adhoc.vocabulary import GROUPINGS, QUERY_STARTS, SCHEMA, VIEWS, words

# These name a field only behind AS; before the end of an expression they belong to it.
_NO_LABELS = words("day end hour isnull minute month notnull precision second varying within year zone")
# Calls whose fields have other names than they, and words that are no fields.
_NAMED_OTHERWISE = words("cast trim")
_CONSTANTS = words("null true false")
_BEHIND_CALL = words("filter over within")
_WRITES = words("insert update delete merge")


def checked(sql: str) -> str:
    """The query, without a semicolon at its end, if it may run.

    Raises:
        InvalidInputError: It may not; the message says where and why, without its text.
    """
    try:
        found = tokens(sql)
    except NotSqlError as error:
        raise refusal(error.at, "there is something that cannot be read; give literals in plain quotes") from None
    if found and found[-1].is_mark(";"):
        sql = sql[: found[-1].at - 1]
        found = found[:-1]
    _Gate(found).check()
    return sql


class _Gate(TablesOfFrom):
    """Reads queries."""

    # How many tables of WITH RECURSIVE are around what is read.
    _recursions = 0
    # How many groups of one GROUP BY may be under way at once.
    _levels = 1

    def check(self) -> None:
        """Read all of the text.

        Raises:
            InvalidInputError: It may not run.
        """
        first = next((token for token in self.tokens if not token.is_mark("(")), None)
        if first is None or not (first.kind is Kind.WORD and first.text in QUERY_STARTS):
            at = first.at if first is not None else 1
            raise refusal(at, "one query is taken, which must begin with SELECT or WITH")
        result = self.query(ChainMap(), outermost=True)
        if self.now.is_mark(";"):
            raise refusal(self.now.at, "a second statement begins; only one query is taken")
        if self.now.is_mark(")"):
            raise refusal(self.now.at, "a parenthesis is closed that was not opened")
        if not self.at_end:
            raise self.unreadable()
        for reference in result.outward:
            if reference.table is not None:
                raise refusal(reference.token.at, "the name before the dot is no table of FROM there")
        if self.sorting_calls * self._levels > MAX_SORTS:
            raise refusal(
                1,
                f"each aggregate with DISTINCT, ORDER BY or WITHIN GROUP sorts for up to {self._levels} levels of "
                f"CUBE, ROLLUP or GROUPING SETS at once; that is more than {MAX_SORTS} sorts. Ask in several queries",
            )

    def query(self, known: Known, *, outermost: bool = False, recursive: Table | None = None) -> Result:
        """Read a query up to the end of its parentheses.

        Args:
            known: Tables of WITH that it sees.
            outermost: Whether it is in no other.
            recursive: Its own table, which gets its fields once they are read, for the steps that refer to it.
        """
        outward: list[Reference] = []
        if self.accept("with"):
            known = self._with(known, outward)
        result = self._rest(self._operand(known, outermost), known, outermost, recursive)
        return Result(result.fields, [*outward, *result.outward])

    def combined(self, query: Result, known: Known) -> Result:
        """Read what UNION and the like add to a query in parentheses, and its order and limit."""
        return self._rest(query, known)

    def _with(self, known: Known, outward: list[Reference]) -> Known:
        known = known.new_child()
        recursive = self.accept("recursive")
        while True:
            name = self.identifier()
            if recursive and (name.text in known or name.text in VIEWS):
                # Steps that come before it would mean this one already.
                raise refusal(name.at, "a table of WITH RECURSIVE has the name of another; give it one of its own")
            listed = self.identifiers() if self.now.is_mark("(") else None
            table = Table(listed or Fields())
            if recursive:
                known[name.text] = table
            self.expect("as")
            self.accept("not")
            self.accept("materialized")
            self.open()
            self._recursions += recursive
            result = self.query(known, recursive=table if listed is None else None)
            self._recursions -= recursive
            self.close()
            outward += result.outward
            if listed is None:
                table.fields = result.fields
            known[name.text] = table
            if not self.accept(","):
                return known

    def _operand(self, known: Known, outermost: bool) -> Select | Result:
        """What UNION and the like combine, or a query alone."""
        if self.now.is_mark("("):
            self.open()
            result = self.query(known)
            self.close()
            return result
        if self.accept("select"):
            return self._select(known, outermost)
        if self.accept("values"):
            return self._values(known)
        if self.is_word(_WRITES):
            raise refusal(self.now.at, f"{self.now.text.upper()} is not available; only reading is")
        raise self.unreadable()

    def _rest(
        self, query: Select | Result, known: Known, outermost: bool = False, recursive: Table | None = None
    ) -> Result:
        """What is combined with a query, then its order and limit."""
        while self.is_word(COMBINING):
            first = _result(query)
            if recursive is not None:
                recursive.fields, recursive = first.fields, None
            self._combine()
            other = _result(self._operand(known, outermost))
            query = Result(first.fields, [*first.outward, *other.outward])
        references: list[Reference] = []
        while self.is_word(TAIL):
            self.take()
            self.expression(Place(known, references), TAIL, several=True)
        if self.now.is_word("for"):
            raise refusal(self.now.at, "rows are to be locked; only reading is available")
        if isinstance(query, Select):
            query.references += references
        for reference in references if isinstance(query, Result) else []:
            if reference.table is not None:
                raise refusal(
                    reference.token.at, "queries that are combined or in parentheses are ordered by fields alone"
                )
        return _result(query)

    def _combine(self) -> None:
        """Take UNION, with ALL or without."""
        token = self.take()
        if token.is_word("except", "intersect"):
            raise refusal(
                token.at,
                f"{token.text.upper()} would keep all rows in memory; write it as WHERE NOT EXISTS (SELECT ...) or "
                "WHERE EXISTS (SELECT ...)",
            )
        every = self.accept("all")
        if not every:
            self.accept("distinct")
        if self._recursions and not every:
            raise refusal(
                token.at, "UNION in WITH RECURSIVE would keep all rows in memory; write UNION ALL, and end it in WHERE"
            )

    def _values(self, known: Known) -> Result:
        references: list[Reference] = []
        while True:
            self.open()
            commas = self.expression(Place(known, references, leaves=True), several=True)
            self.close()
            if not self.accept(","):
                return Result(frozenset(f"column{number + 1}" for number in range(commas + 1)), references)

    def _select(self, known: Known, outermost: bool) -> Select:
        select = Select()
        place = Place(known, select.references)
        if not self.accept("all") and self.accept("distinct") and self.accept("on"):
            self.open()
            self.expression(place, several=True)
            self.close()
        self._list(select, Place(known, select.references, leaves=True, builds=outermost))
        while not self.at_end:
            if self.accept("from"):
                self.tables_of_from(select, known)
            elif self.accept("where"):
                self.where(place, select.tables, CLAUSES)
            elif self.accept("having"):
                self.expression(place, CLAUSES)
            elif self.accept("group"):
                self._group(Place(known, select.references, groups=True))
            elif self.accept("window"):
                self._windows(place)
            else:
                break
        return select

    def _group(self, place: Place) -> None:
        start = self.position
        self.expression(place, CLAUSES, several=True)
        clause = self.tokens[start : self.position]
        if any(token.is_word(*GROUPINGS) for token in clause):
            self._levels = max(self._levels, 2 + sum(token.is_mark(",") for token in clause))

    def _windows(self, place: Place) -> None:
        while True:
            self.identifier()
            self.expect("as")
            self.open()
            self.expression(place, several=True)
            self.close()
            if not self.accept(","):
                return

    def _list(self, select: Select, place: Place) -> None:
        """The select list, and the names that its fields are sure to have."""
        while not self.ends(CLAUSES):
            star = self._star()
            if star is not None:
                select.stars.append(star)
            elif name := self._field(place):
                select.named.add(name)
            if not self.accept(","):
                return

    def _star(self) -> str | None:
        """Take *, which gives "", or the * of a table, which gives its name; None where a field stands."""
        names = 2 if self.now.text == SCHEMA and self.at(3).is_mark(".") else int(self.at(1).is_mark("."))
        if not self.at(2 * names).is_operator("*"):
            return None
        table = ""
        for _ in range(names):
            table = self.identifier().text
            self.expect(".")
        self.take()
        return table

    def _field(self, place: Place) -> str:
        """A field, and its name; "" if that is not certain."""
        name, operand, start = "", False, self.position
        while not self.ends(CLAUSES):
            token, before, at = self.now, self.at(-1), self.position
            if self.accept("as"):
                return self.identifier().text
            if operand and self._is_label(token):
                return self.take().text
            operand = self.piece(place, operand)
            if at == start:
                name = _own_name(self.tokens[start : self.position])
            elif not (token.is_mark("::") or token.is_word(*_BEHIND_CALL) or before.is_word("group", *_BEHIND_CALL)):
                name = ""
        return name

    def _is_label(self, token: Token) -> bool:
        is_name = token.kind is Kind.NAME or (token.kind is Kind.WORD and token.text not in _NO_LABELS)
        return is_name and self.ends(CLAUSES, ahead=1)


def _result(query: Select | Result) -> Result:
    return query.result() if isinstance(query, Select) else query


def _own_name(piece: Sequence[Token]) -> str:
    """The name of a field without a label, from its first piece: a field has its own, a call that of the function."""
    first, last = piece[0], piece[-1]
    if first.kind is Kind.WORD and (first.text in _CONSTANTS or (len(piece) > 1 and piece[1].is_mark("("))):
        return "" if first.text in _CONSTANTS | _NAMED_OTHERWISE else first.text
    return last.text if last.kind in (Kind.WORD, Kind.NAME) else ""
