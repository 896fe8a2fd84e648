"""A category with those below it, for the queries that filter by one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.acting import rolled_back
from tests.sql.factories import insert_category


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("workshop", {"Workshop", "Hand tools", "Hammers"}),
        ("HAND TOOLS", {"Hand tools", "Hammers"}),
        ("Hammers", {"Hammers"}),
        ("Hammer", set()),
        (None, set()),
    ],
)
async def test_category_comes_with_all_below_it(admin: Any, name: str | None, found: set[str]) -> None:
    async with rolled_back(admin):
        top = await insert_category(admin, "Workshop")
        middle = await insert_category(admin, "Hand tools", parent_category_id=top)
        await insert_category(admin, "Hammers", parent_category_id=middle)
        await insert_category(admin, "Garden")

        rows = await admin.fetch(
            "select c.category_name from retail.categories_within($1) w"
            " join retail.product_categories c on c.category_id = w.category_id",
            name,
        )

    assert sorted(row["category_name"] for row in rows) == sorted(found)


async def test_planner_puts_the_query_in_the_place_of_the_call(admin: Any) -> None:
    """So it is planned with the query around it, and asked once for all products."""
    plan = await admin.fetch(
        "explain select from retail.products p"
        " where p.category_id in (select c.category_id from retail.categories_within('Tools') c)"
    )

    text = "\n".join(row[0] for row in plan)
    assert "Recursive Union" in text
    assert "categories_within" not in text
