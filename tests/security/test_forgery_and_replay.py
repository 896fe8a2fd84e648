"""Forged, stale, copied and replayed tokens and contexts: refused, or worth no more than to their owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from server.db.operator import admin_connection
from tests.security.forgeries import (
    CONTEXTS,
    READ,
    TOKENS,
    Doors,
    context_of,
    made_up_context,
    open_doors,
    plant,
    seen_with_context,
    seen_with_token,
    stores_seen,
    wrong_stores_of_a_generic_plan,
)
from tests.sql.acting import SIGNER, StoresTemplate, TwoStores, connected, enter, rolled_back

ALTERNATIONS = 200


@pytest.fixture(scope="module")
async def doors(stores: StoresTemplate) -> AsyncIterator[Doors]:
    async with stores.copy() as world, open_doors(world) as doors:
        yield doors


@pytest.mark.parametrize("forgery", TOKENS)
async def test_bad_token_is_refused_without_saying_why(doors: Doors, forgery: str) -> None:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await seen_with_token(doors, forgery)

    assert (refusal.value.sqlstate, str(refusal.value), refusal.value.detail, refusal.value.hint) == (
        "42501",
        "store context refused",
        None,
        None,
    )


@pytest.mark.parametrize("forgery", CONTEXTS)
async def test_bad_context_opens_nothing(doors: Doors, forgery: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"^no store context"):
        await seen_with_context(doors, CONTEXTS[forgery])


@pytest.mark.parametrize("value", ["", "seattle", "|" * 20, "C|seattle", "\u00e9" * 200], ids=ascii)
async def test_nonsense_for_a_context_opens_nothing(doors: Doors, value: str) -> None:
    async def nonsense(doors: Doors) -> str:
        return value

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"^no store context"):
        await seen_with_context(doors, nonsense)


async def test_who_has_the_key_can_make_a_context(doors: Doors) -> None:
    """Guards the test of made-up contexts: they fail for what is wrong with them and for nothing else."""
    assert await seen_with_context(doors, made_up_context) == ["redmond"]


async def test_context_does_not_serve_as_a_token(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        await enter(doors.mcp, doors.token)

        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"^store context refused$"):
            await enter(doors.mcp, await context_of(doors.mcp))


@pytest.mark.parametrize("credential", [False, True], ids=["no credential", "a valid credential"])
async def test_replayed_token_gives_nobody_more_than_its_owner_had(doors: Doors, credential: bool) -> None:
    token = SIGNER.sign(
        doors.of_both if not credential else doors.manager,
        "seattle",
        credential=doors.credentials.valid if credential else 0,
    )
    async with rolled_back(doors.mcp), rolled_back(doors.other):
        first, again = await enter(doors.mcp, token), await enter(doors.other, token)

        assert tuple(first) == tuple(again)
        assert await stores_seen(doors.other) == ["seattle"]
        principals = [(await c.fetchval("select guard.context()"))[4] for c in (doors.mcp, doors.other)]
        assert principals[0] == principals[1]


async def test_replayed_token_does_not_widen_a_context_that_stands(doors: Doors) -> None:
    """Whoever is in redmond and plays seattle's token has seattle's rows, not both."""
    async with rolled_back(doors.mcp):
        await enter(doors.mcp, doors.world.token("redmond"))
        await enter(doors.mcp, doors.token)

        assert await stores_seen(doors.mcp) == ["seattle"]


@pytest.mark.parametrize(
    ("change", "sign"),
    [
        (
            "update guard.api_token set revoked_at = now() where token_id = {credential}",
            lambda doors, credential: SIGNER.sign(doors.manager, "seattle", credential=credential),
        ),
        (
            "update guard.store_access set valid_until = now() where principal_id = {principal}",
            lambda doors, credential: SIGNER.sign(doors.manager, "seattle"),
        ),
        (
            "update guard.principal set is_active = false where principal_id = {principal}",
            lambda doors, credential: SIGNER.sign(doors.manager, "seattle"),
        ),
        (
            "update guard.context_key set not_after = now()",
            lambda doors, credential: SIGNER.sign(doors.manager, "seattle"),
        ),
    ],
    ids=["credential revoked", "access revoked", "principal deactivated", "key retired"],
)
async def test_token_that_worked_is_refused_once_its_ground_is_gone(
    own_stores: TwoStores, change: str, sign: Any
) -> None:
    async with open_doors(own_stores) as doors:
        token = sign(doors, doors.credentials.valid)
        async with rolled_back(doors.mcp):
            await enter(doors.mcp, token)
        async with admin_connection(own_stores.retailer.admin_url) as operator:
            await operator.execute(change.format(credential=doors.credentials.valid, principal=doors.manager))

        async with rolled_back(doors.mcp):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"^store context refused$"):
                await enter(doors.mcp, token)


async def test_key_retired_in_the_middle_of_a_transaction_ends_its_context(doors: Doors) -> None:
    async with connected(doors.world.retailer.admin_url) as operator, rolled_back(operator):
        await enter(operator, doors.token)
        await operator.execute("set local role mcp_user")
        assert await stores_seen(operator) == ["seattle"]
        await operator.execute("reset role")
        await operator.execute("update guard.context_key set not_after = now()")
        await operator.execute("set local role mcp_user")

        await assert_no_context(operator)


async def test_context_left_in_the_session_does_not_work_in_the_next_transaction(doors: Doors) -> None:
    async with doors.mcp.transaction():
        await enter(doors.mcp, doors.token)
        await plant(doors.mcp, await context_of(doors.mcp), for_the_session=True)

    async with rolled_back(doors.mcp):
        assert await context_of(doors.mcp) != ""
        await assert_no_context(doors.mcp)


async def test_context_ends_with_its_transaction(doors: Doors) -> None:
    async with doors.mcp.transaction():
        await enter(doors.mcp, doors.token)

    async with rolled_back(doors.mcp):
        await assert_no_context(doors.mcp)


async def test_context_ends_with_the_savepoint_that_it_was_set_in(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        async with rolled_back(doors.mcp):
            await enter(doors.mcp, doors.token)

        await assert_no_context(doors.mcp)


async def test_savepoint_that_changed_the_store_gives_the_first_one_back(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        await enter(doors.mcp, SIGNER.sign(doors.of_both, "seattle"))
        async with rolled_back(doors.mcp):
            await enter(doors.mcp, SIGNER.sign(doors.of_both, "redmond"))
            assert await stores_seen(doors.mcp) == ["redmond"]

        assert await stores_seen(doors.mcp) == ["seattle"]


async def test_context_set_outside_a_transaction_is_gone_at_once(doors: Doors) -> None:
    await enter(doors.mcp, doors.token)

    await assert_no_context(doors.mcp)


async def test_query_in_autocommit_is_an_error(doors: Doors) -> None:
    await assert_no_context(doors.mcp)


async def test_generic_plan_follows_every_change_of_store(doors: Doors) -> None:
    if doors.world.retailer.is_pooled:
        pytest.skip("it is about a prepared statement, which the pooler does not know")
    assert await wrong_stores_of_a_generic_plan(doors.world, ALTERNATIONS) == []


async def assert_no_context(connection: Any) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
        async with connection.transaction():
            await connection.fetch(READ)
