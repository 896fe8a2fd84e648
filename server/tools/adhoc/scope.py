"""Which table of a query a name belongs to, looked up as PostgreSQL does it.

PostgreSQL reads `x.name` as a field of the table x, and where x has no such field as a call of the function `name`, or
as a cast to the type `name`. It reads `x` alone as a field, and where there is none as the whole row of the table x. So
a name passes only where its table certainly has that field.

Source:
    PostgreSQL 18, src/backend/parser: transformColumnRef, refnameNamespaceItem, transformFromClauseItem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field

from server.errors import InvalidInputError
from server.tools.adhoc.lexer import Token

Fields = frozenset[str]


@dataclass(slots=True)
class Table:
    """Something that FROM can name.

    Attributes:
        fields: Names that its fields certainly have. It may have more.
    """

    fields: Fields


Tables = MutableMapping[str, Table]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name whose table is still to be found.

    Attributes:
        token: Where it stands.
        table: The name before the dot; None for a name alone, which could be a whole row.
    """

    token: Token
    table: str | None = None


@dataclass(slots=True)
class Result:
    """What a query gives.

    Attributes:
        fields: Names that its fields certainly have.
        outward: References that none of its tables answers.
    """

    fields: Fields = frozenset()
    outward: list[Reference] = field(default_factory=list)


@dataclass(slots=True)
class Select:
    """A SELECT that is being read.

    Attributes:
        tables: What its FROM names.
        references: Names in its clauses, which see all of these tables.
        outward: References that none of its tables may answer, or does.
        named: Names of its fields.
        stars: Tables whose fields it lists all; "" for those of every table.
    """

    tables: Tables = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    outward: list[Reference] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)

    def result(self) -> Result:
        """What it gives.

        Raises:
            InvalidInputError: A name in it is not certainly a field.
        """
        every = all_fields(self.tables)
        unanswered = answered_by(self.tables, self.references, every)
        listed = [every if not star else self.tables[star].fields for star in self.stars if star in {"", *self.tables}]
        return Result(frozenset(self.named).union(*listed), [*self.outward, *unanswered])


def add(tables: Tables, name: str, table: Table) -> None:
    """Enter a table of FROM. PostgreSQL refuses two of one name; only what both have is certain."""
    if name in tables:
        table = Table(table.fields & tables[name].fields)
    tables[name] = table


def answered_by(
    tables: Mapping[str, Table], references: Iterable[Reference], every: Fields | None = None
) -> list[Reference]:
    """Look references up in tables, and give back those that are to be looked up further out.

    Args:
        tables: The tables that the references see.
        references: The references.
        every: The fields of all these tables, if they were put together already.

    Raises:
        InvalidInputError: A name is not certainly a field of its table.
    """
    unanswered = []
    together = every or Fields()
    for reference in references:
        name = reference.token.text
        if reference.table is not None:
            if reference.table not in tables:
                unanswered.append(reference)
            elif name not in tables[reference.table].fields:
                raise refusal(
                    reference.token.at,
                    "the name behind the dot is no field that its table is sure to have; name computed fields with AS, "
                    "and write a function before its arguments",
                )
        elif name in tables:
            if name in tables[name].fields:
                continue
            # Put together once, for any number of names.
            together = together or all_fields(tables)
            if name not in together:
                raise refusal(
                    reference.token.at, "a table is used as one value; name its fields, or give the table another alias"
                )
        elif every is None or name not in every:
            unanswered.append(reference)
    return unanswered


def all_fields(tables: Mapping[str, Table]) -> Fields:
    """The fields of tables, together."""
    return frozenset().union(*(table.fields for table in tables.values()))


def refusal(at: int, why: str) -> InvalidInputError:
    """The error for a text that may not run.

    Args:
        at: Position of the character where that shows, from 1.
        why: The reason, and what to write instead; nothing of the text.
    """
    return InvalidInputError(f"The query was not run: at character {at}, {why}.")
