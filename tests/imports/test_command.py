"""The command as an operator types it, and what a store's people find afterwards."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seed.__main__ import app
from server.console.running import run
from tests.imports.catalogues import CATALOGUE, HAMMER, PAINT, SAW, rejects_of, write_json, write_text
from tests.support import Retailer, answer


@pytest.fixture
def configured(retailer: Retailer, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    monkeypatch.setenv("RETAIL_ADMIN_DATABASE_URL", retailer.admin_url)
    return retailer


def exit_code(file: Path, *arguments: str) -> object:
    with pytest.raises(SystemExit) as left:
        run(app, ["import", "products", str(file), *arguments])
    return left.value.code


def value(retailer: Retailer, sql: str) -> Any:
    return asyncio.run(retailer.value(sql))


def test_catalogue_is_loaded_and_summed_up(configured: Retailer, tmp_path: Path, capsys: Any) -> None:
    file = write_json(tmp_path, [HAMMER, {**SAW, "image": "saw.png", "[red]x": 1}])

    assert exit_code(file, "--store", "tacoma", "--create-store", "--name", "Tacoma Mall") == 0

    told = capsys.readouterr()
    assert told.out == ""
    assert "Ignored columns: 'image', '[red]x'." in told.err
    assert (
        "catalogue.json into tacoma: opened store tacoma, 2 inserted, 0 updated, 0 unchanged, 0 discontinued, "
        "3 new categories, 0 rejected in "
    ) in told.err
    assert value(configured, "select count(*) from retail.product_embeddings") == 2
    assert value(configured, "select store_name from retail.stores") == "Tacoma Mall"


def test_second_run_and_a_shorter_file_are_summed_up(configured: Retailer, tmp_path: Path, capsys: Any) -> None:
    store = ("--store", "tacoma", "--create-store", "--no-embed")
    assert exit_code(write_json(tmp_path, CATALOGUE), *store) == 0
    assert exit_code(write_json(tmp_path, CATALOGUE), *store) == 0
    assert "0 inserted, 0 updated, 3 unchanged, 0 discontinued, 0 rejected in" in capsys.readouterr().err
    assert exit_code(write_json(tmp_path, [HAMMER]), *store) == 0
    told = capsys.readouterr().err
    assert "2 discontinued products are not in the file; --partial would have kept them." in told
    assert "0 inserted, 0 updated, 1 unchanged, 2 discontinued, 0 rejected in" in told
    assert exit_code(write_json(tmp_path, CATALOGUE), *store) == 0
    assert "2 updated (2 of them back in the range)" in capsys.readouterr().err
    assert exit_code(write_json(tmp_path, [HAMMER]), *store, "--partial") == 0
    assert value(configured, "select count(*) from retail.products where is_active") == 3
    assert value(configured, "select count(*) from retail.product_embeddings") == 0


def in_a_process(file: Path, stderr: Any) -> None:
    command = (sys.executable, "-m", "seed", "import", "products", str(file), "--store", "tacoma", "--create-store")
    subprocess.run(command, stdin=subprocess.DEVNULL, stderr=stderr, timeout=120, check=True)


def test_a_mail_of_cron_has_whole_lines_and_no_bars(
    configured: Retailer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    file = write_json(tmp_path, CATALOGUE, f"{'catalogue ' * 12}.json")

    with (tmp_path / "mail").open("wb") as mail:
        in_a_process(file, mail)

    imported, embedded, searched = (tmp_path / "mail").read_text(encoding="utf-8").splitlines()
    assert imported.startswith(f"{file.name} into tacoma: opened store tacoma, 3 inserted")
    assert embedded.startswith("Embeddings: 3 made from 3 texts")
    assert searched == "Now searched with this model: tacoma."


def test_a_terminal_shows_how_far_it_is(configured: Retailer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    try:
        in_a_process(write_json(tmp_path, CATALOGUE), theirs)
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Done" in shown
    assert "\u2501" in shown  # of the bar


def test_rejected_rows_end_the_command_unless_skipped(configured: Retailer, tmp_path: Path, capsys: Any) -> None:
    file = write_json(tmp_path, [HAMMER, {**SAW, "price": -1}, {**PAINT, "sku": ""}])
    store = ("--store", "tacoma", "--create-store", "--no-embed")

    assert exit_code(file, *store) == 2
    assert "2 of 3 rows were rejected, so nothing was loaded" in capsys.readouterr().err
    assert value(configured, "select count(*) from retail.stores") == 0

    assert exit_code(file, *store, "--skip-rejected", "--rejects", str(tmp_path / "faults.csv")) == 0
    told = capsys.readouterr().err
    assert "1 inserted, 0 updated, 0 unchanged, 0 discontinued, 2 new categories, 2 rejected" in told
    assert f"Rejected rows are listed in {tmp_path / 'faults.csv'}" in told
    assert "Row 2 (line 1), price: '-1' is negative." in told
    assert "No product was discontinued for being missing" in told


def test_unknown_store_is_refused(configured: Retailer, tmp_path: Path, capsys: Any) -> None:
    assert exit_code(write_json(tmp_path, CATALOGUE), "--store", "tacoma") == 2

    assert "add --create-store to open it" in capsys.readouterr().err


def test_server_url_alone_is_not_enough(
    retailer: Retailer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setenv("RETAIL_DATABASE_URL", retailer.app_url)

    assert exit_code(write_json(tmp_path, CATALOGUE), "--store", "tacoma") == 2
    assert "RETAIL_ADMIN_DATABASE_URL" in capsys.readouterr().err


def test_import_stands_when_the_provider_is_down(
    configured: Retailer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setenv("RETAIL_EMBEDDINGS", "openai")
    monkeypatch.setenv("RETAIL_OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    # Its patience is another test's matter.
    monkeypatch.setattr("server.embeddings.openai.JOB_RETRIES", 0)

    assert exit_code(write_json(tmp_path, CATALOGUE), "--store", "tacoma", "--create-store") == 0

    told = capsys.readouterr().err
    assert "The import stands; make the embeddings with: retail-mcp-seed embed --store tacoma" in told
    assert value(configured, "select count(*) from retail.products") == 3


def test_provider_without_its_settings_is_noticed_first(
    configured: Retailer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RETAIL_EMBEDDINGS", "openai")

    assert exit_code(write_json(tmp_path, CATALOGUE), "--store", "tacoma", "--create-store") == 2
    assert value(configured, "select count(*) from retail.stores") == 0


def test_own_manager_finds_the_products_and_another_does_not(configured: Retailer, tmp_path: Path) -> None:
    assert exit_code(write_json(tmp_path, CATALOGUE), "--store", "tacoma", "--create-store") == 0
    other = [{"name": "Garden Hose", "sku": "G-1", "price": 32}]
    assert exit_code(write_json(tmp_path, other), "--store", "seattle", "--create-store") == 0

    async def found(store_id: str, query: str) -> list[str]:
        async with configured.client(store_id) as client:
            return [row["sku"] for row in (await answer(client, "search_products", query=query))["rows"]]

    assert asyncio.run(found("tacoma", "hammer for framing"))[0] == "H-1"
    assert asyncio.run(found("tacoma", "cut curves in wood"))[0] == "S-1"
    for query in ("hammer for framing", "cut curves in wood", "H-1", "Coping Saw"):
        assert set(asyncio.run(found("seattle", query))) <= {"G-1"}


def test_discontinued_products_are_found_no_more(configured: Retailer, tmp_path: Path) -> None:
    store = ("--store", "tacoma", "--create-store")
    assert exit_code(write_json(tmp_path, CATALOGUE), *store) == 0
    assert exit_code(write_json(tmp_path, [SAW, PAINT]), *store) == 0

    async def found() -> list[str]:
        async with configured.client("tacoma") as client:
            return [row["sku"] for row in (await answer(client, "search_products", query="hammer"))["rows"]]

    assert "H-1" not in asyncio.run(found())
    assert value(configured, "select count(*) from retail.product_embeddings") == 2


def test_one_bad_row_in_a_hundred(configured: Retailer, tmp_path: Path) -> None:
    rows = [f"Hammer {n},H-{n},{n % 500}.50,Tools > Hammers {n % 40},{n % 90}" for n in range(5_000)]
    for bad in range(50, 5_000, 100):
        rows[bad] = rows[bad].replace(".50", ".505", 1)
    file = write_text(tmp_path, "title,sku,price,categories,quantity\n" + "\n".join(rows) + "\n")
    store = ("--store", "tacoma", "--create-store", "--no-embed")

    assert exit_code(file, *store) == 2
    assert value(configured, "select count(*) from retail.stores") == 0
    assert exit_code(file, *store, "--skip-rejected") == 0

    listed = rejects_of(tmp_path / "catalogue.csv.rejected.csv")
    assert [int(reject["row"]) for reject in listed] == list(range(51, 5_001, 100))
    assert [int(reject["line"]) for reject in listed] == list(range(52, 5_002, 100))
    assert (tmp_path / "catalogue.csv.rejected.csv").stat().st_mode & 0o077 == 0
    loaded = {n for n in range(5_000) if n % 100 != 50}
    assert value(configured, "select count(*) from retail.products") == len(loaded)
    assert value(configured, "select sum(current_stock) from retail.products") == sum(n % 90 for n in loaded)
    changes = value(configured, "select count(*) from audit.row_change")
    assert exit_code(file, *store, "--skip-rejected") == 0
    assert value(configured, "select count(*) from audit.row_change") == changes


@pytest.mark.parametrize("program", [("server", "import"), ("seed", "import"), ("seed",)])
def test_embeddings_can_be_left_out_with_either_command_line(program: tuple[str, ...]) -> None:
    module, *command = program
    products = ["products"] if command else []
    asked = [sys.executable, "-m", module, *command, *products, "--help"]
    assert "--no-embed" in subprocess.run(asked, capture_output=True, text=True, check=True).stdout
