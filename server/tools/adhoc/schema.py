"""What SQL of the caller can ask: the views as the database's own catalogue describes them."""

from __future__ import annotations

import re
from itertools import groupby

from fastmcp.dependencies import Depends
from fastmcp.tools import tool

from server.db.queries import QueryFile
from server.tenancy.dependencies import sql_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.params import StoreId
from server.toolkit.results import Result
from server.tools.adhoc.limits import MAX_COLUMNS, MAX_LENGTH, MAX_ROWS, MAX_SORTS, MAX_TABLES, MAX_WINDOWS
from server.tools.adhoc.models import Schema, SchemaColumn, SchemaTable
from server.tools.adhoc.vocabulary import FUNCTIONS

# How a comment in sql/repeatable/0088_analytics.sql says what a column refers to.
_JOINS = re.compile(r"\s*-> (\w+\.\w+)$")


class _ColumnRow(Result):
    table_name: str
    table_comment: str
    column_name: str
    column_type: str
    column_comment: str


class _ExampleRow(Result):
    table_name: str
    column_name: str
    examples: list[str]


QUERIES = QueryFile("server.tools.adhoc")
DESCRIBE_VIEWS = QUERIES.query("describe_views", _ColumnRow)
EXAMPLE_VALUES = QUERIES.query("example_values", _ExampleRow)


@tool(title="Tables for SQL", annotations=READ_ONLY, meta=requires_scope("retail:sql"), tags={"sql"})
async def get_schema(store_id: StoreId = None, scopes: StoreScopes = Depends(sql_scopes)) -> Schema:
    """Describe the tables that run_query can ask: columns, joins, example values, functions.

    Use this tool when you need to:
    - write SQL for run_query

    Do not use it for figures: summarize_sales, list_top_products and the others answer most questions
    without SQL. There are no names, addresses or notes in these tables; customers are pseudonyms.

    Example: get_schema()
    """
    async with scopes.enter(store_id) as store:
        columns = await store.db.all(DESCRIBE_VIEWS)
        found = await store.db.all(EXAMPLE_VALUES)
    examples = {(row.table_name, row.column_name): row.examples for row in found}
    tables = [
        SchemaTable(
            name=name,
            comment=comment,
            columns=[_column(row, examples.get((name, row.column_name), [])) for row in rows],
        )
        for (name, comment), rows in groupby(columns, key=lambda row: (row.table_name, row.table_comment))
    ]
    return Schema(
        store_id=store.store_id,
        tables=tables,
        functions=" ".join(sorted(FUNCTIONS)),
        limits=(
            f"One SELECT (WITH allowed) of at most {MAX_LENGTH:,} characters and 3 seconds; at most {MAX_ROWS} rows of "
            f"{MAX_COLUMNS} columns come back. Texts, arrays and lists that a query builds: 2,000 bytes; "
            f"generate_series: 10,000 rows; {MAX_SORTS} sorts, {MAX_WINDOWS} windows and {MAX_TABLES} tables in FROM. "
            "Use || to join texts, NOT EXISTS for EXCEPT and NOT IN."
        ),
    )


def _column(row: _ColumnRow, examples: list[str]) -> SchemaColumn:
    joins = _JOINS.search(row.column_comment)
    return SchemaColumn(
        name=row.column_name,
        type=row.column_type,
        comment=row.column_comment[: joins.start()] if joins else row.column_comment,
        joins=joins[1] if joins else None,
        examples=examples,
    )
