"""Identities are remembered, but not a moment longer than they are true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from server.auth.authenticator import Authenticated, Authenticator
from server.auth.identity_cache import IdentityCache
from server.db.operator import admin_connection
from server.db.pool import Database
from server.errors import NotFoundError
from server.operations.admin.stores import add_store
from server.tenancy.store_scope import StoreScopes
from tests.sql.acting import SIGNER
from tests.support import Retailer

# Changes made like this announce nothing.
SILENTLY = "set session_replication_role = replica; "


@dataclass(frozen=True)
class Desk:
    """A server's look-up of identities, and the retailer that it looks at."""

    retailer: Retailer
    cache: IdentityCache[Authenticated]
    authenticator: Authenticator

    async def token(self, *, subject: str = "ada", lifetime: timedelta = timedelta(days=1)) -> str:
        """A new token, and everything announced that its making announces."""
        generation = self.cache.generation
        known = await self.retailer.value("select exists (select from guard.principal where subject = $1)", subject)
        token = await self.retailer.token("seattle", subject=subject, lifetime=lifetime)
        if not known:
            await until_forgotten(self, generation)
        return token

    async def knows(self, token: str) -> bool:
        return await self.authenticator.authenticate(token) is not None

    async def listening(self) -> None:
        while not self.cache._listening:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


@pytest.fixture
async def desk(retailer: Retailer) -> AsyncIterator[Desk]:
    async with admin_connection(retailer.admin_url) as connection:
        await add_store(connection, "seattle", "Seattle", "USD", "America/Los_Angeles")
    url = retailer.login_url("mcp_auth")
    async with Database(url, pool_size=1) as identities, IdentityCache[Authenticated](url) as cache:
        desk = Desk(retailer, cache, Authenticator(identities, cache))
        await desk.listening()
        yield desk


async def until_forgotten(desk: Desk, generation: int) -> None:
    async with asyncio.timeout(30):
        while desk.cache.generation == generation:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)


async def test_an_identity_is_looked_up_once(desk: Desk) -> None:
    token = await desk.token()
    first = await desk.authenticator.authenticate(token)
    await desk.retailer.execute(SILENTLY + "delete from guard.api_token")
    assert await desk.authenticator.authenticate(token) is first


async def test_many_calls_at_once_look_their_identity_up_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood under one token takes one of the few connections for look-ups, and leaves the others to others."""
    token = await desk.token()
    look_up, looked_up = desk.authenticator._look_up, []

    async def counted(digest: bytes) -> Authenticated | None:
        looked_up.append(digest)
        return await look_up(digest)

    # The announcement of the new token has arrived; it makes the server forget.
    await asyncio.sleep(0.2)
    monkeypatch.setattr(desk.authenticator, "_look_up", counted)
    found = await asyncio.gather(*(desk.authenticator.authenticate(token) for _ in range(24)))
    assert len(set(map(id, found))) == 1
    assert len(looked_up) == 1
    # Nothing is kept of who asked.
    assert len(desk.authenticator._asking) == 0


async def test_a_token_that_nobody_has_is_looked_up_each_time(desk: Desk) -> None:
    token = await desk.token()
    await desk.retailer.execute(SILENTLY + "update guard.api_token set revoked_at = now()")
    assert not await desk.knows(token)
    await desk.retailer.execute(SILENTLY + "update guard.api_token set revoked_at = null")
    assert await desk.knows(token)


@pytest.mark.parametrize(
    "change",
    [
        "update guard.api_token set revoked_at = now()",
        "delete from guard.api_token",
        "update guard.principal set is_active = false",
        "delete from guard.principal",
        "update guard.store_access set role = 'analyst'",
        "delete from guard.store_access",
        "update guard.tenant set is_active = false",
        "truncate guard.store_access",
        "update retail.stores set is_active = false",
        "update guard.context_key set not_after = now()",
        "insert into guard.external_identity values ('https://idp.example.com', 'sub', 1)",
    ],
)
async def test_a_change_is_heard_of(change: str, desk: Desk) -> None:
    token = await desk.token()
    before = await desk.authenticator.authenticate(token)
    assert before is not None
    generation = desk.cache.generation
    await desk.retailer.execute(change)
    await until_forgotten(desk, generation)
    assert await desk.authenticator.authenticate(token) is not before


async def test_a_remembered_token_expires(desk: Desk) -> None:
    token = await desk.token(lifetime=timedelta(seconds=1.5))
    assert await desk.knows(token)
    await asyncio.sleep(1.6)
    assert desk.cache.get(next(iter(desk.cache._known))) is not None
    assert not await desk.knows(token)


async def test_nothing_is_remembered_while_nobody_listens(desk: Desk) -> None:
    token = await desk.token()
    assert await desk.knows(token)
    generation = desk.cache.generation
    await desk.retailer.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'retail-mcp identities'"
        " and datname = current_database()"
    )
    await until_forgotten(desk, generation)
    assert await desk.knows(token)
    await desk.retailer.execute(SILENTLY + "update guard.api_token set revoked_at = now()")
    assert not await desk.knows(token)
    # It listens again by itself.
    async with asyncio.timeout(30):
        await desk.listening()


async def test_an_answer_that_was_overtaken_by_a_change_is_not_remembered(desk: Desk) -> None:
    identity: Any = object()
    asked_in = desk.cache.generation
    desk.cache.forget()
    desk.cache.put("key", identity, asked_in)
    assert desk.cache.get("key") is None
    desk.cache.put("key", identity, desk.cache.generation)
    assert desk.cache.get("key") is identity


@pytest.mark.parametrize("end", ["revoked_at = now()", "expires_at = now()"])
async def test_a_remembered_identity_reads_nothing_once_its_token_has_ended(end: str, desk: Desk) -> None:
    """The database looks at the token again, whatever a server remembers."""
    found = await desk.authenticator.authenticate(await desk.token())
    other = await desk.authenticator.authenticate(await desk.token())
    assert found is not None
    assert other is not None
    async with Database(desk.retailer.app_url, pool_size=1) as database:
        async with StoreScopes(database, SIGNER, found[0]).enter() as store:
            assert store.store_id == "seattle"
        await desk.retailer.execute(SILENTLY + f"update guard.api_token set {end} where token_id = 1")
        with pytest.raises(NotFoundError):
            async with StoreScopes(database, SIGNER, found[0]).enter():
                pytest.fail("a token that has ended opened a store")
        async with StoreScopes(database, SIGNER, other[0]).enter() as store:
            assert store.store_id == "seattle"


async def test_somebody_elses_token_vouches_for_nobody(desk: Desk) -> None:
    mine = await desk.authenticator.authenticate(await desk.token(subject="ada"))
    theirs = await desk.authenticator.authenticate(await desk.token(subject="bob"))
    assert mine is not None
    assert theirs is not None
    token = SIGNER.sign(mine[0].principal_id, "seattle", credential=theirs[0].credential)
    async with Database(desk.retailer.app_url, pool_size=1) as database, database.transaction() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="store context refused"):
            await connection._connection.fetch("select retail.set_store_context($1)", token)
