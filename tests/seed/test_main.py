from __future__ import annotations

import asyncio

import pytest

from seed.__main__ import app
from server.console.running import run
from tests.support import Retailer

VOLUMES = ["--customers", "50", "--products", "40", "--transactions", "100", "--days", "30", "--as-of", "2026-10-05"]


@pytest.fixture
def configured(retailer: Retailer, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    monkeypatch.setenv("RETAIL_ADMIN_DATABASE_URL", retailer.admin_url)
    return retailer


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as left:
        run(app, list(arguments))
    return left.value.code


def value(retailer: Retailer, sql: str) -> object:
    return asyncio.run(retailer.value(sql))


def test_demo_data_is_loaded_once_and_again_with_reset(configured, capsys):
    assert exit_code(*VOLUMES) == 0
    assert "transactions per second" in capsys.readouterr().err
    assert exit_code(*VOLUMES) == 2
    assert "Pass --reset" in capsys.readouterr().err
    assert exit_code(*VOLUMES, "--reset") == 0


def test_embeddings_are_made_with_the_data_unless_declined(configured, capsys):
    assert exit_code(*VOLUMES, "--no-embed") == 0
    assert value(configured, "select count(*) from retail.product_embeddings") == 0
    assert exit_code("embed", "--store", "seattle") == 0
    assert value(configured, "select array_agg(distinct store_id) from retail.product_embeddings") == ["seattle"]
    assert exit_code("embed") == 0
    assert value(configured, "select count(distinct store_id) from retail.product_embeddings") == 4


def test_a_model_can_be_named_and_a_run_limited(configured, capsys):
    assert exit_code(*VOLUMES, "--no-embed") == 0
    assert exit_code("embed", "--model", "wordllama", "--max-texts", "2", "--store", "seattle") == 0
    assert value(configured, "select count(*) from retail.product_embeddings") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "A limit was reached; the same command goes on with them." in told
    assert exit_code("embed", "--model", "nomic-embed-text@0") == 2
    assert exit_code("embed", "--max-texts", "-1") != 0


def test_embedding_an_unknown_store_is_refused(configured, capsys):
    assert exit_code("embed", "--store", "atlantis") == 2

    assert "no store atlantis" in capsys.readouterr().err


def test_server_url_alone_is_not_enough_to_load(retailer, monkeypatch, capsys):
    monkeypatch.setenv("RETAIL_DATABASE_URL", retailer.app_url)

    assert exit_code(*VOLUMES) == 2
    assert "RETAIL_ADMIN_DATABASE_URL" in capsys.readouterr().err


def test_option_out_of_bounds_is_refused(capsys):
    assert exit_code("--stores", "0") == 2

    assert "Choose a number from 1 to 1,000" in capsys.readouterr().err


def test_nothing_is_written_to_standard_output(configured, capsys):
    exit_code(*VOLUMES)

    assert capsys.readouterr().out == ""
