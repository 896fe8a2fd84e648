"""The store that a catalogue goes into, and who may load it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from server.db.operator import admin_connection
from server.errors import InvalidInputError, LoadError, NotFoundError, OptionError
from server.imports.job import ImportOptions
from server.imports.products.job import import_products
from server.imports.stores import TargetStore, name_from
from server.operations.admin.stores import close_store
from tests.cluster import Cluster
from tests.imports.catalogues import CATALOGUE, HAMMER, counts, load, load_products, write_json
from tests.sql.acting import temporary_login
from tests.support import Retailer


async def load_into(retailer: Retailer, directory: Path, store_id: str, **target: Any) -> bool:
    """Import into a store; returns whether it was opened for that."""
    options = ImportOptions(TargetStore(store_id, **target))
    return (await import_products(retailer.admin_url, write_json(directory, CATALOGUE), options)).store_opened


async def test_store_is_opened_with_defaults(retailer: Retailer, tmp_path: Path) -> None:
    assert await load_into(retailer, tmp_path, "tacoma-mall", create=True)

    (store,) = await retailer.fetch("select store_name, currency, time_zone, is_active from retail.stores")
    assert store == {
        "store_name": "Tacoma Mall",
        "currency": "USD",
        "time_zone": "America/Los_Angeles",
        "is_active": True,
    }


async def test_store_is_opened_as_told_and_the_same_command_runs_again(retailer: Retailer, tmp_path: Path) -> None:
    told = {"name": "Bern City", "currency": "CHF", "time_zone": "Europe/Zurich"}

    assert await load_into(retailer, tmp_path, "bern", create=True, **told)
    assert not await load_into(retailer, tmp_path, "bern", create=True, **told)

    (store,) = await retailer.fetch("select store_name as name, currency, time_zone from retail.stores")
    assert store == told


@pytest.mark.parametrize("option", [{"name": "Other"}, {"currency": "EUR"}, {"time_zone": "UTC"}])
async def test_store_that_is_there_is_not_changed(retailer: Retailer, tmp_path: Path, option: dict[str, str]) -> None:
    await load_into(retailer, tmp_path, "tacoma", create=True)

    with pytest.raises(OptionError, match=f"Leave --{next(iter(option)).replace('_', '-')} out"):
        await load_into(retailer, tmp_path, "tacoma", create=True, **option)


async def test_unknown_store_is_refused_with_the_open_ones(retailer: Retailer, tmp_path: Path) -> None:
    await load_into(retailer, tmp_path, "tacoma", create=True)

    with pytest.raises(NotFoundError, match=r"no store 'tacmoa'\. Open stores: tacoma\..*--create-store"):
        await load_into(retailer, tmp_path, "tacmoa")


async def test_closed_store_is_refused(retailer: Retailer, tmp_path: Path) -> None:
    await load_into(retailer, tmp_path, "tacoma", create=True)
    async with admin_connection(retailer.admin_url) as connection:
        await close_store(connection, "tacoma")

    with pytest.raises(NotFoundError, match="The store tacoma is closed"):
        await load_into(retailer, tmp_path, "tacoma", create=True)


@pytest.mark.parametrize(
    ("store_id", "told"),
    [("Tacoma", {}), ("ta coma", {}), ("", {}), ("t" * 41, {}), ("x", {"currency": "usd"}), ("x", {"time_zone": "?"})],
)
async def test_store_with_a_bad_value_is_refused(
    retailer: Retailer, tmp_path: Path, store_id: str, told: dict[str, str]
) -> None:
    with pytest.raises(InvalidInputError, match=r"is no (id of a store|currency in use|name of an IANA time zone)"):
        await load_into(retailer, tmp_path, store_id, create=True, **told)

    assert await retailer.value("select count(*) from retail.stores") == 0


def test_name_comes_from_the_id() -> None:
    assert name_from("new_york-2") == "New York 2"
    assert name_from("-_") == ""


async def test_login_of_the_server_is_refused(retailer: Retailer, tmp_path: Path) -> None:
    await load_products(retailer, tmp_path, HAMMER)

    with pytest.raises(LoadError, match="mcp_user is bound by row level security"):
        await load_products(Retailer(retailer.app_url, retailer.app_url), tmp_path, HAMMER)


async def test_role_that_bypasses_the_policies_is_enough(cluster: Cluster, retailer: Retailer, tmp_path: Path) -> None:
    async with temporary_login(cluster, retailer, "bypassrls in role retail_owner") as url:
        report = await load_products(Retailer(url, retailer.app_url), tmp_path, *CATALOGUE)

    assert counts(report) == (3, 0, 0, 0)


async def test_imports_take_turns(retailer: Retailer, tmp_path: Path) -> None:
    """Otherwise both would create the categories that both lack."""
    file = write_json(tmp_path, CATALOGUE)

    reports = await asyncio.gather(*(load(retailer, file, store=f"store-{number}") for number in range(4)))

    assert [counts(report) for report in reports] == [(3, 0, 0, 0)] * 4
    assert sorted(report.merged.categories for report in reports) == [0, 0, 0, 4]


async def test_database_without_a_schema_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    async with cluster.temporary_database() as name:
        empty = Retailer(cluster.admin_url(name), cluster.app_url(name))

        with pytest.raises(LoadError, match="no retail schema"):
            await load_products(empty, tmp_path, HAMMER)


async def test_database_that_is_away_is_told(tmp_path: Path) -> None:
    away = "postgresql://postgres@127.0.0.1:1/retail"

    with pytest.raises(LoadError, match="cannot be opened"):
        await load_products(Retailer(away, away), tmp_path, HAMMER)


async def test_failure_of_the_database_leaves_nothing(retailer: Retailer, tmp_path: Path) -> None:
    await retailer.execute("alter table retail.products add constraint no_saws check (sku <> 'S-1')")

    with pytest.raises(LoadError, match=r"The import failed: .*no_saws") as refused:
        await load_products(retailer, tmp_path, *CATALOGUE)

    assert "Coping Saw" not in str(refused.value)
    assert await retailer.value("select count(*) from retail.stores") == 0
