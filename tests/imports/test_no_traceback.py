"""Whatever a file holds, an import loads it or says why not: exit code 0 or 2, and never a traceback."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from seed.__main__ import app
from server.console.running import run
from server.errors import RetailError
from server.imports.customers.job import CustomerImport
from server.imports.job import ImportOptions, import_file
from server.imports.kind import Kind
from server.imports.products.job import ProductImport
from server.imports.sales.job import SalesImport
from server.imports.stores import TargetStore
from tests.cluster import Cluster
from tests.imports.catalogues import CATALOGUE, HAMMER, load_kind, rejects_of, write_json, write_text
from tests.imports.receipts import ANN, RECEIPTS
from tests.support import Retailer

KINDS: Final[dict[str, Kind[Any]]] = {
    "products": ProductImport(),
    "customers": CustomerImport(),
    "sales": SalesImport(),
}
CUSTOMER: Final = ANN | {"phone": "+1 206 555 0100", "date_of_birth": "1990-02-28", "loyalty_tier": "gold"}
LINE: Final = {
    "receipt_number": "R-9",
    "transaction_date": "2026-03-02 10:15",
    "customer_email": "ann@example.com",
    "sku": "H-1",
    "quantity": 2,
    "unit_price": "28.00",
    "discount": "6.00",
    "tax": "4.50",
    "unit_cost": "12.50",
    "notes": "café",
}
RECORDS: Final[dict[str, list[dict[str, Any]]]] = {
    "products": [HAMMER | {"tags": ["steel", "claw"], "metadata": {"handle": "oak"}, "weight_kg": 0.45, "cost": 12.5}],
    "customers": [CUSTOMER],
    "sales": RECEIPTS,
}
FLAT: Final[dict[str, dict[str, Any]]] = {
    "products": {
        "sku": "H-1", "name": "Claw Hämmer", "price": "28.00", "description": 'For "framing"', "stock_level": 5,
        "tags": "steel;claw", "metadata": '{"handle": "oak"}', "weight_kg": "0.45",
    },
    "customers": CUSTOMER,
    "sales": LINE,
}  # fmt: skip
# What no field takes, or hardly any.
ODD_VALUES: Final = (
    "1e999999999", "1e-999999999", "-1e999999999", "9" * 5_000, "-0", "0.1e1", "true", "null", "[]", "{}", "[[[]]]",
    '"\\ud800"', '"\\udfff x \\ud83d"', '"\\u0000"', '"a\\u0000b"', '"\\u202e"', '"\\u2028"', '""', '" "', '"\\ufeff"',
    "[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500, '{"a": 1, "a": 2}', '{"": {"": ""}}', '["", null, [], {}]',
    '"NaN"', '"Infinity"', '"1e999"', '"0x10"', '"١٢"', '"9999-12-31 23:59:59"', '"0000-00-00"', '"2026-02-30"',
    '"2026-03-02T10:15:00+99:99"', '"2026-03-08 02:30"', '"' + "x" * 20_000 + '"', '"=1+1"', '"😀"', '"a@b"',
)  # fmt: skip
MUTATIONS: Final = 120


@pytest.fixture(scope="module")
async def shop(cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Retailer]:
    """A shop that every file is tried on; nothing is kept."""
    directory = tmp_path_factory.mktemp("shop")
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        await load_kind(retailer, write_json(directory, CATALOGUE), ProductImport())
        await load_kind(retailer, write_json(directory, [ANN], "customers.json"), CustomerImport())
        yield retailer


async def tried(shop: Retailer, file: Path, kind: str) -> str:
    """Import and undo; returns the refusal, empty without one."""
    options = ImportOptions(
        TargetStore("tacoma"), dry_run=True, skip_rejected=True, rejects=file.parent / "rejected.csv"
    )
    try:
        await import_file(shop.admin_url, file, KINDS[kind], options)
    except RetailError as error:
        return str(error)
    return ""


def table(*rows: dict[str, Any], ends: str = "\n") -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def bytes_of(kind: str) -> Iterator[tuple[str, bytes]]:
    """Files in order, by what they are called."""
    yield (
        f"{kind}.csv",
        table(*[FLAT[kind] | {next(iter(FLAT[kind])): f"X-{n}@example.com"} for n in range(5)]).encode(),
    )
    yield f"{kind}.json", json.dumps(RECORDS[kind], ensure_ascii=False, indent=1).encode()
    yield f"{kind}.jsonl", "\n".join(json.dumps(record) for record in RECORDS[kind]).encode()


def spoilt(rng: random.Random, good: bytes) -> bytes:
    """The same file after one or several accidents."""
    accidents: list[Callable[[bytes], bytes]] = [
        lambda data: data[: rng.randrange(len(data) + 1)],
        lambda data: data[rng.randrange(len(data) + 1) :],
        lambda data: _put(rng, data, b"\0"),
        lambda data: _put(
            rng, data, rng.choice([b'"', b"'", b"\\", b"\xff", b"\xc3", b"\xe2\x80\xa8", b"\x1a", b"\x85"])
        ),
        lambda data: _put(
            rng, data, rng.choice([b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"\n\r", b"[", b"]", b"{", b"}"])
        ),
        lambda data: bytes(byte ^ (1 << rng.randrange(8)) if rng.random() < 0.01 else byte for byte in data),
        lambda data: data.replace(b"\n", rng.choice([b"\r", b"\r\n", b"\n\n", b"\x0b", b"\x0c", b"\x1e"])),
        lambda data: rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff"]) + data,
        lambda data: data + data,
        lambda data: _put(rng, data, rng.randbytes(20)),
        lambda data: _recoded(rng, data),
    ]
    for _ in range(rng.randint(1, 3)):
        good = rng.choice(accidents)(good)
    return good


def _put(rng: random.Random, data: bytes, added: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + added + data[place:]


def _recoded(rng: random.Random, data: bytes) -> bytes:
    encoding = rng.choice(["utf-16", "utf-16-le", "utf-32", "utf-32-be", "latin-1", "cp1252", "cp037", "utf-7"])
    return data.decode("utf-8", "replace").encode(encoding, "replace")


@pytest.mark.parametrize("kind", KINDS)
async def test_spoilt_files_are_loaded_or_refused(shop: Retailer, tmp_path: Path, kind: str) -> None:
    rng = random.Random(f"spoilt {kind}")
    for _ in range(MUTATIONS // 3):
        for name, good in bytes_of(kind):
            await tried(shop, write_text(tmp_path, spoilt(rng, good), name), kind)


@pytest.mark.parametrize("kind", KINDS)
async def test_odd_values_are_loaded_or_refused(shop: Retailer, tmp_path: Path, kind: str) -> None:
    rng = random.Random(f"odd {kind}")
    record = json.loads(json.dumps(RECORDS[kind][0]))
    places = [*record, "lines", "another"]
    for odd in ODD_VALUES:
        for place in rng.sample(places, 4):
            text = json.dumps([record | {place: "@odd@"}]).replace('"@odd@"', odd)
            await tried(shop, write_text(tmp_path, text, f"{kind}.json"), kind)
            await tried(shop, write_text(tmp_path, text[1:-1], f"{kind}.jsonl"), kind)
    for odd in ODD_VALUES:
        row = {column: odd.strip('"') if rng.random() < 0.5 else value for column, value in FLAT[kind].items()}
        await tried(shop, write_text(tmp_path, table(row), f"{kind}.csv"), kind)
    if kind == "sales":
        for odd in ODD_VALUES:
            lines = [{"sku": "H-1", "quantity": 1, "unit_price": 1} | {rng.choice(["sku", "quantity", "tax"]): "@odd@"}]
            text = json.dumps([record | {"lines": lines}]).replace('"@odd@"', odd)
            await tried(shop, write_text(tmp_path, text, "sales.json"), kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "content",
    [
        b"", b" \n\r\t ", b"\xef\xbb\xbf", b"\0", b"\0" * 10_000, b"[", b"{", b"[]", b"{}", b"null", b"1", b'"x"',
        b"[[]]", b"[" * 100_000, b'{"a":' * 100_000, b"[1e999999999999]", b'[{"sku": ' + b"9" * 100_000 + b"}]",
        b",", b"\n,\n", b'"', b'"""', b"sku", b"sku,sku\n1,2\n", b"sku,name,price", b"sku\r", b"\r", b"\r\r\r",
        b"a" * 300_000, b"sku,name,price\n1,2\n1,2,3,4\n", b'sku,name,price\n"1,2,3\n',
        b'sku,name,price\n"1"x,2,3\n', b"PK\x03\x04" + bytes(range(256)) * 20,
        gzip.compress(b"sku,name,price\n", mtime=0),
        bytes(range(256)), b"\x89PNG\r\n\x1a\n", b'{"products": 1, "customers": 1, "sales": 1}',
        b'{"products": [], "products": []}', b'[{"sku": "A"},]', b"[{}] {}",
    ],
)  # fmt: skip
async def test_files_that_are_none_are_refused(shop: Retailer, tmp_path: Path, kind: str, content: bytes) -> None:
    for name in ("a.csv", "a.json", "a.jsonl"):
        assert await tried(shop, write_text(tmp_path, content, name), kind) != ""


async def test_places_without_a_file_are_refused(shop: Retailer, tmp_path: Path) -> None:
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    for place in (tmp_path, tmp_path / "none.csv", tmp_path / "a" / "b.csv", loop, tmp_path / ("x" * 300), Path("/")):
        assert "cannot be read" in await tried(shop, place, "products")


async def test_lines_may_end_as_on_an_old_macintosh(retailer: Retailer, tmp_path: Path) -> None:
    products = [{"sku": "A-1", "name": "Alpha", "price": "10.00"}, {"sku": "B-2", "name": "Be\nta", "price": "20.00"}]

    for ends in ("\r", "\n", "\r\n"):
        store = f"s{len(ends)}{ord(ends[0])}"
        file = write_text(tmp_path, table(*products, ends=ends))
        report = await load_kind(retailer, file, ProductImport(), store=store)
        assert (report.merged.inserted, report.rejected) == (2, 0)
    names = await retailer.fetch("select distinct product_name from retail.products order by 1")
    assert [row["product_name"] for row in names] == ["Alpha", "Be\nta"]


async def test_rows_know_their_lines_whatever_ends_them(shop: Retailer, tmp_path: Path) -> None:
    file = write_text(tmp_path, "sku,name,price\rA,Alpha,1\rB,Beta,none\r")
    await tried(shop, file, "products")
    assert [row["line"] for row in rejects_of(tmp_path / "rejected.csv")] == ["3"]


async def test_a_cell_may_be_long_where_what_is_left_of_it_is_not(retailer: Retailer, tmp_path: Path) -> None:
    picture = f'<p>Nice lamp.</p><img src="data:image/png;base64,{"A" * 200_000}">'
    rows = [
        {"Handle": "lamp", "Title": "Lamp", "Body (HTML)": picture, "Variant SKU": "LAMP", "Variant Price": "120.00"},
        {"Handle": "cup", "Title": "Cup", "Body (HTML)": "ok", "Variant SKU": "CUP", "Variant Price": "12.00"},
    ]
    others = dict.fromkeys(("Vendor", "Type", "Tags", "Variant Grams"), "")
    others |= {
        "Option1 Name": "Title",
        "Option1 Value": "Default Title",
        "Variant Inventory Qty": "5",
        "Status": "active",
    }

    report = await load_kind(retailer, write_text(tmp_path, table(*[row | others for row in rows])), ProductImport())

    assert (report.merged.inserted, report.rejected) == (2, 0)
    assert await retailer.value("select product_description from retail.products where sku = 'LAMP'") == "Nice lamp."


async def test_a_long_cell_is_a_fault_of_its_row_alone(retailer: Retailer, tmp_path: Path) -> None:
    good = {"sku": "B", "name": "Beta", "price": "2"}
    file = write_text(tmp_path, table(good | {"sku": "A", "name": "x" * 200_000}, good))

    report = await load_kind(retailer, file, ProductImport(), skip_rejected=True)

    assert (report.merged.inserted, report.rejected) == (1, 1)
    (fault,) = rejects_of(report.reject_file)
    assert (fault["field"], fault["problem"]) == ("name", "has 200,000 characters")


@pytest.mark.parametrize("first", ["x" * 200_000, '"' + "x" * 200_000, "sku,name,price," + "x" * 200_000])
async def test_a_long_first_line_is_no_traceback(shop: Retailer, tmp_path: Path, first: str) -> None:
    file = write_text(tmp_path, f"{first}\nA,Alpha,1,\n")
    assert await tried(shop, file, "products") == "" or "\n" not in await tried(shop, file, "products")


async def test_a_cell_has_an_end(shop: Retailer, tmp_path: Path) -> None:
    file = write_text(tmp_path, 'sku,name,price\nA,"' + "x" * 10_000_001)
    assert "at most 10,000,000 characters" in await tried(shop, file, "products")


async def test_a_store_whose_time_zone_python_does_not_know_is_named(retailer: Retailer, tmp_path: Path) -> None:
    await load_kind(retailer, write_json(tmp_path, CATALOGUE), ProductImport())
    # PostgreSQL counts it west of Greenwich.
    await retailer.value("update retail.stores set time_zone = 'UTC+3' returning 1")

    told = await tried(retailer, write_text(tmp_path, table(LINE)), "sales")
    assert "counts its days in 'UTC+3'" in told
    assert told.endswith("retail-mcp store change tacoma --time-zone Europe/Paris")
    assert await tried(retailer, write_text(tmp_path, table(CUSTOMER)), "customers") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--map", "=sku"), ("--map", "a"), ("--map", "a=b=c"), ("--map", "\udcff=sku"), ("--format", "x"),
        ("--format", ""), ("--rejects", "/"), ("--rejects", "/none/of/that.csv"), ("--rejects", "x" * 300),
        ("--store", ""), ("--store", "\udcff"), ("--store", "'"), ("--store", "A" * 500, "--create-store"),
        ("--name", "x", "--dry-run"), ("--create-store", "--store", "new", "--name", "x" * 500),
        ("--create-store", "--store", "new", "--currency", "$"),
        ("--create-store", "--store", "new", "--time-zone", "UTC+3"),
        ("--create-store", "--store", "new", "--time-zone", "../x"),
    ],
)  # fmt: skip
def test_odd_options_are_refused(
    retailer: Retailer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("RETAIL_ADMIN_DATABASE_URL", retailer.admin_url)
    file = write_text(tmp_path, "sku,name,price\n,,\nA,x,none\n")
    store = () if "--store" in arguments else ("--store", "tacoma")
    with pytest.raises(SystemExit) as left:
        run(app, ["import", "products", str(file), *store, *arguments])
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "code"), [(b"sku,name,price\rA,Alpha,1\r", 0), (b"x" * 300_000, 2), (b"\xff\xfea\0", 2)]
)
def test_the_process_ends_with_0_or_2(
    retailer: Retailer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, code: int
) -> None:
    monkeypatch.setenv("RETAIL_ADMIN_DATABASE_URL", retailer.admin_url)
    file = write_text(tmp_path, content)
    command = (sys.executable, "-m", "seed", "import", "products", str(file), "--store", "tacoma", "--create-store")
    ended = subprocess.run([*command, "--no-embed"], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr, ended.stdout) == (code, False, "")
