"""SQL of the caller, over the views of one store."""

from __future__ import annotations

import time
from typing import Annotated

from fastmcp.dependencies import Depends
from fastmcp.tools import tool
from pydantic import Field

from server.tenancy.dependencies import connection_for_sql, sql_scopes
from server.tenancy.store_scope import StoreScopes
from server.toolkit.annotations import READ_ONLY, requires_scope
from server.toolkit.audit_marks import KeptAs
from server.toolkit.params import StoreId
from server.tools.adhoc.gate import checked
from server.tools.adhoc.limits import MAX_COLUMNS, MAX_LENGTH, MAX_ROWS
from server.tools.adhoc.models import QueryAnswer, QueryColumn
from server.tools.adhoc.redaction import outline


@tool(title="Run SQL", annotations=READ_ONLY, meta=requires_scope("retail:sql"), tags={"sql"})
async def run_query(
    sql: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_LENGTH,
            description="One SELECT of PostgreSQL (WITH allowed) over the tables of get_schema.",
        ),
        KeptAs(outline),
    ],
    limit: Annotated[
        int, Field(ge=1, le=MAX_ROWS, description=f"Largest number of rows to return, 1 to {MAX_ROWS}.")
    ] = 100,
    store_id: StoreId = None,
    scopes: StoreScopes = Depends(sql_scopes),
) -> QueryAnswer:
    """Run a read-only SELECT over a store's stores, customers, products, sales and sale_items.

    Use this tool when you need to:
    - answer what no other tool does: cohorts, percentiles, correlations, gaps, pairs, custom groupings
    - let the database compute: aggregate, filter and order in SQL instead of reading many rows

    Do not use it where summarize_sales, list_top_products or another tool fits; their figures are defined and
    compared already. Call get_schema first. A query ends after 3 seconds, and no plan (EXPLAIN) is shown. Filter
    sales by transaction_date or local_date; sums are net of returns.

    Example: run_query(sql="select local_date, sum(net_revenue) from sales group by 1 order by 1 desc limit 7")
    """
    query = checked(sql)
    async with scopes.enter(store_id) as store:
        began = time.perf_counter()
        table = await connection_for_sql(store).table(query, max_rows=limit, max_columns=MAX_COLUMNS)
        elapsed = time.perf_counter() - began
    return QueryAnswer(
        store_id=store.store_id,
        currency=store.currency,
        time_zone=store.time_zone,
        columns=[QueryColumn(name=name, type=kind) for name, kind in table.columns],
        rows=table.rows,
        row_count=len(table.rows),
        has_more=table.has_more,
        elapsed_ms=round(elapsed * 1000),
    )
