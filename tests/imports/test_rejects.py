"""Rows that are not in order: where they are listed, and that nothing is loaded with them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from server.imports.errors import ImportFileError, RejectedRowsError, RejectFileError
from server.imports.faults import Fault
from server.imports.products.job import ProductImport
from server.imports.rejects import HEADER
from tests.imports.catalogues import (
    CATALOGUE,
    HAMMER,
    PAINT,
    SAW,
    STORE,
    counts,
    load,
    load_kind,
    load_products,
    rejects_of,
    write_json,
    write_text,
)
from tests.support import Retailer

BAD_PRICE = {**SAW, "price": "1.299,00"}


async def traces(retailer: Retailer) -> list[Any]:
    """Everything that an import may leave behind."""
    return [
        await retailer.value(f"select count(*) from {table}")
        for table in (
            "retail.stores",
            "retail.products",
            "retail.product_categories",
            "retail.stock_movements",
            "audit.row_change",
            "audit.operation",
        )
    ]


async def test_one_rejected_row_and_nothing_is_loaded(retailer: Retailer, tmp_path: Path) -> None:
    before = await traces(retailer)

    with pytest.raises(RejectedRowsError) as refused:
        await load_products(retailer, tmp_path, HAMMER, BAD_PRICE, PAINT)

    assert await traces(retailer) == before
    message = str(refused.value)
    assert "1 of 3 rows were rejected, so nothing was loaded" in message
    assert str(tmp_path / "catalogue.json.rejected.csv") in message
    assert "--skip-rejected" in message
    assert "Row 2 (line 1), price: '1.299,00' can be read in two ways" in message


async def test_reject_file_says_what_is_wrong_and_keeps_the_row(retailer: Retailer, tmp_path: Path) -> None:
    with pytest.raises(RejectedRowsError):
        await load_products(retailer, tmp_path, HAMMER, BAD_PRICE)

    (reject,) = rejects_of(tmp_path / "catalogue.json.rejected.csv")
    assert reject == {
        "row": "2",
        "line": "1",
        "field": "price",
        "problem": "'1.299,00' can be read in two ways, the comma being for thousands or for decimals",
        "correction": "Write decimals after a point and commas between thousands only: 1299.00 or 1,299.00.",
        "raw": json.dumps(BAD_PRICE),
    }


@pytest.mark.parametrize(
    ("row", "faults"),
    [
        ({"name": "x", "price": 1}, [("sku", "is missing")]),
        ({}, [("name", "is missing"), ("sku", "is missing"), ("price", "is missing")]),
        ({**SAW, "name": "", "price": -1}, [("name", "is empty"), ("price", "'-1' is negative")]),
        ({**SAW, "title": "Other"}, [("", "name stands twice in the row, as 'Coping Saw' and as 'Other'")]),
        ({**SAW, "sku": "H-1"}, [("sku", "'H-1' stands in row 1 already")]),
        ({**SAW, "sku": " H-1 ", "cost": "?"}, [("sku", "'H-1' stands in row 1 already"), ("cost", "'?' is not")]),
        ([1, 2], [("", "is not an object")]),
        ("Saw", [("", "is not an object")]),
        (None, [("", "is not an object")]),
    ],
)
async def test_every_kind_of_fault_is_listed_with_its_row(
    retailer: Retailer, tmp_path: Path, row: Any, faults: list[tuple[str, str]]
) -> None:
    with pytest.raises(RejectedRowsError):
        await load_products(retailer, tmp_path, HAMMER, row)

    rejects = rejects_of(tmp_path / "catalogue.json.rejected.csv")
    assert [(reject["row"], reject["field"]) for reject in rejects] == [("2", field) for field, _ in faults]
    for reject, (_, problem) in zip(rejects, faults, strict=True):
        assert reject["problem"].startswith(problem)
        assert reject["correction"]
        assert json.loads(reject["raw"]) == row


async def test_key_named_twice_is_rejected(retailer: Retailer, tmp_path: Path) -> None:
    raw = '{"name": "x", "sku": "A", "price": 1, "price": 2}'

    with pytest.raises(RejectedRowsError):
        await load(retailer, write_text(tmp_path, f"[{raw}]", "catalogue.json"))

    (reject,) = rejects_of(tmp_path / "catalogue.json.rejected.csv")
    assert (reject["problem"], reject["raw"]) == ("names a key twice", raw)


async def test_csv_rejects_have_row_and_line(retailer: Retailer, tmp_path: Path) -> None:
    text = 'name;sku;price\n"Two\nlines";A;1\nSaw;B;28,50\nFile;C\n=1+1;;3\n'

    with pytest.raises(RejectedRowsError):
        await load(retailer, write_text(tmp_path, text))

    rejects = rejects_of(tmp_path / "catalogue.csv.rejected.csv")
    assert [(r["row"], r["line"], r["field"]) for r in rejects] == [
        ("2", "4", "price"),
        ("3", "5", ""),
        ("4", "6", "sku"),
    ]
    assert json.loads(rejects[0]["raw"]) == {"name": "Saw", "sku": "B", "price": "28,50"}
    assert json.loads(rejects[1]["raw"]) == ["File", "C"]


async def test_message_shows_the_first_five_faults(retailer: Retailer, tmp_path: Path) -> None:
    rows = [{**SAW, "sku": f"S-{number}", "price": "?"} for number in range(20)]

    with pytest.raises(RejectedRowsError) as refused:
        await load_products(retailer, tmp_path, HAMMER, *rows)

    assert str(refused.value).count("is not an amount") == 5
    assert len(rejects_of(tmp_path / "catalogue.json.rejected.csv")) == 20


async def test_rows_in_order_are_loaded_when_asked_for(retailer: Retailer, tmp_path: Path) -> None:
    report = await load_products(retailer, tmp_path, HAMMER, BAD_PRICE, PAINT, skip_rejected=True)

    assert counts(report) == (2, 0, 0, 0)
    assert report.rejected == 1
    assert len(rejects_of(report.reject_file)) == 1


async def test_product_of_a_rejected_row_is_not_taken_for_missing(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    report = await load_products(retailer, tmp_path, HAMMER, BAD_PRICE, skip_rejected=True)

    assert counts(report) == (0, 0, 1, 1)
    assert await retailer.value("select array_agg(sku order by sku) from retail.products where is_active") == [
        "H-1",
        "S-1",
    ]


async def test_rejected_row_without_a_sku_keeps_all_products(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    report = await load_products(retailer, tmp_path, HAMMER, {**SAW, "sku": ""}, skip_rejected=True)

    assert counts(report) == (0, 0, 1, 0)
    assert report.merged.kept_missing


async def test_nothing_in_order_is_nothing_to_load(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    with pytest.raises(RejectedRowsError, match="1 of 1 rows were rejected"):
        await load_products(retailer, tmp_path, BAD_PRICE, skip_rejected=True)

    assert await retailer.value("select count(*) from retail.products where is_active") == 3


@pytest.mark.parametrize("content", ["[]", '{"products": []}', "name,sku,price\n"])
async def test_file_without_products_changes_nothing(retailer: Retailer, tmp_path: Path, content: str) -> None:
    await load_products(retailer, tmp_path, *CATALOGUE)

    with pytest.raises(ImportFileError, match="names no products"):
        await load(retailer, write_text(tmp_path, content))

    assert await retailer.value("select count(*) from retail.products where is_active") == 3


async def test_file_that_breaks_off_changes_nothing(retailer: Retailer, tmp_path: Path) -> None:
    before = await traces(retailer)

    with pytest.raises(ImportFileError, match="line 1"):
        await load(retailer, write_text(tmp_path, json.dumps([HAMMER, SAW])[:-1], "catalogue.json"))

    assert await traces(retailer) == before


async def test_rejects_go_where_they_should(retailer: Retailer, tmp_path: Path) -> None:
    place = tmp_path / "faults.csv"

    await load_products(retailer, tmp_path, HAMMER, BAD_PRICE, skip_rejected=True, rejects=place)

    assert len(rejects_of(place)) == 1
    assert not (tmp_path / "catalogue.json.rejected.csv").exists()


async def test_other_files_are_not_overwritten(retailer: Retailer, tmp_path: Path) -> None:
    file = write_json(tmp_path, [HAMMER, BAD_PRICE])
    other = write_text(tmp_path, "mine", "notes.csv")

    for place in (file, other):
        with pytest.raises(RejectFileError, match="was not overwritten"):
            await load(retailer, file, rejects=place)

    assert json.loads(file.read_text("utf-8")) == [HAMMER, BAD_PRICE]
    assert other.read_text("utf-8") == "mine"


async def test_place_that_cannot_be_written_is_refused(retailer: Retailer, tmp_path: Path) -> None:
    with pytest.raises(RejectFileError, match="--rejects PATH"):
        await load_products(retailer, tmp_path, BAD_PRICE, rejects=tmp_path / "nowhere" / "rejects.csv")


async def test_next_run_replaces_the_list_and_a_clean_one_removes_it(retailer: Retailer, tmp_path: Path) -> None:
    place = tmp_path / "catalogue.json.rejected.csv"
    for faulty in ([BAD_PRICE, {**PAINT, "price": ""}], [BAD_PRICE]):
        with pytest.raises(RejectedRowsError):
            await load_products(retailer, tmp_path, HAMMER, *faulty)
        assert len(rejects_of(place)) == len(faulty)

    await load_products(retailer, tmp_path, HAMMER)

    assert not place.exists()


async def test_store_of_that_name_is_not_left_behind(retailer: Retailer, tmp_path: Path) -> None:
    with pytest.raises(RejectedRowsError):
        await load_products(retailer, tmp_path, BAD_PRICE)

    assert await retailer.value("select count(*) from guard.tenant where store_id = $1", STORE) == 0


async def test_a_pipe_or_device_is_written_to_and_stays(retailer: Retailer, tmp_path: Path) -> None:
    """Nobody writes into the pipe, so that looking for an older list in it would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        await load_products(retailer, tmp_path, HAMMER, BAD_PRICE, skip_rejected=True, rejects=pipe)
        assert os.read(reader, 10_000).decode("utf-8-sig").startswith(",".join(HEADER))
    finally:
        os.close(reader)
    assert pipe.is_fifo()


async def test_a_link_to_an_older_list_stays(retailer: Retailer, tmp_path: Path) -> None:
    place, link = tmp_path / "faults.csv", tmp_path / "link.csv"
    link.symlink_to(place)
    await load_products(retailer, tmp_path, HAMMER, BAD_PRICE, skip_rejected=True, rejects=link)
    assert len(rejects_of(place)) == 1

    await load_products(retailer, tmp_path, HAMMER, rejects=link)
    assert link.is_symlink()
    assert place.read_text() == ""


async def test_rows_that_cannot_be_listed_undo_the_import(retailer: Retailer, tmp_path: Path) -> None:
    """A list of a few lines is written at the end of the reading: on a full disk too late to be told by `add`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    class Leaving(ProductImport):
        async def find_invalid(self, *args: Any) -> dict[int, list[Fault]]:
            os.close(reader)
            return await super().find_invalid(*args)

    with pytest.raises(RejectFileError, match=r"cannot be written to .*Nothing was changed"):
        await load_kind(
            retailer, write_json(tmp_path, [HAMMER, BAD_PRICE]), Leaving(), skip_rejected=True, rejects=pipe
        )
    assert await retailer.value("select count(*) from retail.products") == 0
