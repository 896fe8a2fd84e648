"""Entries that were written long ago."""

from __future__ import annotations

from datetime import date

from server.db.operator import admin_connection
from tests.support import Retailer

OLD = date(2020, 3, 1)

_TOOL_CALLS = """
insert into audit.tool_call (recorded_at, call_id, called_at, store_id, tool, arguments, duration_ms, outcome)
select at, gen_random_uuid(), at, 'seattle', 'list_categories', '{}', 5, 'ok'
from generate_series(1, 3) n cross join lateral (select $1::date + make_interval(days => n) as at) at
"""
_ROW_CHANGES = """
insert into audit.row_change (changed_at, table_name, action, store_id, record_id, db_user, new_values)
select $1::date + make_interval(days => n), 'products', 'INSERT', 'seattle', gen_random_uuid(), 'till', '{}'
from generate_series(1, 3) n
"""


async def old_entries(retailer: Retailer, month: date = OLD, *, make_parts: bool = True) -> None:
    """Three tool calls and three changes in an old month."""
    async with admin_connection(retailer.admin_url) as connection:
        if make_parts:
            for log in ("row_change", "tool_call"):
                await connection.execute("set role retail_audit")
                await connection.execute("select audit.add_partition($1, $2)", log, month)
                await connection.execute("reset role")
        await connection.execute(_TOOL_CALLS, month)
        await connection.execute(_ROW_CHANGES, month)
