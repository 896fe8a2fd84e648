"""Results of the tools for SQL of the caller."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, WithJsonSchema

from server.toolkit.results import Answer, Currency, HasMore, Result
from server.toolkit.untrusted import NameText, ShortText, UntrustedRows

# Longer texts are for get_products; a table of them would fill the answer.
_LONGEST_VALUE = 500
# Said in full: a schema without a keyword is taken for a mistake by clients that check.
_KINDS = ("string", "number", "boolean", "null", "array", "object")
Value = Annotated[JsonValue, WithJsonSchema({"anyOf": [{"type": kind} for kind in _KINDS]})]
Rows = Annotated[list[list[Value]], UntrustedRows(_LONGEST_VALUE)]


class QueryColumn(Result):
    """A field of the rows."""

    name: NameText = Field(description="Its name, as the query gives it.")
    type: str = Field(description="PostgreSQL type, for example numeric, int8, text, date, timestamptz or text[].")


class QueryAnswer(Answer):
    """Rows of a query."""

    store_id: str = Field(description="The store this is about.")
    currency: Currency
    time_zone: str = Field(description="IANA time zone of times with an offset, and of now() and current_date.")
    columns: list[QueryColumn] = Field(description="Fields of the rows, in order.")
    rows: Rows = Field(
        description="Values in the order of columns: numeric as decimal strings, dates and times as ISO 8601, "
        "intervals as ISO 8601 durations, arrays and JSON as such; texts longer than 500 characters are cut."
    )
    row_count: int = Field(description="Rows that the query gave, up to the limit.")
    has_more: HasMore
    elapsed_ms: int = Field(description="Milliseconds that the database took.")


class SchemaColumn(Result):
    """A field of a view."""

    name: str = Field(description="Its name.")
    type: str = Field(description="PostgreSQL type.")
    comment: str = Field(description="What it holds, and in which unit or form.")
    joins: str | None = Field(
        default=None,
        exclude_if=lambda joins: joins is None,
        description="table.column that this refers to; only there when it does.",
    )
    examples: list[ShortText] = Field(
        default=[],
        exclude_if=lambda examples: not examples,
        description="Some of its values, the most frequent first; only there for fields with few.",
    )


class SchemaTable(Result):
    """A view that a query may use."""

    name: str = Field(description="Name to use in FROM.")
    comment: str = Field(description="What one row is.")
    columns: list[SchemaColumn] = Field(description="Its fields.")


class Schema(Answer):
    """What run_query can ask."""

    store_id: str = Field(description="The store this is about.")
    tables: list[SchemaTable] = Field(description="The views, all about this store alone.")
    functions: str = Field(description="Functions that a query may call, beside operators, CASE and casts.")
    limits: str = Field(description="What bounds a query.")
