"""SQL that a caller smuggles in, run as the server's login: live against a plain setting, dead against the context."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from server.errors import DatabaseError
from tests.security.attacks import DOORS, PLAIN_SETTING, STACKED, STATEMENTS, answer, copied, with_store_replaced
from tests.sql.acting import StoresTemplate, TwoStores, connected, enter, query, rolled_back
from tests.support import Retailer

ATTACKS = STATEMENTS | STACKED


@pytest.fixture(scope="module")
async def world(stores: StoresTemplate) -> AsyncIterator[TwoStores]:
    async with stores.copy() as world:
        await world.retailer.execute(PLAIN_SETTING)
        yield world


@pytest.fixture(scope="module")
async def victim(world: TwoStores) -> AsyncIterator[Any]:
    """Another login of the server, at work in redmond."""
    async with connected(world.retailer.app_url) as connection, rolled_back(connection):
        # Not for the whole module: the login's own limit ends an idle transaction after ten seconds.
        await connection.execute("set local idle_in_transaction_session_timeout = 0")
        await connection.execute("set local transaction_timeout = 0")
        await enter(connection, world.token("redmond"))
        yield connection


@pytest.fixture
async def attacker(world: TwoStores) -> AsyncIterator[Any]:
    """A connection in a read-only transaction, thrown away with all that an attack left in its session."""
    async with connected(world.retailer.app_url) as connection:
        await connection.execute("begin read only")
        yield connection


def test_there_are_enough_attacks_to_speak_of() -> None:
    assert len(STATEMENTS) >= 11
    assert len(STACKED) >= 4


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attack_works_against_a_plain_setting(attacker: Any, attack: str) -> None:
    await attacker.execute("set local scratch.store = 'seattle'")

    seen = await answer(
        attacker, ATTACKS[attack].format(table="scratch.products", setting="scratch.store", value="redmond")
    )

    assert "redmond" in seen


@pytest.mark.parametrize("forge", [with_store_replaced, copied])
@pytest.mark.parametrize("attack", ATTACKS)
async def test_attack_does_not_reach_the_other_store(
    world: TwoStores, attacker: Any, victim: Any, attack: str, forge: Callable[[str, str], str]
) -> None:
    await enter(attacker, world.token("seattle"))
    own, foreign = [
        await connection.fetchval("select current_setting('retail.context')") for connection in (attacker, victim)
    ]

    seen = await answer(
        attacker,
        ATTACKS[attack].format(table="retail.products", setting="retail.context", value=forge(own, foreign)),
    )

    # Attacks that print the setting itself show what the attacker wrote there, and no row.
    assert "redmond" not in seen.replace(forge(own, foreign), "")
    assert "seattle" in seen or "no store context" in seen


@pytest.mark.parametrize("door", DOORS)
async def test_other_doors_are_closed(migrated: Retailer, door: str) -> None:
    async with connected(migrated.app_url) as connection, rolled_back(connection):
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await connection.execute(DOORS[door])

    assert refusal.value.sqlstate == "42501"
    assert "no store context" not in str(refusal.value)


@pytest.mark.parametrize(
    ("setting", "table", "leaks"),
    [("scratch.store", "scratch.products", True), ("retail.context", "retail.products", False)],
    ids=["plain setting", "signed context"],
)
async def test_setting_left_in_the_session_reaches_the_next_borrower_only_if_plain(
    world: TwoStores, victim: Any, setting: str, table: str, leaks: bool
) -> None:
    foreign = await victim.fetchval("select current_setting('retail.context')")
    plant = query(f"select set_config('{setting}', $1, false) as store_id")
    read = query(f"select distinct store_id from {table}")
    async with world.retailer.database(pool_size=1) as database:
        await database.fetch(plant, "redmond" if leaks else foreign)

        if leaks:
            assert [row.store_id for row in await database.fetch(read)] == ["redmond"]
        else:
            with pytest.raises(DatabaseError):
                await database.fetch(read)
