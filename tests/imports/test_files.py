"""Formats: what counts as a catalogue file, and where one that is none goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.imports.errors import ImportFileError
from server.imports.layouts import AUTO, Layouts
from server.imports.products.product import PRODUCTS
from server.imports.reading.rows import SourceRow
from server.imports.reading.source import open_source
from tests.imports.catalogues import CATALOGUE, write_json, write_text

HEADER = "name,sku,price,description"


def rows_of(file: Path) -> list[SourceRow]:
    return list(open_source(file, "products").rows(Layouts(PRODUCTS, (), AUTO, {})))


def values_of(file: Path) -> list[Any]:
    return [row.values for row in rows_of(file)]


def fault_of(file: Path) -> str:
    with pytest.raises(ImportFileError) as refused:
        rows_of(file)
    return str(refused.value)


@pytest.mark.parametrize("content", [CATALOGUE, {"products": CATALOGUE}], ids=["array", "wrapped"])
def test_json_is_an_array_or_an_object_with_one(tmp_path: Path, content: Any) -> None:
    assert values_of(write_json(tmp_path, content)) == CATALOGUE


def test_keys_beside_the_products_are_named(tmp_path: Path) -> None:
    source = open_source(write_json(tmp_path, {"version": 2, "products": CATALOGUE, "count": 3}), "products")

    assert len(list(source.rows(Layouts(PRODUCTS, (), AUTO, {})))) == 3
    assert list(source.ignored) == ["version", "count"]


def test_json_rows_know_their_lines_and_their_text(tmp_path: Path) -> None:
    file = write_text(tmp_path, '[\n {"sku": "A"},\n\n {"sku":\n  "B"}, 7\n]', "catalogue.json")

    assert [(row.number, row.line, row.raw) for row in rows_of(file)] == [
        (1, 2, '{"sku": "A"}'),
        (2, 4, '{"sku":\n  "B"}'),
        (3, 5, "7"),
    ]


@pytest.mark.parametrize("name", ["catalogue.txt", "catalogue.csv", "catalogue"])
def test_content_tells_json_whatever_the_name(tmp_path: Path, name: str) -> None:
    assert values_of(write_json(tmp_path, CATALOGUE, name)) == CATALOGUE


def test_byte_order_mark_of_json_is_passed_over(tmp_path: Path) -> None:
    file = write_text(tmp_path, b"\xef\xbb\xbf" + json.dumps(CATALOGUE).encode(), "catalogue.json")

    assert values_of(file) == CATALOGUE


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[{"sku": "A"},\n {"sku" "B"}]', "line 2, column 9"),
        ('[{"sku": "A"}\n {"sku": "B"}]', "line 2, column 2"),
        ('[{"sku": "A"},]', "line 1, column 15"),
        ('[{"sku": "A"}', "line 1, column 14"),
        ('[{"sku": "A"}]\n[', "line 2, column 1"),
        ('[{"price": NaN}]', "line 1, column 2"),
        ('[{"price": 1e99999999999999999999}]', "line 1, column 2"),
        ("[" * 100_000, "line 1, column 2"),
        ('{"products": [], 7: 1}', "line 1, column 19"),
    ],
)
def test_broken_json_is_refused_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    assert f"not valid JSON: {place}:" in fault_of(write_text(tmp_path, text, "catalogue.json"))


@pytest.mark.parametrize("text", ['{"sku": "A"}', '{"products": {}}', '{"products": [], "products": []}', '"x"'])
def test_json_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    assert "An array of products is expected" in fault_of(write_text(tmp_path, text, "catalogue.json"))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_csv_in_every_usual_writing(tmp_path: Path, mark: bytes, delimiter: str, end: str) -> None:
    lines = [["name", "sku", "price", "description"], ["Hammer", "H-1", "28", ""], ["Säge", "S-1", "13.50", "fine"]]
    text = "".join(delimiter.join(line) + end for line in lines)

    found = values_of(write_text(tmp_path, mark + text.encode()))

    assert found == [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_csv_cells_hold_delimiters_quotation_marks_and_line_ends(tmp_path: Path) -> None:
    text = HEADER + '\n"Hammer, 16"" claw",H-1,28,"two\nlines; one"\n\n,,,\nSaw,S-1,13,\n'

    found = rows_of(write_text(tmp_path, text))

    assert [(row.number, row.line) for row in found] == [(1, 2), (2, 6)]
    assert found[0].values == {
        "name": 'Hammer, 16" claw',
        "sku": "H-1",
        "price": "28",
        "description": "two\nlines; one",
    }


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_excel_may_name_the_delimiter_in_the_first_line(tmp_path: Path, line: str) -> None:
    found = rows_of(write_text(tmp_path, f"{line}\nname;sku;price;a,b,c,d,e\nHammer;H-1;2;x\n"))

    assert [(row.line, row.values) for row in found] == [
        (3, {"name": "Hammer", "sku": "H-1", "price": "2", "a,b,c,d,e": "x"})
    ]


def test_lines_count_from_the_beginning_of_the_file(tmp_path: Path) -> None:
    found = rows_of(write_text(tmp_path, "\n\nsep=\t\nname\tsku\tprice\nHammer\tH-1\t2\n"))

    assert [(row.line, row.values) for row in found] == [(5, {"name": "Hammer", "sku": "H-1", "price": "2"})]


def test_delimiter_is_the_one_that_finds_columns(tmp_path: Path) -> None:
    text = 'name;sku;price;"note, any, at, all"\nHammer;H-1;28;a,b\n'

    assert values_of(write_text(tmp_path, text)) == [
        {"name": "Hammer", "sku": "H-1", "price": "28", "note, any, at, all": "a,b"}
    ]


def test_row_with_too_many_or_too_few_cells_is_a_fault_of_the_row(tmp_path: Path) -> None:
    found = rows_of(write_text(tmp_path, HEADER + "\nHammer,H-1,28\nSaw,S-1,13,a,b\nFile,F-1,5,\n"))

    assert [row.problem and row.problem[0] for row in found] == [
        "has 3 cells, the header 4",
        "has 5 cells, the header 4",
        None,
    ]
    assert found[1].raw == '["Saw", "S-1", "13", "a", "b"]'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,price\nHammer,28\n", "Name one: sku or product_sku; or say which it is: --map"),
        ("a,b\n1,2\n", "name or product_name or title; sku or product_sku; price or unit_price"),
        ("name,sku,price,Name\nHammer,H-1,28,x\n", "The header names name twice"),
        (HEADER + '\nHammer,H-1,28,"open\nSaw,S-1,13,\n', "The row that begins in line 2 cannot be read"),
        (HEADER + '\nHammer,H-1,28,a\n"Saw" 2,S-1,13,\n', "The row that begins in line 3 cannot be read"),
        (HEADER.encode() + b"\nHammer,H-1,28,a\nS\xe4ge,S-1,13,\n", "Line 3 of the file is not UTF-8"),
    ],
)
def test_unusable_csv_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert message in fault_of(write_text(tmp_path, text))


def test_json_lines_are_told_by_name_or_beginning(tmp_path: Path) -> None:
    text = "\n".join(json.dumps(product) for product in CATALOGUE)

    for name, content in (("a.jsonl", text), ("a.ndjson", text), ("a", f"{text}\n"), ("a.txt", f"\ufeff{text}")):
        assert values_of(write_text(tmp_path, content, name)) == CATALOGUE
    assert values_of(write_text(tmp_path, json.dumps({"products": CATALOGUE}), "a")) == CATALOGUE


def test_broken_json_line_is_a_fault_of_its_row(tmp_path: Path) -> None:
    file = write_text(tmp_path, '{"sku": "A"}\n\n{"sku": \n[1]\n{"sku": "B", "sku": "C"}\n', "a.jsonl")

    found = rows_of(file)

    assert [(row.number, row.line, row.problem and row.problem[0], row.raw) for row in found] == [
        (1, 1, None, '{"sku": "A"}'),
        (2, 3, "is not JSON", '"{\\"sku\\":"'),
        (3, 4, "is not an object", "[1]"),
        (4, 5, None, '{"sku": "B", "sku": "C"}'),
    ]
    assert "Line 2 of the file is not UTF-8" in fault_of(write_text(tmp_path, b'{"a": 1}\n{"a": "\xe4"}', "a.jsonl"))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_rows_to_come_are_estimated_while_a_file_is_read(tmp_path: Path, name: str) -> None:
    line = '{"name": "x", "sku": "y", "price": 1}\n' if name == "a.jsonl" else "x,y,1\n"
    source = open_source(
        write_text(tmp_path, ("" if name == "a.jsonl" else "name,sku,price\n") + line * 1000, name), ""
    )
    assert source.estimated_rows(0) is None
    rows = source.rows(Layouts(PRODUCTS, (), AUTO, {}))
    for _ in range(500):
        next(rows)

    estimated = source.estimated_rows(500)

    assert estimated is not None
    assert 990 <= estimated <= 1010


def test_json_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    file = write_text(tmp_path, b'[\n{"name": "S\xe4ge"}]', "catalogue.json")

    assert "Line 2 of the file is not UTF-8" in fault_of(file)


@pytest.mark.parametrize("content", [b"PK\x03\x04\x14\x00\x06\x00", "name;sku".encode("utf-16")])
def test_spreadsheet_and_utf_16_are_refused(tmp_path: Path, content: bytes) -> None:
    assert "not a text file in UTF-8" in fault_of(write_text(tmp_path, content))


@pytest.mark.parametrize("content", ["", " \n", b"\xef\xbb\xbf"])
def test_empty_file_is_refused(tmp_path: Path, content: str | bytes) -> None:
    assert "is empty" in fault_of(write_text(tmp_path, content))


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in fault_of(tmp_path / "nowhere.csv")
    assert "cannot be read" in fault_of(tmp_path)
