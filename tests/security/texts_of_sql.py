"""Texts as a caller might send them to run_query: queries of every shape, with what must not pass strewn among it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from server.tools.adhoc.lexer import Kind, NotSqlError, Token, tokens
from server.tools.adhoc.vocabulary import VIEWS

# Of fields and values. Those in the second line call a function, or cast to a type, where no field of a table has them.
_NAMES = (
    "a", "n", "t", "q", "day", "month", "model", "total", "max", "count",
    "current_setting", "md5", "regclass", "oid", "to_json", "row_to_json", "upper", "text", "quote_literal", "hashtext",
)  # fmt: skip
_FUNCTIONS = (
    "upper", "length", "sum", "max", "count", "coalesce", "greatest", "to_json", "json_build_array", "string_agg",
    "array_agg", "nullif", "current_setting", "set_config", "md5", "to_regclass", "has_schema_privilege", "oid",
    "regclass", "json", "treat", "normalize", "overlay", "xmlparse", "lo_get", "concat", "query_to_xml", "any_value",
    "json_scalar", "format",
)  # fmt: skip
_TYPES = (
    "text", "numeric(10, 2)", "int", "double precision", "character varying(3)", "timestamp with time zone", "int[]",
    "oid", "regclass", "regrole", "regproc", "regtype", "regnamespace", "name", "xml", "bytea", "money", "vector",
    "analytics.products", "setof text", "bit varying", '"char"', "text.oid", "oid[]", "int array",
)  # fmt: skip
_OPERATORS = (
    "+", "-", "*", "/", "=", "<>", "<", "||", "->>", "@>", "and", "or", "is distinct from", "like", "not ilike", "in",
    "~", "^", "!~*", "similar to", "operator(pg_catalog.+)", "operator(pg_catalog.||)", "operator(analytics.||)", "@@",
    "overlaps", "collate", "at time zone", "<->",
)  # fmt: skip
_TABLES = (
    *VIEWS,
    "analytics.sales",
    "retail.products",
    "pg_class",
    "analytics.pg_class",
    "current_user",
    "product_embeddings",
)
_VALUES = (
    "1",
    "'x'",
    "2.5",
    "null",
    "true",
    "date '2026-01-01'",
    "interval '1' day",
    "array['x']",
    "array[1, 2]",
    "'1259'",
)
_ODD_VALUES = (
    "current_user", "system_user", "collation for ('x')", "'x' is normalized", "'x' is json", "row(1, 'x')", "(1, 'x')",
    "regclass 'products'", '"regrole" \'x\'', "oid '1'", "text 'x'", "array(select 1)", "xmlelement(name a)",
    "current_catalog", "cast('x' as regclass)", "cast(1 as \"oid\")", "json_value('1', '$' returning oid)",
    "exists (table pg_class)", "extract(year from now())", "substring('x' from 1 for 2)", "trim(both from 'x')",
    "position('x' in 'y')", "make_interval(days => 1)", "grouping(1)", "operator(pg_catalog.-) 1",
)  # fmt: skip
_PIECES = (
    ".", "::", "(", ")", ",", "[", "]", "*", "as", "from", "select", "lateral", "with", "union", "order", "by", "using",
    "on", "join", "operator", "for", "update", "into", "table", "values", "only", "rows", "window", "over", "filter",
    "is", "not", *_NAMES, *_FUNCTIONS, *_TYPES, *_OPERATORS,
)  # fmt: skip


def composed(number: int, seed: int) -> Iterator[str]:
    """Queries that are nearly always SQL, and often make sense."""
    for place in range(number):
        yield _Writer(Random(f"{seed} {place}")).text()


def changed(texts: Sequence[str], number: int, seed: int) -> Iterator[str]:
    """These texts with some of their tokens changed, moved or quoted."""
    random = Random(seed)
    for _ in range(number):
        pieces = [piece for _, piece in _cut(random.choice(texts))] or ["select"]
        for _ in range(random.choice((1, 1, 2, 4))):
            place = random.randrange(len(pieces))
            match random.randrange(5):
                case 0:
                    pieces[place] = random.choice(_PIECES)
                case 1:
                    pieces.insert(place, random.choice(_PIECES))
                case 2:
                    pieces[place : place + 1] = []
                case 3:
                    pieces[place : place + 2] = pieces[place : place + 2][::-1]
                case _:
                    pieces[place] = f'"{pieces[place]}"' if pieces[place].isidentifier() else pieces[place]
            pieces = pieces or ["select"]
        yield "\n".join(pieces)


def quoted(text: str, keep: frozenset[str]) -> str:
    """A text with every name in it quoted but for these words; as it is where it cannot be read."""
    return "\n".join(
        f'"{token.text}"' if token.kind is Kind.WORD and token.text not in keep else piece
        for token, piece in _cut(text)
    )


def _cut(text: str) -> list[tuple[Token, str]]:
    """Its tokens, and what was written for each; a comment behind one goes with it and ends with the line."""
    try:
        found = tokens(text)
    except NotSqlError:
        return [(Token(Kind.MARK, text, 1), text)]
    ends = [*(token.at for token in found), len(text) + 1][1:]
    return [(token, text[token.at - 1 : end - 1].strip()) for token, end in zip(found, ends, strict=True)]


class _Writer:
    """Writes one text. Mostly it names what was defined before; tables share few names, and hide one another."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._known: list[tuple[str, list[str]]] = []
        # Harmless texts are needed too: of one with ten odd things in it no part is ever compared.
        self._oddness = random.choice((0.0, 0.02, 0.08))

    def text(self) -> str:
        return self._query([], 3)[0]

    def _odd(self) -> bool:
        return self._random.random() < self._oddness

    def _name(self) -> str:
        return self._random.choice(_NAMES)

    def _quoted(self, name: str) -> str:
        return f'"{name}"' if self._random.random() < 0.2 else name

    def _query(self, outer: list[tuple[str, list[str]]], depth: int) -> tuple[str, list[str]]:
        """A query, and the names of its fields."""
        known, steps = len(self._known), []
        for _ in range(self._random.choice((0, 0, 1, 2)) if depth > 1 else 0):
            name = self._name()
            text, fields = self._query(outer, depth - 1)
            listed = self._random.random() < 0.2
            fields = [self._name() for _ in fields] if listed else fields
            steps.append(f"{self._quoted(name)}{_listed(fields) if listed else ''} as ({text})")
            self._known.append((name, fields))
        body, fields = self._select(outer, depth)
        if self._random.random() < 0.1:
            other, _ = self._select(outer, depth - 1)
            body = f"{body} {self._random.choice(('union', 'union all', 'except'))} {other}"
        if self._random.random() < 0.1:
            ordered = f"({body})" if self._random.random() < 0.5 else body
            body = f"{ordered} order by {self._random.choice(['1', self._value(outer, 0), *map(self._quoted, fields)])}"
        del self._known[known:]
        return (f"with {', '.join(steps)} {body}" if steps else body), fields

    def _select(self, outer: list[tuple[str, list[str]]], depth: int) -> tuple[str, list[str]]:
        tables: list[tuple[str, list[str]]] = []
        source = self._from(outer, tables, depth) if self._random.random() < 0.9 else ""
        seen = [*tables, *outer]
        values, fields = [], []
        for _ in range(self._random.randint(1, 3)):
            if tables and self._random.random() < 0.1:
                table, names = self._random.choice(tables)
                values.append(f"{table}.*")
                fields += names
                continue
            name = self._name()
            value = self._value(seen, depth)
            match self._random.randrange(4):
                case 0 if value.replace(".", "").replace("_", "").isalnum():
                    values.append(value)
                    name = value.rpartition(".")[2]
                case 1 if name not in ("day", "month"):
                    values.append(f"{value} {self._quoted(name)}")
                case _:
                    values.append(f"{value} as {self._quoted(name)}")
            fields.append(name)
        text = f"select {self._random.choice(('', '', '', 'distinct '))}{', '.join(values)}{source}"
        if self._random.random() < 0.3:
            text += f" where {self._text(seen, depth)} {self._comparison()} {self._text(seen, depth)}"
        return text, fields

    def _from(self, outer: list[tuple[str, list[str]]], tables: list[tuple[str, list[str]]], depth: int) -> str:
        text = self._table(outer, tables, depth)
        for _ in range(self._random.choice((0, 0, 1, 2))):
            begin = len(tables)
            if self._random.random() < 0.5:
                text += f", {self._table(outer, tables, depth)}"
            else:
                text += f" {self._random.choice(('join', 'left join'))} {self._table(outer, tables, depth)}"
                condition = f"{self._value(tables[max(0, begin - 1) :], 0)} is not null"
                text += f" on {condition}" if self._random.random() < 0.7 else " on true"
        return f" from {text}"

    def _table(self, outer: list[tuple[str, list[str]]], tables: list[tuple[str, list[str]]], depth: int) -> str:
        name = self._name()
        match self._random.randrange(8):
            case 0:
                text, fields = self._random.choice(("unnest(array['work_mem'])", "generate_series(1, 3)")), [name]
                if self._random.random() < 0.3:
                    fields = [self._name()]
                    text += f" as {name}{_listed(fields)}"
                else:
                    text += f" {name}"
            case 1 if tables:
                text, fields = f"lateral {self._call(tables, depth)} {name}", [name]
            case 2 | 3 if depth:
                lateral = self._random.random() < 0.4
                inner, fields = self._query([*tables, *outer] if lateral else outer, depth - 1)
                text = f"{'lateral ' if lateral else ''}({inner}) {self._quoted(name)}"
            case 4 if depth:
                joined: list[tuple[str, list[str]]] = []
                inner = " cross join ".join(self._table(outer, joined, 0) for _ in range(2))
                text, fields = f"({inner}) as {name}", [field for _, names in joined for field in names]
            case 5 | 6 if self._known:
                table, fields = self._random.choice(self._known)
                text = f"{self._quoted(table)} {self._quoted(name)}"
            case _:
                table = self._random.choice(_TABLES) if self._odd() else self._random.choice(tuple(VIEWS))
                fields = sorted(VIEWS.get(table, {"store_id"}))
                text = f"{table} {self._quoted(name)}"
        tables.append((name, fields))
        return text

    def _value(self, seen: list[tuple[str, list[str]]], depth: int) -> str:
        if self._odd():
            return self._random.choice(_ODD_VALUES)
        match self._random.randrange(10):
            case 0 | 1 | 2 if seen:
                table, fields = self._random.choice(seen[:3])
                field = self._name() if self._odd() or not fields else self._random.choice(fields)
                return f"{self._quoted(table)}.{self._quoted(field)}"
            case 3 if seen and seen[0][1]:
                return self._quoted(self._random.choice(seen[0][1]))
            case 4 if depth:
                return self._call(seen, depth - 1)
            case 5 if depth:
                kind = self._random.choice(_TYPES) if self._odd() else "text"
                return (
                    f"({self._value(seen, depth - 1)})::{kind if self._random.random() < 0.8 else self._quoted(kind)}"
                )
            case 6 if depth:
                return f"({self._text(seen, depth - 1)} {self._operator()} {self._text(seen, depth - 1)})"
            case 7 if depth:
                return f"({self._query(seen, depth - 1)[0]} limit 1)"
            case 8 if depth and self._odd():
                return f"({self._value(seen, depth - 1)}).{self._quoted(self._name())}"
            case _:
                return self._random.choice(_VALUES)

    def _text(self, seen: list[tuple[str, list[str]]], depth: int) -> str:
        return f"({self._value(seen, depth)})::text"

    def _comparison(self) -> str:
        return (
            self._random.choice(_OPERATORS) if self._odd() else self._random.choice(("=", "is distinct from", "like"))
        )

    def _operator(self) -> str:
        return self._random.choice(_OPERATORS) if self._odd() else self._random.choice(("||", "||", "="))

    def _call(self, seen: list[tuple[str, list[str]]], depth: int) -> str:
        name = self._random.choice(_FUNCTIONS) if self._odd() else self._random.choice(("coalesce", "upper", "length"))
        return f"{self._quoted(name) if self._odd() else name}({self._text(seen, depth)})"


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"
