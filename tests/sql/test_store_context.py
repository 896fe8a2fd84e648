"""The signed store context: what opens a store, what does not, and how long it holds."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from server.context_token import ContextSigner
from tests.sql.acting import SIGNER, StoresTemplate, TwoStores, connected, enter, rolled_back
from tests.sql.factories import insert_principal, insert_store
from tests.support import CONTEXT_KEY

UNKNOWN_KEY = "a-key-that-no-database-has-seen-0123456789"
RETIRED_KEY = "a-key-that-was-retired-yesterday-0123456789"
READ = "select distinct store_id from retail.products"
SIGNATURE_LENGTH = 64


def signed(payload: str, key: str = CONTEXT_KEY) -> str:
    """Any payload with a signature that verifies."""
    return hmac.digest(key.encode(), payload.encode(), hashlib.sha256).hex() + payload


@dataclass(frozen=True)
class Doors:
    """Two stores, principals who lost their access in different ways, and two logins of the server."""

    world: TwoStores
    mcp: Any
    other: Any
    revoked: int
    deactivated: int
    of_closed_store: int
    of_both: int

    @property
    def manager(self) -> int:
        """The manager of seattle."""
        return self.world.principals["manager", "seattle"]

    @property
    def token(self) -> str:
        """A token that opens seattle."""
        return self.world.token("seattle")

    def altered(self, position: int, value: str) -> str:
        """That token with one field changed after it was signed."""
        signature, payload = self.token[:SIGNATURE_LENGTH], self.token[SIGNATURE_LENGTH:]
        fields = payload.split("|")
        assert fields[position] != value
        fields[position] = value
        return signature + "|".join(fields)


@pytest.fixture(scope="module")
async def doors(stores: StoresTemplate) -> AsyncIterator[Doors]:
    async with (
        stores.copy() as world,
        connected(world.retailer.admin_url) as operator,
        connected(world.retailer.app_url) as mcp,
        connected(world.retailer.app_url) as other,
    ):
        await insert_store(operator, "tacoma", is_active=False)
        revoked = await insert_principal(operator, "revoked", {"seattle": "manager"})
        deactivated = await insert_principal(operator, "deactivated", {"seattle": "manager"}, is_active=False)
        of_closed_store = await insert_principal(operator, "of closed store", {"tacoma": "manager"})
        of_both = await insert_principal(operator, "of both", {"seattle": "manager", "redmond": "analyst"})
        await operator.execute(f"update guard.store_access set valid_until = now() where principal_id = {revoked}")
        retired = ContextSigner(RETIRED_KEY)
        await operator.execute(
            "insert into guard.context_key (kid, inner_pad, outer_pad, not_after) values ($1, $2, $3, now())",
            retired.kid,
            *retired.pads(),
        )
        yield Doors(world, mcp, other, revoked, deactivated, of_closed_store, of_both)


# Each makes a request token that must be refused.
BAD_TOKENS: dict[str, Callable[[Doors], str]] = {
    "empty": lambda doors: "",
    "no signature": lambda doors: doors.token[SIGNATURE_LENGTH:],
    "signature only": lambda doors: doors.token[:SIGNATURE_LENGTH],
    "signature with a wrong digit": lambda doors: ("1" if doors.token[0] == "0" else "0") + doors.token[1:],
    "signature in capitals": lambda doors: doors.token[:SIGNATURE_LENGTH].upper() + doors.token[SIGNATURE_LENGTH:],
    "payload cut by one": lambda doors: doors.token[:-1],
    "payload one longer": lambda doors: doors.token + "x",
    "type changed": lambda doors: doors.altered(0, "C"),
    "key id changed": lambda doors: doors.altered(1, ContextSigner(UNKNOWN_KEY).kid),
    "expiry changed": lambda doors: doors.altered(2, "9999999999"),
    "principal changed": lambda doors: doors.altered(3, str(doors.of_both)),
    "store changed": lambda doors: doors.altered(4, "redmond"),
    "signed with a key of the wrong id": lambda doors: signed(doors.token[SIGNATURE_LENGTH:], UNKNOWN_KEY),
    "unknown key": lambda doors: ContextSigner(UNKNOWN_KEY).sign(doors.manager, "seattle"),
    "retired key": lambda doors: ContextSigner(RETIRED_KEY).sign(doors.manager, "seattle"),
    "wrong type, well signed": lambda doors: signed("C" + doors.token[SIGNATURE_LENGTH + 1 :]),
    "a context for a token": lambda doors: signed(f"C|{SIGNER.kid}|9999999999|1|{doors.manager}|manager|seattle"),
    "one field too many, well signed": lambda doors: SIGNER.sign(doors.manager, "seattle|redmond"),
    "expired": lambda doors: SIGNER.sign(doors.manager, "seattle", lifetime_seconds=-1),
    "access revoked": lambda doors: SIGNER.sign(doors.revoked, "seattle"),
    "principal deactivated": lambda doors: SIGNER.sign(doors.deactivated, "seattle"),
    "store closed": lambda doors: SIGNER.sign(doors.of_closed_store, "tacoma"),
    "store of somebody else": lambda doors: SIGNER.sign(doors.manager, "redmond"),
    "store that does not exist": lambda doors: SIGNER.sign(doors.manager, "atlantis"),
    "principal that does not exist": lambda doors: SIGNER.sign(2_000_000_000, "seattle"),
}


@pytest.mark.parametrize("make_token", BAD_TOKENS.values(), ids=BAD_TOKENS)
async def test_bad_token_is_refused_without_saying_why(doors: Doors, make_token: Callable[[Doors], str]) -> None:
    async with rolled_back(doors.mcp):
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await enter(doors.mcp, make_token(doors))

    assert (refusal.value.sqlstate, str(refusal.value), refusal.value.detail, refusal.value.hint) == (
        "42501",
        "store context refused",
        None,
        None,
    )


async def test_good_token_opens_its_store(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        entered = await enter(doors.mcp, doors.token)

        assert (entered["store_id"], entered["role"], entered["store_name"]) == ("seattle", "manager", "Seattle")
        assert await stores_seen(doors.mcp) == ["seattle"]


async def test_null_token_opens_nothing(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        await doors.mcp.execute("select retail.set_store_context(null)")

        await assert_no_context(doors.mcp)


async def test_role_is_that_of_the_store_entered(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        await enter(doors.mcp, SIGNER.sign(doors.of_both, "redmond"))

        assert await doors.mcp.fetchval("select guard.role()") == "analyst"


async def test_second_store_replaces_the_first_in_one_transaction(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        await enter(doors.mcp, SIGNER.sign(doors.of_both, "seattle"))
        await enter(doors.mcp, SIGNER.sign(doors.of_both, "redmond"))

        assert await stores_seen(doors.mcp) == ["redmond"]


async def test_replayed_token_opens_its_own_store_only(doors: Doors) -> None:
    token = doors.token
    async with rolled_back(doors.mcp), rolled_back(doors.other):
        await enter(doors.mcp, token)
        await enter(doors.other, token)

        assert await stores_seen(doors.other) == ["seattle"]


async def test_context_does_not_work_on_another_connection(doors: Doors) -> None:
    async with rolled_back(doors.mcp), rolled_back(doors.other):
        await enter(doors.mcp, doors.token)
        await plant(doors.other, await context_of(doors.mcp))

        await assert_no_context(doors.other)


@pytest.mark.parametrize(
    ("type_letter", "own_start", "own_backend", "works"),
    [("C", True, True, True), ("C", False, True, False), ("C", True, False, False), ("T", True, True, False)],
    ids=["its own", "of another transaction", "of another backend", "of another type"],
)
async def test_context_is_bound_to_transaction_and_backend(
    doors: Doors, type_letter: str, own_start: bool, own_backend: bool, works: bool
) -> None:
    async with rolled_back(doors.mcp):
        start = await doors.mcp.fetchval("select date_part('epoch', transaction_timestamp())::text")
        backend = doors.mcp.get_server_pid()
        await plant(
            doors.mcp,
            signed(
                f"{type_letter}|{SIGNER.kid}|{start if own_start else '1.5'}"
                f"|{backend if own_backend else backend + 1}|{doors.manager}|manager|redmond"
            ),
        )

        if works:
            assert await stores_seen(doors.mcp) == ["redmond"]
        else:
            await assert_no_context(doors.mcp)


@pytest.mark.parametrize("position", range(7))
async def test_context_with_a_changed_field_does_not_work(doors: Doors, position: int) -> None:
    async with rolled_back(doors.mcp):
        await enter(doors.mcp, doors.token)
        context = await context_of(doors.mcp)
        fields = context[SIGNATURE_LENGTH:].split("|")
        fields[position] = "redmond" if position == 6 else f"{fields[position]}1"
        await plant(doors.mcp, context[:SIGNATURE_LENGTH] + "|".join(fields))

        await assert_no_context(doors.mcp)


@pytest.mark.parametrize("value", ["", "seattle", "|" * 20, "C|seattle", "\u00e9" * 200], ids=ascii)
async def test_nonsense_for_a_context_does_not_work(doors: Doors, value: str) -> None:
    async with rolled_back(doors.mcp):
        await plant(doors.mcp, value)

        await assert_no_context(doors.mcp)


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


async def test_context_holds_after_an_inner_transaction_failed(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        await enter(doors.mcp, doors.token)
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with doors.mcp.transaction():
                await doors.mcp.execute("select 1 / 0")

        assert await stores_seen(doors.mcp) == ["seattle"]


async def test_context_set_outside_a_transaction_is_gone_at_once(doors: Doors) -> None:
    await enter(doors.mcp, doors.token)

    await assert_no_context(doors.mcp)


async def test_query_in_autocommit_is_an_error(doors: Doors) -> None:
    await assert_no_context(doors.mcp)


async def test_key_retired_in_the_middle_of_a_transaction_ends_its_context(doors: Doors) -> None:
    async with connected(doors.world.retailer.admin_url) as operator, rolled_back(operator):
        await enter(operator, doors.token)
        await operator.execute("set local role mcp_user")
        assert await stores_seen(operator) == ["seattle"]
        await operator.execute("reset role")
        await operator.execute("update guard.context_key set not_after = now()")
        await operator.execute("set local role mcp_user")

        await assert_no_context(operator)


async def test_generic_plan_follows_every_change_of_store(doors: Doors) -> None:
    async with connected(
        doors.world.retailer.app_url, server_settings={"plan_cache_mode": "force_generic_plan"}
    ) as connection:
        prepared = await connection.prepare(READ)
        wrong = []
        for round_number in range(200):
            store_id = ("seattle", "redmond")[round_number % 2]
            async with rolled_back(connection):
                await enter(connection, doors.world.token(store_id))
                seen = [row["store_id"] for row in await prepared.fetch()]
            if seen != [store_id]:
                wrong.append((round_number, seen))

    assert wrong == []


async def test_parallel_workers_see_the_own_store(doors: Doors) -> None:
    async with rolled_back(doors.mcp):
        await doors.mcp.execute(
            "set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0;"
            "set local min_parallel_table_scan_size = 0; set local debug_parallel_query = on"
        )
        await enter(doors.mcp, doors.token)
        plan = [row[0].strip() for row in await doors.mcp.fetch(f"explain (costs off) {READ}")]

        assert any("Gather" in line for line in plan), plan
        assert await stores_seen(doors.mcp) == ["seattle"]


async def stores_seen(connection: Any) -> list[str]:
    return [row["store_id"] for row in await connection.fetch(READ)]


async def context_of(connection: Any) -> str:
    """What the current context's setting holds, readable for anybody on that connection."""
    return str(await connection.fetchval("select current_setting('retail.context')"))


async def plant(connection: Any, value: str, *, for_the_session: bool = False) -> None:
    """Put a value where the context belongs, as SQL of any caller could."""
    await connection.execute("select set_config('retail.context', $1, $2)", value, not for_the_session)


async def assert_no_context(connection: Any) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
        async with connection.transaction():
            await connection.fetch(READ)
