"""FROM in SQL of a caller: which tables and functions may stand in it, and what their fields are called."""

from __future__ import annotations

from collections import ChainMap

from server.tools.adhoc.conditions import Conditions
from server.tools.adhoc.expressions import COMBINING, TAIL, Place
from server.tools.adhoc.lexer import Kind, Token
from server.tools.adhoc.reader import Counted
from server.tools.adhoc.scope import (
    Fields,
    Reference,
    Result,
    Select,
    Table,
    Tables,
    add,
    all_fields,
    answered_by,
    refusal,
)
from server.tools.adhoc.vocabulary import FUNCTIONS, QUERY_STARTS, SCHEMA, VIEWS, words

Known = ChainMap[str, Table]

CLAUSES = words("from where group having window for") | COMBINING | TAIL
_JOINS = words("join inner left right full cross natural")
# What is no alias of a table, unless AS is before it.
_AFTER_TABLE = CLAUSES | _JOINS | words("on using with")


class TablesOfFrom(Conditions):
    """Reads FROM."""

    def tables_of_from(self, select: Select, known: Known) -> None:
        """Read FROM, and add its tables to those of the query.

        Args:
            select: The query.
            known: Tables of WITH that it sees.

        Raises:
            InvalidInputError: It may not run.
        """
        while True:
            for name, table in self._joined(select, known, ChainMap(select.tables)).items():
                add(select.tables, name, table)
            if not self.accept(","):
                return

    def _joined(self, select: Select, known: Known, left: Known) -> Tables:
        """A table and those that are joined to it. LATERAL and functions see what is left of them."""
        return self._joins(self._table(select, known, left), select, known, left)

    def _joins(self, tables: Tables, select: Select, known: Known, left: Known) -> Tables:
        while self.is_word(_JOINS):
            unconditional = self.accept("cross", "natural")
            if self.accept("left", "right", "full"):
                self.accept("outer")
            else:
                self.accept("inner")
            self.expect("join")
            for name, table in self._table(select, known, left.new_child(tables)).items():
                add(tables, name, table)
            if unconditional:
                continue
            if self.accept("using"):
                shared = self.identifiers()
                if self.accept("as"):
                    add(tables, self.identifier().text, Table(shared))
            else:
                self.expect("on")
                references: list[Reference] = []
                self.expression(Place(known, references), CLAUSES | _JOINS)
                # A condition sees what it joins, and nothing else of this FROM.
                select.outward += answered_by(tables, references)
        return tables

    def _table(self, select: Select, known: Known, left: Known) -> Tables:
        self.count(Counted.TABLES)
        lateral = self.accept("lateral")
        if self.now.is_mark("("):
            found = self._in_parentheses(select, known, left)
            if lateral and isinstance(found, Result):
                found = Result(found.fields, answered_by(left, found.outward))
            return self._named(found, select)
        name = self.identifier()
        if self.now.is_mark("("):
            return self._function(name, select, known, left)
        table = known.get(name.text)
        if self.now.is_mark("."):
            schema, table = name, None
            self.take()
            name = self.identifier()
            if schema.text != SCHEMA:
                raise refusal(name.at, "a schema is named that is not open here; get_schema lists the tables that are")
        if table is None and name.text in VIEWS:
            table = Table(VIEWS[name.text])
        if table is None:
            raise refusal(name.at, "a table is named that is not there; get_schema lists those that are")
        alias, listed = self._alias()
        return {alias or name.text: Table(listed or table.fields)}

    def _function(self, name: Token, select: Select, known: Known, left: Known) -> Tables:
        if name.kind is Kind.NAME or name.text not in FUNCTIONS:
            raise refusal(name.at, "there is a function that is not available; get_schema lists those that are")
        references: list[Reference] = []
        commas = self.call(name, Place(known, references, leaves=True))
        select.outward += answered_by(left, references)
        if self.accept("with"):
            self.expect("ordinality")
        alias, listed = self._alias()
        own = alias or name.text
        # Its one field has the name of the table; those of UNNEST of several arrays have not.
        fields = Fields() if name.text == "unnest" and commas else Fields({own})
        return {own: Table(listed or fields)}

    def _in_parentheses(self, select: Select, known: Known, left: Known) -> Tables | Result:
        """A query, or tables that are joined."""
        self.open()
        found: Tables | Result
        if self.is_word(QUERY_STARTS):
            found = self.query(known)
        elif self.now.is_mark("("):
            found = self._in_parentheses(select, known, left)
            if isinstance(found, Result) and (self.now.is_mark(")") or self.is_word(COMBINING | TAIL)):
                found = self.combined(found, known)
            else:
                found = self._joins(self._named(found, select), select, known, left)
        else:
            found = self._joined(select, known, left)
        self.close()
        return found

    def _named(self, found: Tables | Result, select: Select) -> Tables:
        """What stands in parentheses, under its alias: behind that, the names of joined tables are seen no more."""
        alias, listed = self._alias()
        if isinstance(found, Result):
            select.outward += found.outward
            return {alias: Table(listed or found.fields)}
        if not alias:
            return found
        return {alias: Table(listed or all_fields(found))}

    def _alias(self) -> tuple[str, Fields | None]:
        """The alias of a table and those of its fields, if it has them; "" without one."""
        explicit = self.accept("as")
        if not explicit and (self.is_word(_AFTER_TABLE) or self.now.kind not in (Kind.WORD, Kind.NAME)):
            return "", None
        name = self.identifier().text
        return name, self.identifiers() if self.now.is_mark("(") else None
