"""PostgreSQL runs with the compose service's own file, and with every setting in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from server.db.migrate import migrate
from tests.operations.ordinary import Ordinary, open_directory, ordinary_server
from tests.sql.acting import connected

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker/postgresql.conf"
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SETTING = re.compile(r"^(\w+) = (?:'([^']*)'|(\S+))$", re.MULTILINE)
WRITTEN = {name: quoted or bare for name, quoted, bare in SETTING.findall(FILE.read_text(encoding="utf-8"))}
# On the command line of the test: others may be using the port, and nobody else may reach the server.
OWN = {"listen_addresses": "127.0.0.1"}


@pytest.fixture(scope="module")
def server() -> Iterator[Ordinary]:
    """The wheel's PostgreSQL with exactly this file."""
    with open_directory() as directory:
        shutil.copy(FILE, directory)
        (directory / FILE.name).chmod(0o644)
        with ordinary_server(config_file=str(directory / FILE.name), **OWN) as server:
            yield server


@pytest.fixture
async def connection(server: Ordinary) -> AsyncIterator[Any]:
    async with connected(server.url()) as connection:
        yield connection


async def test_every_setting_is_in_force(connection: Any) -> None:
    rows = await connection.fetch(
        "select name, setting, source, sourcefile, pending_restart from pg_settings where source <> 'default'"
    )
    in_force = {row["name"] for row in rows if row["sourcefile"] and row["sourcefile"].endswith(FILE.name)}
    assert in_force == set(WRITTEN) - set(OWN)
    refused = await connection.fetch("select name from pg_file_settings where error is not null")
    assert {row["name"] for row in refused} <= set(OWN)


async def test_values_are_those_that_are_written(connection: Any) -> None:
    told = {row["name"]: row["setting"] for row in await connection.fetch("select name, setting from pg_file_settings")}
    assert {name: value for name, value in told.items() if name in WRITTEN} == WRITTEN
    assert await connection.fetchval("show shared_buffers") == "1GB"
    assert await connection.fetchval("show random_page_cost") == "1.1"
    assert await connection.fetchval("show wal_compression") == "pglz"


async def test_the_schema_applies_on_it(connection: Any) -> None:
    assert await migrate(connection) != []


def test_every_setting_has_its_reason() -> None:
    """A comment stands before each, alone or over a few that belong together."""
    paragraph: list[str] = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and not line.rstrip("-").endswith(" "):
            paragraph.append(line)
        elif SETTING.match(line):
            assert paragraph, f"{line} has no reason"
        else:
            assert not line or line.endswith("---"), line
            paragraph = []


def test_compose_starts_it_with_this_file() -> None:
    assert "- ./docker/postgresql.conf:/etc/postgresql/postgresql.conf:ro" in COMPOSE
    assert "config_file=/etc/postgresql/postgresql.conf" in COMPOSE
