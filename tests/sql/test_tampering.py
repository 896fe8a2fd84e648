"""SQL that a caller smuggles in to change the store under a running query: live against a plain setting, dead here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from server.db.pool import Database
from server.errors import DatabaseError
from tests.sql.acting import StoresTemplate, TwoStores, connected, enter, query, rolled_back

# A table guarded the way that many guides show: by a setting that the caller can overwrite.
SCRATCH = """
create schema scratch;
create table scratch.products as select store_id from retail.products;
alter table scratch.products enable row level security;
create policy own_store on scratch.products using (store_id = current_setting('scratch.store', true));
grant usage on schema scratch to mcp_user;
grant select on scratch.products to mcp_user;
"""

# One statement each. {table} is read; {setting} is overwritten with {value}.
STATEMENTS = {
    "materialized cte": """
        with s as materialized (select set_config('{setting}', '{value}', true) as done)
        select t.store_id from s, lateral (select store_id from {table} where s.done is not null) t""",
    "lateral over generate_series": """
        select t.store_id from generate_series(1, 2) g, lateral (
          select store_id from {table} where set_config('{setting}', '{value}', g > 0) is not null offset 0
        ) t""",
    "function in from": """
        select t.store_id from set_config('{setting}', '{value}', true) f left join {table} t on f is not null""",
    "subquery before a union": """
        select null where set_config('{setting}', '{value}', true) is null union all select store_id from {table}""",
    "update of pg_settings in a cte": """
        with s as materialized (select set_config(name, '{value}', true) as done from (values ('{setting}')) v (name))
        select store_id from {table}, s where s.done is not null""",
}
LEAK = "do $$ begin raise exception 'leak: %', (select string_agg(store_id, ' ') from {table}); end $$"
# Scripts of several commands, as an injection into the simple protocol would run them.
SCRIPTS = {
    "set_config, then do": f"select set_config('{{setting}}', '{{value}}', true); {LEAK}",
    "set local, then do": f"set local {{setting}} = '{{value}}'; {LEAK}",
    "set for the session, then do": f"set session {{setting}} = '{{value}}'; {LEAK}",
    "commit, begin again, set, do": f"commit; begin; set local {{setting}} = '{{value}}'; {LEAK}",
    "reset all, set, do": f"reset all; set {{setting}} = '{{value}}'; {LEAK}",
    "set inside do": """
        do $$ begin
          perform set_config('{setting}', '{value}', true);
          raise exception 'leak: %', (select string_agg(store_id, ' ') from {table});
        end $$""",
    "dynamic set inside do": """
        do $$ declare seen text; begin
          execute $q$ set local {setting} = '{value}' $q$;
          execute $q$ select string_agg(store_id, ' ') from {table} $q$ into seen;
          raise exception 'leak: %', seen;
        end $$""",
    "discard all, set, do": f"commit; discard plans; set {{setting}} = '{{value}}'; {LEAK}",
}


@pytest.fixture(scope="module")
async def world(stores: StoresTemplate) -> AsyncIterator[TwoStores]:
    async with stores.copy() as world:
        await world.retailer.execute(SCRATCH)
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


def with_store_replaced(own: str, foreign: str) -> str:
    """The attacker's own context, edited to name the other store."""
    assert own.endswith("|seattle")
    return own.removesuffix("seattle") + "redmond"


def copied(own: str, foreign: str) -> str:
    """The context of another store's running transaction, as if spied out."""
    return foreign


FORGERIES = [with_store_replaced, copied]


async def answer(connection: Any, attack: str) -> str:
    """All that a caller gets to see: rows, or the error's text."""
    try:
        if attack.lstrip().startswith(("with", "select t.", "select null")):
            return str([tuple(row) for row in await connection.fetch(attack)])
        return str(await connection.execute(attack))
    except asyncpg.PostgresError as error:
        return str(error)


@pytest.mark.parametrize("attack", [*STATEMENTS.values(), *SCRIPTS.values()], ids=[*STATEMENTS, *SCRIPTS])
async def test_attack_works_against_a_plain_setting(attacker: Any, attack: str) -> None:
    await attacker.execute("set local scratch.store = 'seattle'")

    seen = await answer(attacker, attack.format(table="scratch.products", setting="scratch.store", value="redmond"))

    assert "redmond" in seen


@pytest.mark.parametrize("forge", FORGERIES)
@pytest.mark.parametrize("attack", [*STATEMENTS.values(), *SCRIPTS.values()], ids=[*STATEMENTS, *SCRIPTS])
async def test_attack_does_not_reach_the_other_store(
    world: TwoStores, attacker: Any, victim: Any, attack: str, forge: Callable[[str, str], str]
) -> None:
    await enter(attacker, world.token("seattle"))
    own, foreign = [
        await connection.fetchval("select current_setting('retail.context')") for connection in (attacker, victim)
    ]

    seen = await answer(
        attacker, attack.format(table="retail.products", setting="retail.context", value=forge(own, foreign))
    )

    assert "redmond" not in seen
    assert "seattle" in seen or "no store context" in seen


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
    async with Database(world.retailer.app_url, pool_size=1) as database:
        await database.fetch(plant, "redmond" if leaks else foreign)

        if leaks:
            assert [row.store_id for row in await database.fetch(read)] == ["redmond"]
        else:
            with pytest.raises(DatabaseError):
                await database.fetch(read)
