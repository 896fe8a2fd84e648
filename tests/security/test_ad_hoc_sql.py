"""SQL of a caller reaches its own store's views and nothing else, whatever it is, and takes little time and memory.

Proved with the engine's own list of functions and without it, as on a managed service without superuser.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.db.embedded import embedded_server
from server.tools.adhoc.vocabulary import KEYWORDS
from tests.cluster import Cluster
from tests.security.ad_hoc import (
    MAX_MEMORY,
    MAX_SECONDS,
    AdHocWorld,
    Attack,
    Outcome,
    attacks,
    managed_retailer,
    open_world,
)
from tests.security.texts_of_sql import quoted
from tests.support import Retailer

# They run, and end with a value that is no number: the own store's, and it is not told.
ENDS_WITH_A_WRONG_CAST = {"A117", "A118"}
# What the engine lets through without the gate, because no function is called by name: JSON, and the names of tables,
# functions, schemas and roles, as no grant guards a cast. A185 needs a
# PostgreSQL with XML, which the wheel's is not.
OPEN_WITHOUT_THE_GATE = {"A184", "A185", "A307", "A308", "A309", "A310", "A312", "A313", "A315", "A316"}


@pytest.fixture(scope="module")
async def world(cluster: Cluster, template: str) -> AsyncIterator[AdHocWorld]:
    """A database that a superuser made."""
    async with (
        cluster.temporary_database(template) as name,
        open_world(Retailer(cluster.admin_url(name), cluster.app_url(name))) as world,
    ):
        yield world


@pytest.fixture(scope="module")
async def managed() -> AsyncIterator[AdHocWorld]:
    """A database in a cluster of its own, whose owner could not take PostgreSQL's functions from PUBLIC."""
    directory = Path(tempfile.mkdtemp(prefix="retail-managed-"))
    try:
        with embedded_server(directory) as server:
            async with (
                managed_retailer(server.dsn("postgres", "managed"), server.dsn("mcp_user", "managed")) as retailer,
                open_world(retailer) as world,
            ):
                yield world
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def without_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database does with a text that the gate should have stopped."""
    monkeypatch.setattr("server.tools.adhoc.query.checked", lambda sql: sql)


def ends_as_expected(attack: Attack, outcome: Outcome) -> bool:
    stopped = "time limit" in outcome.text or "sorts or joins too much" in outcome.text
    match attack.expected:
        case "reject":
            return outcome.refused and not stopped
        case "capped":
            return outcome.cut or (outcome.refused and stopped)
        case _ if attack.name in ENDS_WITH_A_WRONG_CAST:
            return outcome.refused and "a text is cast to a type" in outcome.text
        case _:
            return not outcome.refused


async def faults(world: AdHocWorld, tried: list[Attack]) -> dict[str, str]:
    """Texts that end otherwise than they must, and how."""
    found: dict[str, str] = {}
    for attack in tried:
        outcome = await world.ask(attack.sql)
        if world.leaks(attack.sql, outcome):
            found[attack.name] = f"leaks: {outcome.text[:300]}"
        elif not ends_as_expected(attack, outcome):
            found[attack.name] = f"ends differently: {outcome.text[:300]}"
        elif outcome.memory > MAX_MEMORY:
            found[attack.name] = f"takes {outcome.memory} bytes"
        elif outcome.seconds > MAX_SECONDS:
            found[attack.name] = f"takes {outcome.seconds:.1f} s"
    return found


def quoted_attacks() -> list[Attack]:
    """Each attack again with every name in quotes: functions, types, tables and fields, but no word of SQL."""
    found = [replace(attack, sql=quoted(attack.sql, KEYWORDS)) for attack in attacks() if attack.expected == "reject"]
    return [attack for attack in found if '"' in attack.sql]


def test_there_are_attacks_of_every_kind() -> None:
    assert {attack.kind for attack in attacks()} == {
        "catalog", "context", "cross", "dos", "file", "oracle", "parser", "pii", "procedural", "role", "write"
    }  # fmt: skip
    assert len(attacks()) >= 140


async def test_every_attack_ends_as_it_must(world: AdHocWorld) -> None:
    assert await faults(world, attacks()) == {}


async def test_every_attack_ends_as_it_must_on_a_managed_service(managed: AdHocWorld) -> None:
    assert await managed.retailer.value(
        "select has_function_privilege('mcp_sql', 'set_config(text,text,bool)', 'execute')"
    )

    assert await faults(managed, attacks()) == {}


async def test_quotes_open_nothing(world: AdHocWorld, managed: AdHocWorld) -> None:
    assert len(quoted_attacks()) > 90
    for database in (world, managed):
        assert await faults(database, quoted_attacks()) == {}


@pytest.mark.usefixtures("without_gate")
async def test_the_engine_alone_holds_too(world: AdHocWorld) -> None:
    """Where a superuser made the database, the gate is not what it rests on."""
    quick = [attack for attack in attacks() if attack.expected != "capped"]

    assert set(await faults(world, quick)) <= OPEN_WITHOUT_THE_GATE


@pytest.mark.usefixtures("without_gate")
async def test_the_gate_is_what_holds_on_a_managed_service(managed: AdHocWorld) -> None:
    """Without it, these and more would run there; rows of another store would not."""
    for sql in ("select set_config('work_mem', '2GB', false)", "select pg_sleep(0)", "select count(*) from pg_class"):
        assert not (await managed.ask(sql)).refused, sql
    quick = [attack for attack in attacks() if attack.kind in ("catalog", "context", "oracle", "pii", "cross")]
    open_there = await faults(managed, quick)

    assert [name for name, fault in open_there.items() if fault.startswith("leaks")] == []
    assert len(open_there) > 10
