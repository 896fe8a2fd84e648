"""Loading again: what is the same stays, what changed follows, what is gone is discontinued."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.imports.catalogues import CATALOGUE, HAMMER, PAINT, SAW, STORE, counts, load, load_products, write_text
from tests.support import Retailer

FULL = {
    **HAMMER,
    "brand": "Ironside",
    "tags": ["steel", "claw"],
    "model": "CH-16",
    "color": "red",
    "size": "16 oz",
    "weight_kg": 0.45,
    "dimensions_cm": "33x13x4",
    "cost": 12.5,
    "minimum_stock": 5,
    "maximum_stock": 80,
    "reorder_point": 12,
    "lead_time_days": 3,
    "supplier_name": "Forge & Sons",
    "supplier_sku": "F-77",
    "rating_average": 4.5,
    "rating_count": 11,
    "is_featured": True,
    "metadata": {"handle": "fibreglass"},
}


async def product(retailer: Retailer, sku: str, store_id: str = STORE) -> dict[str, Any]:
    (found,) = await retailer.fetch("select * from retail.products where sku = $1 and store_id = $2", sku, store_id)
    return found


async def audited(retailer: Retailer) -> tuple[int, int]:
    changes = await retailer.value("select count(*) from audit.row_change")
    return changes, await retailer.value("select count(*) from audit.operation")


async def movements(retailer: Retailer, sku: str) -> list[tuple[int, str]]:
    rows = await retailer.fetch(
        "select m.quantity, m.reason from retail.stock_movements m join retail.products p using (store_id, product_id)"
        " where p.sku = $1 order by m.movement_id",
        sku,
    )
    return [(row["quantity"], row["reason"]) for row in rows]


async def categories(retailer: Retailer) -> list[tuple[str | None, str]]:
    rows = await retailer.fetch(
        "select above.category_name as parent, c.category_name as name from retail.product_categories c"
        " left join retail.product_categories above on above.category_id = c.parent_category_id order by c.category_id"
    )
    return [(row["parent"], row["name"]) for row in rows]


async def test_every_field_arrives(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, FULL)

    found = await product(retailer, "H-1")
    expected = {
        "product_name": "Claw Hammer",
        "product_description": "For framing.",
        "price": Decimal("28.00"),
        "brand": "Ironside",
        "tags": ["steel", "claw"],
        "model": "CH-16",
        "color": "red",
        "size": "16 oz",
        "weight_kg": Decimal("0.450"),
        "dimensions_cm": "33x13x4",
        "cost": Decimal("12.50"),
        "current_stock": 25,
        "minimum_stock": 5,
        "maximum_stock": 80,
        "reorder_point": 12,
        "lead_time_days": 3,
        "supplier_name": "Forge & Sons",
        "supplier_sku": "F-77",
        "rating_average": Decimal("4.50"),
        "rating_count": 11,
        "is_featured": True,
        "is_active": True,
        "metadata": '{"handle": "fibreglass"}',
    }
    assert {column: found[column] for column in expected} == expected


async def test_no_maximum_is_assumed(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, {**FULL, "maximum_stock": ""}, SAW)

    assert (await product(retailer, "H-1"))["maximum_stock"] is None
    assert (await product(retailer, "S-1"))["maximum_stock"] is None


async def test_csv_says_the_same_as_json(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, FULL)
    row = {
        **FULL,
        "categories": "Hand Tools > Hammers",
        "tags": "steel;claw",
        "metadata": '"{""handle"": ""fibreglass""}"',
        "is_featured": "yes",
    }

    report = await load(retailer, write_text(tmp_path, f"{','.join(row)}\n{','.join(map(str, row.values()))}\n"))

    assert counts(report) == (0, 0, 1, 0)


async def test_second_run_changes_nothing_and_is_not_audited(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, FULL, SAW, PAINT)
    before = await retailer.fetch("select * from retail.products order by sku")
    audit = await audited(retailer)

    report = await load_products(retailer, tmp_path, FULL, SAW, PAINT)

    assert counts(report) == (0, 0, 3, 0)
    assert await retailer.fetch("select * from retail.products order by sku") == before
    assert await audited(retailer) == audit


async def test_changed_product_is_updated_and_audited_by_what_changed(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)
    unchanged = await product(retailer, "S-1")

    report = await load_products(retailer, tmp_path, {**HAMMER, "price": "30.00", "brand": "New"}, SAW, PAINT)

    assert counts(report) == (0, 1, 2, 0)
    assert await product(retailer, "S-1") == unchanged
    assert (await product(retailer, "H-1"))["price"] == 30
    assert await retailer.value(
        'select new_values - \'updated_at\' = \'{"price": 30.00, "brand": "New"}\''
        " from audit.row_change order by change_id desc limit 1"
    )


async def test_import_is_entered_in_the_operators_log(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    (entry,) = await retailer.fetch("select store_id, metadata::jsonb ->> 'inserted' as inserted from audit.operation"
                                    " where action = 'products_imported'")  # fmt: skip
    assert entry == {"store_id": STORE, "inserted": "3"}


async def test_what_the_file_does_not_say_stays_and_empty_clears(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, FULL)
    bare = {"name": "Claw Hammer", "sku": "H-1", "price": 28}

    assert counts(await load_products(retailer, tmp_path, bare)) == (0, 0, 1, 0)
    report = await load_products(
        retailer, tmp_path, {**bare, "brand": None, "minimum_stock": "", "categories": [], "tags": "", "stock": None}
    )

    assert counts(report) == (0, 1, 0, 0)
    found = await product(retailer, "H-1")
    assert (found["brand"], found["minimum_stock"], found["category_id"], found["tags"]) == (None, 0, None, [])
    assert (found["model"], found["current_stock"]) == ("CH-16", 25)


async def test_missing_products_are_discontinued_and_come_back(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    gone = await load_products(retailer, tmp_path, HAMMER)
    assert counts(gone) == (0, 0, 1, 2)
    assert gone.merged.missing == 2
    assert not (await product(retailer, "S-1"))["is_active"]
    again = await load_products(retailer, tmp_path, HAMMER)
    assert counts(again) == (0, 0, 1, 0)

    back = await load_products(retailer, tmp_path, *CATALOGUE)
    assert counts(back) == (0, 2, 1, 0)
    assert back.merged.reactivated == 2
    assert (await product(retailer, "S-1"))["is_active"]


async def test_partial_file_discontinues_nothing(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    assert counts(await load_products(retailer, tmp_path, HAMMER, partial=True)) == (0, 0, 1, 0)


async def test_product_is_discontinued_by_its_row(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    report = await load_products(retailer, tmp_path, {**HAMMER, "discontinued": True}, SAW, PAINT)

    assert counts(report) == (0, 0, 2, 1)
    assert report.merged.missing == 0
    assert not (await product(retailer, "H-1"))["is_active"]


async def test_other_stores_are_left_alone(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE, store="seattle")
    before = await retailer.fetch("select * from retail.products order by sku")

    report = await load_products(retailer, tmp_path, {**HAMMER, "price": 99})

    assert counts(report) == (1, 0, 0, 0)
    assert await retailer.fetch("select * from retail.products where store_id = 'seattle' order by sku") == before


async def test_stock_is_set_through_the_ledger(retailer: Retailer, tmp_path: Path) -> None:
    for level, stock in ((25, 25), (25, 25), (18, 18), (None, 18), (0, 0)):
        await load_products(retailer, tmp_path, {**HAMMER, "stock_level": level})
        assert (await product(retailer, "H-1"))["current_stock"] == stock

    assert await movements(retailer, "H-1") == [(25, "opening"), (-7, "adjustment"), (-18, "adjustment")]


async def test_new_product_without_stock_has_no_movement(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, PAINT)

    assert await movements(retailer, "P-1") == []


async def test_changed_stock_alone_counts_as_an_update(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    report = await load_products(retailer, tmp_path, {**HAMMER, "stock_level": 26}, SAW, PAINT)

    assert counts(report) == (0, 1, 2, 0)


async def test_categories_become_a_tree(retailer: Retailer, tmp_path: Path) -> None:
    report = await load_products(retailer, tmp_path, *CATALOGUE)

    assert report.merged.categories == 4
    assert await categories(retailer) == [
        (None, "Hand Tools"),
        (None, "Paint"),
        ("Hand Tools", "Hammers"),
        ("Hand Tools", "Saws"),
    ]


async def test_category_in_another_case_is_the_same(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, HAMMER)
    loud = [
        {**HAMMER, "categories": ["HAND TOOLS", "HAMMERS"]},
        {**SAW, "categories": ["hand tools", "SAWS"]},
        {**PAINT, "category": "hand tools > saws"},
    ]

    report = await load_products(retailer, tmp_path, *loud)

    assert counts(report) == (2, 0, 1, 0)
    assert await categories(retailer) == [(None, "Hand Tools"), ("Hand Tools", "Hammers"), ("Hand Tools", "SAWS")]


async def test_same_name_below_another_parent_is_another_category(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(
        retailer, tmp_path, HAMMER, {**SAW, "categories": ["Garden", "Hand Tools"]}, {**PAINT, "category": "Hammers"}
    )

    assert await categories(retailer) == [
        (None, "Hand Tools"),
        (None, "Garden"),
        (None, "Hammers"),
        ("Hand Tools", "Hammers"),
        ("Garden", "Hand Tools"),
    ]


async def test_category_in_the_same_case_comes_first(retailer: Retailer, tmp_path: Path) -> None:
    await retailer.execute("insert into retail.product_categories (category_name) values ('PAINT'), ('Paint')")

    await load_products(retailer, tmp_path, PAINT, {**HAMMER, "categories": "paint"})

    names = await retailer.fetch(
        "select p.sku, c.category_name from retail.products p join retail.product_categories c using (category_id)"
        " order by p.sku"
    )
    assert [row["category_name"] for row in names] == ["PAINT", "Paint"]
    assert len(await categories(retailer)) == 2
