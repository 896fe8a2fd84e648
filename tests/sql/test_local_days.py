"""Days as a store counts them, and what they cost a query."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

ZONE = "America/Los_Angeles"


@pytest.mark.parametrize(
    ("day", "first", "end", "hours"),
    [
        (date(2026, 1, 15), datetime(2026, 1, 15, 8, tzinfo=UTC), datetime(2026, 1, 16, 8, tzinfo=UTC), 24),
        (date(2026, 3, 8), datetime(2026, 3, 8, 8, tzinfo=UTC), datetime(2026, 3, 9, 7, tzinfo=UTC), 23),
        (date(2026, 11, 1), datetime(2026, 11, 1, 7, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC), 25),
    ],
    ids=["winter", "clocks go forward", "clocks go back"],
)
async def test_day_begins_and_ends_by_the_clocks_of_the_store(
    admin: Any, day: date, first: datetime, end: datetime, hours: int
) -> None:
    assert await admin.fetchval("select retail.day_start($1, $2)", day, ZONE) == first
    assert await admin.fetchval("select retail.day_end($1, $2)", day, ZONE) == end
    assert (end - first).total_seconds() == hours * 3600


async def test_every_moment_of_a_day_belongs_to_it(admin: Any) -> None:
    outside = await admin.fetchval(
        """select count(*) from generate_series(timestamptz '2026-01-01', '2027-01-01', '30 minutes') m (moment)
           where not (moment >= retail.day_start(retail.local_date(moment, $1), $1)
             and moment < retail.day_end(retail.local_date(moment, $1), $1))""",
        ZONE,
    )

    assert outside == 0


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_planner_puts_the_expressions_in_the_place_of_the_calls(admin: Any, mode: str) -> None:
    """So an index on a moment serves a condition that names days."""
    await admin.execute("create temporary table receipts (sold_at timestamptz primary key)")
    await admin.execute(f"set enable_seqscan = off; set enable_bitmapscan = off; set plan_cache_mode = {mode}")
    await admin.execute(
        """prepare sold (date, date, text) as
           select retail.local_date(r.sold_at, $3) from receipts r
           where r.sold_at >= retail.day_start($1, $3) and r.sold_at < retail.day_end($2, $3)"""
    )

    plan = [
        row[0] for row in await admin.fetch(f"explain (verbose) execute sold ('2026-01-01', '2026-01-31', '{ZONE}')")
    ]

    (bounds,) = [line for line in plan if "Index Cond" in line]
    assert "sold_at >= " in bounds
    assert "sold_at < " in bounds
    assert "retail." not in "".join(plan)
