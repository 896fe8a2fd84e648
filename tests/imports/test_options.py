"""What every import offers: columns by other names, and a dry run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.errors import OptionError
from server.imports.errors import RejectedRowsError
from tests.imports.catalogues import HAMMER, PAINT, SAW, counts, load, load_products, rejects_of, write_json, write_text
from tests.imports.receipts import RECEIPTS, load_receipts, open_shop
from tests.imports.test_command import exit_code, value
from tests.support import Retailer

TABLES = (
    "retail.stores", "retail.products", "retail.product_categories", "retail.customers", "retail.stock_movements",
    "retail.sales_transactions", "retail.sales_transaction_items", "audit.row_change", "audit.operation",
)  # fmt: skip


async def rows_of_everything(retailer: Retailer) -> list[Any]:
    return [await retailer.fetch(f"select * from {table}") for table in TABLES]


async def product(retailer: Retailer) -> tuple[Any, ...]:
    (found,) = await retailer.fetch("select product_name, sku, price, brand, current_stock from retail.products")
    return tuple(found.values())


async def test_columns_by_other_names(retailer: Retailer, tmp_path: Path) -> None:
    text = "Artikel;Nr.;VK;title;stock\nHammer;H-1;28;Ironside;99\n"
    mapping = {"Artikel": "name", "nr.": "sku", "VK": "price", "title": "brand"}

    report = await load(retailer, write_text(tmp_path, text), mapping=mapping)

    name, sku, price, brand, stock = await product(retailer)
    assert (name, sku, str(price), brand, stock) == ("Hammer", "H-1", "28.00", "Ironside", 99)
    assert report.ignored == []


async def test_mapped_field_has_no_other_name(retailer: Retailer, tmp_path: Path) -> None:
    rows = [{"name": "Hammer", "label": "Claw Hammer", "sku": "H-1", "price": 28}]

    report = await load(retailer, write_json(tmp_path, rows), mapping={"label": "name"})

    assert (await product(retailer))[0] == "Claw Hammer"
    assert report.ignored == ["name"]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"Artikel": "nmae"}, "--map names 'nmae', which is none of the fields name, sku, price"),
        ({"Articel": "brand"}, "No row has a column 'Articel', which --map names"),
    ],
)
async def test_mapping_that_does_not_fit_is_refused(
    retailer: Retailer, tmp_path: Path, mapping: dict[str, str], message: str
) -> None:
    for file in (write_json(tmp_path, [HAMMER]), write_text(tmp_path, "name,sku,price\nHammer,H-1,28\n")):
        with pytest.raises(OptionError, match=message):
            await load(retailer, file, mapping=mapping)
    assert await retailer.value("select count(*) from retail.products") == 0


async def test_dry_run_tells_what_would_become_and_changes_nothing(retailer: Retailer, tmp_path: Path) -> None:
    await open_shop(retailer, tmp_path)
    before = await rows_of_everything(retailer)
    dearer = [{**HAMMER, "price": 30, "categories": "New"}, SAW, {**PAINT, "sku": "P-2"}, {**SAW, "sku": ""}]

    report = await load_products(retailer, tmp_path, *dearer, dry_run=True)
    assert counts(report) == (1, 1, 1, 0)
    assert (report.rejected, report.refused, report.merged.categories) == (1, True, 1)
    assert len(rejects_of(report.reject_file)) == 1
    sales = await load_receipts(retailer, tmp_path, *RECEIPTS, dry_run=True)
    assert (sales.merged.inserted, sales.merged.lines, sales.refused) == (3, 5, False)
    with pytest.raises(RejectedRowsError, match="1 of 1 rows were rejected"):
        await load_products(retailer, tmp_path, {**SAW, "sku": ""}, dry_run=True)

    assert await rows_of_everything(retailer) == before


def test_command_maps_and_runs_dry(
    retailer: Retailer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setenv("RETAIL_ADMIN_DATABASE_URL", retailer.admin_url)
    file = write_text(tmp_path, "Item Name,code,price\nHammer,H-1,28\nSaw,S-1,?\n")
    options = ("--store", "tacoma", "--create-store", "--no-embed", "--map", "Item Name=name", "--map", "code=sku")

    assert exit_code(file, *options, "--dry-run") == 2
    told = capsys.readouterr().err
    assert "Row 2 (line 3), price: '?' is not an amount." in told
    assert (
        "Dry run, nothing was changed. It would be: catalogue.csv into tacoma: opened store tacoma, 1 inserted" in told
    )
    assert "Without --dry-run nothing would be loaded, because 1 rows were rejected" in told
    assert value(retailer, "select count(*) from retail.stores") == 0

    assert exit_code(file, *options, "--dry-run", "--skip-rejected") == 0
    assert exit_code(file, *options, "--skip-rejected") == 0
    assert value(retailer, "select product_name from retail.products") == "Hammer"
    for wrong in ("name", "=name", "code="):
        assert exit_code(file, *options, "--map", wrong) == 2
        assert "is no mapping" in capsys.readouterr().err
