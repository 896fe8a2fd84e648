"""The server's own way into a store: what it costs, what it allows, and that calls never mix."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.calls.principal import Principal, Role, StoreAccess
from server.db.pool import Database
from server.errors import DatabaseError, InvalidInputError, NotAllowedError, NotFoundError
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_scope import StoreScopes
from tests.sql.acting import SIGNER, TwoStores, query

STORES_SEEN = query("select distinct store_id from retail.products")
ADD_PRODUCT = query(
    "insert into retail.products (store_id, sku, product_name, price) values ($1, $2, 'New', 1) returning store_id"
)
PLANT_OWN_CONTEXT = query("select set_config('retail.context', current_setting('retail.context'), false) as store_id")
FAIL = query("select (1 / 0)::text as store_id")


@pytest.fixture
async def database(two_stores: TwoStores) -> AsyncIterator[Database]:
    """The server's pool, with one connection."""
    async with Database(two_stores.retailer.app_url, pool_size=1) as database:
        yield database


def scopes_of(
    world: TwoStores, database: Database, *store_ids: str, role: Role = "manager", default_store: str | None = None
) -> StoreScopes:
    """The scopes of seattle's manager, as if it also had access to every store named."""
    principal = Principal(
        world.principals[role, "seattle"],
        f"{role} of seattle",
        tuple(StoreAccess(store_id, store_id.title(), role) for store_id in store_ids),
    )
    return StoreScopes(database, SIGNER, principal, default_store)


async def test_scope_sees_its_store(two_stores: TwoStores, database: Database) -> None:
    async with scopes_of(two_stores, database, "seattle").enter() as store:
        seen = await store.db.all(STORES_SEEN)

    assert [row.store_id for row in seen] == ["seattle"]


async def test_scope_knows_what_the_database_says_of_the_store(two_stores: TwoStores, database: Database) -> None:
    async with scopes_of(two_stores, database, "seattle", role="analyst").enter() as store:
        described = (store.store_id, store.role, store.store_name, store.currency, store.time_zone)

    assert described == ("seattle", "analyst", "Seattle", "USD", "America/Los_Angeles")


async def test_scope_costs_four_round_trips(
    two_stores: TwoStores, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = scopes_of(two_stores, database, "seattle")
    writes = 0
    async with scopes.enter() as store:
        # The first call prepares the statements; every later one finds them on its connection.
        await store.db.all(STORES_SEEN)
        transport = store.db._connection._con._transport

    def counted(data: Any, send: Any = transport.write) -> None:
        nonlocal writes
        writes += 1
        send(data)

    monkeypatch.setattr(transport, "write", counted)
    async with scopes.enter() as store:
        await store.db.all(STORES_SEEN)

    assert writes == 4


async def test_scope_is_read_only(two_stores: TwoStores, database: Database) -> None:
    with pytest.raises(DatabaseError) as refusal:
        async with scopes_of(two_stores, database, "seattle").enter() as store:
            await store.db.all(ADD_PRODUCT, "seattle", "NEW")

    assert refusal.value.sqlstate == "25006"


async def test_write_scope_keeps_what_it_wrote(own_stores: TwoStores) -> None:
    async with (
        Database(own_stores.retailer.app_url, pool_size=1) as database,
        scopes_of(own_stores, database, "seattle").enter(write=True) as store,
    ):
        await store.db.all(ADD_PRODUCT, "seattle", "NEW")

    assert await own_stores.retailer.value("select store_id from retail.products where sku = 'NEW'") == "seattle"


async def test_write_scope_does_not_write_into_another_store(two_stores: TwoStores, database: Database) -> None:
    with pytest.raises(DatabaseError) as refusal:
        async with scopes_of(two_stores, database, "seattle").enter(write=True) as store:
            await store.db.all(ADD_PRODUCT, "redmond", "NEW")

    assert refusal.value.sqlstate == "42501"


async def test_failed_write_scope_leaves_nothing(two_stores: TwoStores, database: Database) -> None:
    with pytest.raises(DatabaseError):
        async with scopes_of(two_stores, database, "seattle").enter(write=True) as store:
            await store.db.all(ADD_PRODUCT, "seattle", "HALF")
            await store.db.all(FAIL)

    assert await two_stores.retailer.value("select count(*) from retail.products where sku = 'HALF'") == 0


async def test_query_outside_a_scope_is_an_error(two_stores: TwoStores, database: Database) -> None:
    with pytest.raises(DatabaseError) as refusal:
        await database.fetch(STORES_SEEN)

    assert refusal.value.sqlstate == "42501"


async def test_context_planted_in_the_session_does_not_serve_the_next_borrower(
    two_stores: TwoStores, database: Database
) -> None:
    async with scopes_of(two_stores, database, "seattle").enter() as store:
        await store.db.all(PLANT_OWN_CONTEXT)

    with pytest.raises(DatabaseError) as refusal:
        await database.fetch(STORES_SEEN)
    assert refusal.value.sqlstate == "42501"


@pytest.mark.parametrize("store_id", ["redmond", "atlantis", "", "seattle|redmond", "x" * 10_000])
async def test_store_of_others_and_no_store_are_one_answer(
    two_stores: TwoStores, database: Database, store_id: str
) -> None:
    scopes = scopes_of(two_stores, database, "seattle", default_store="redmond")

    with pytest.raises(NotFoundError) as refusal:
        async with scopes.enter(store_id):
            pass

    assert str(refusal.value) == "No such store among yours. Your stores: seattle."


async def test_claimed_access_does_not_open_a_store(two_stores: TwoStores, database: Database) -> None:
    scopes = scopes_of(two_stores, database, "seattle", "redmond")

    with pytest.raises(NotFoundError):
        async with scopes.enter("redmond"):
            pass


async def test_signer_with_another_key_opens_nothing(two_stores: TwoStores, database: Database) -> None:
    principal = scopes_of(two_stores, database, "seattle").principal
    scopes = StoreScopes(database, ContextSigner("some-other-key-0123456789"), principal)

    with pytest.raises(NotFoundError):
        async with scopes.enter():
            pass


async def test_default_store_is_entered_when_none_is_named(two_stores: TwoStores, database: Database) -> None:
    scopes = scopes_of(two_stores, database, "redmond", "seattle", default_store="seattle")

    async with scopes.enter() as store:
        assert store.store_id == "seattle"


async def test_choice_among_several_stores_is_the_callers(two_stores: TwoStores, database: Database) -> None:
    scopes = scopes_of(two_stores, database, "redmond", "seattle")

    with pytest.raises(InvalidInputError, match="redmond, seattle"):
        async with scopes.enter():
            pass


async def test_principal_without_stores_is_told_so(two_stores: TwoStores, database: Database) -> None:
    with pytest.raises(NotAllowedError, match="no open store"):
        async with scopes_of(two_stores, database).enter():
            pass


async def test_interleaved_calls_of_two_stores_never_mix(two_stores: TwoStores) -> None:
    chance = random.Random(20)
    wrong: list[tuple[str, list[str]]] = []
    ended = {"answered": 0, "failed": 0, "cancelled": 0}

    async def call(database: Database, store_id: str, fate: float) -> None:
        principal = Principal(two_stores.principals["manager", store_id], "", ())
        async with StoreScopes(database, SIGNER, principal).enter(store_id) as store:
            if fate < 0.1:
                await store.db.all(PLANT_OWN_CONTEXT)
            elif fate < 0.2:
                await store.db.all(FAIL)
            elif fate < 0.3:
                raise asyncio.CancelledError
            seen = [row.store_id for row in await store.db.all(STORES_SEEN)]
        if seen != [store_id]:
            wrong.append((store_id, seen))

    async def caller(database: Database, calls: list[tuple[str, float]]) -> None:
        for store_id, fate in calls:
            try:
                await call(database, store_id, fate)
            except DatabaseError:
                ended["failed"] += 1
            except asyncio.CancelledError:
                ended["cancelled"] += 1
            else:
                ended["answered"] += 1

    async with Database(two_stores.retailer.app_url, pool_size=3) as database:
        plans = [[(chance.choice(["seattle", "redmond"]), chance.random()) for _ in range(100)] for _ in range(10)]
        await asyncio.gather(*(caller(database, plan) for plan in plans))

    assert wrong == []
    assert all(count > 50 for count in ended.values()), ended
    assert sum(ended.values()) == 1000
