"""Request tokens and store contexts that must open nothing, and ways to try them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from server.operations.admin.tokens import issue_token, revoke_token
from server.tenancy.context_token import ContextSigner
from tests.sql.acting import SIGNER, TwoStores, connected, enter, rolled_back
from tests.sql.factories import insert_principal, insert_store
from tests.support import CONTEXT_KEY

UNKNOWN_KEY = "a-key-that-no-database-has-seen-0123456789"
RETIRED_KEY = "a-key-that-was-retired-yesterday-0123456789"
SIGNATURE_LENGTH = 64
READ = "select distinct store_id from retail.products order by store_id"


def signed(payload: str, key: str = CONTEXT_KEY) -> str:
    """Any payload with a signature that verifies."""
    return hmac.digest(key.encode(), payload.encode(), hashlib.sha256).hex() + payload


@dataclass(frozen=True)
class Credentials:
    """Opaque tokens, by id: the manager of seattle's own three and somebody else's."""

    valid: int
    revoked: int
    expired: int
    of_another: int


@dataclass(frozen=True)
class Doors:
    """Two stores, principals who lost their access in different ways, and two logins of the server.

    Attributes:
        mcp: Where a forgery is tried.
        other: A second backend of the same login.
    """

    world: TwoStores
    mcp: Any
    other: Any
    revoked: int
    deactivated: int
    of_closed_store: int
    of_both: int
    credentials: Credentials

    @property
    def manager(self) -> int:
        """The manager of seattle."""
        return self.world.principals["manager", "seattle"]

    @property
    def neighbour(self) -> int:
        """The manager of redmond."""
        return self.world.principals["manager", "redmond"]

    @property
    def token(self) -> str:
        """A request token that opens seattle."""
        return self.world.token("seattle")

    def altered(self, **fields: str) -> str:
        """That token with fields changed after it was signed."""
        return with_fields(self.token, TOKEN_FIELDS, fields)


@asynccontextmanager
async def open_doors(world: TwoStores) -> AsyncIterator[Doors]:
    """Add to two stores whoever may not enter any more."""
    async with (
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
        yield Doors(world, mcp, other, revoked, deactivated, of_closed_store, of_both, await _credentials(operator))


async def _credentials(operator: Any) -> Credentials:
    async def issue(subject: str, store_id: str, lifetime: timedelta = timedelta(days=1)) -> int:
        return (await issue_token(operator, subject, [store_id], "manager", lifetime=lifetime)).token_id

    revoked = await issue("manager of seattle", "seattle")
    await revoke_token(operator, revoked)
    return Credentials(
        await issue("manager of seattle", "seattle"),
        revoked,
        await issue("manager of seattle", "seattle", timedelta(seconds=-1)),
        await issue("manager of redmond", "redmond"),
    )


TOKEN_FIELDS = ("type", "kid", "expires", "principal", "store", "credential")
CONTEXT_FIELDS = ("type", "kid", "start", "backend", "principal", "role", "store")


def with_fields(value: str, names: tuple[str, ...], changes: dict[str, str]) -> str:
    """A signed value with other fields under the old signature."""
    signature, fields = value[:SIGNATURE_LENGTH], value[SIGNATURE_LENGTH:].split("|")
    assert len(fields) == len(names)
    for name, change in changes.items():
        assert fields[names.index(name)] != change
        fields[names.index(name)] = change
    return signature + "|".join(fields)


# Each makes a request token that must be refused.
TOKENS: dict[str, Callable[[Doors], str]] = {
    "empty": lambda doors: "",
    "no signature": lambda doors: doors.token[SIGNATURE_LENGTH:],
    "signature only": lambda doors: doors.token[:SIGNATURE_LENGTH],
    "signature with a wrong digit": lambda doors: ("1" if doors.token[0] == "0" else "0") + doors.token[1:],
    "signature in capitals": lambda doors: doors.token[:SIGNATURE_LENGTH].upper() + doors.token[SIGNATURE_LENGTH:],
    "payload cut by one": lambda doors: doors.token[:-1],
    "payload one longer": lambda doors: doors.token + "x",
    "type changed": lambda doors: doors.altered(type="C"),
    "key id changed": lambda doors: doors.altered(kid=ContextSigner(UNKNOWN_KEY).kid),
    "expiry changed": lambda doors: doors.altered(expires="9999999999"),
    "principal changed": lambda doors: doors.altered(principal=str(doors.of_both)),
    "store changed": lambda doors: doors.altered(store="redmond"),
    "principal and store changed": lambda doors: doors.altered(principal=str(doors.neighbour), store="redmond"),
    "credential changed": lambda doors: doors.altered(credential=str(doors.credentials.valid)),
    "signed with a key of the wrong id": lambda doors: signed(doors.token[SIGNATURE_LENGTH:], UNKNOWN_KEY),
    "unknown key": lambda doors: ContextSigner(UNKNOWN_KEY).sign(doors.manager, "seattle"),
    "retired key": lambda doors: ContextSigner(RETIRED_KEY).sign(doors.manager, "seattle"),
    "wrong type, well signed": lambda doors: signed("C" + doors.token[SIGNATURE_LENGTH + 1 :]),
    "a context's fields, well signed": lambda doors: signed(
        f"C|{SIGNER.kid}|9999999999|1|{doors.manager}|manager|seattle"
    ),
    "mask taken off": lambda doors: SIGNER.sign(doors.manager, "seattle", masked=True).removesuffix("|masked"),
    "another word for the mask, well signed": lambda doors: signed(doors.token[SIGNATURE_LENGTH:] + "|plain"),
    "one field too many, well signed": lambda doors: signed(doors.token[SIGNATURE_LENGTH:] + "|masked|0"),
    "one field too few, well signed": lambda doors: signed(doors.token[SIGNATURE_LENGTH:].rpartition("|")[0]),
    "a store with a separator in it": lambda doors: SIGNER.sign(doors.manager, "seattle|redmond"),
    "expired": lambda doors: SIGNER.sign(doors.manager, "seattle", lifetime_seconds=-1),
    "access revoked": lambda doors: SIGNER.sign(doors.revoked, "seattle"),
    "principal deactivated": lambda doors: SIGNER.sign(doors.deactivated, "seattle"),
    "store closed": lambda doors: SIGNER.sign(doors.of_closed_store, "tacoma"),
    "store of somebody else": lambda doors: SIGNER.sign(doors.manager, "redmond"),
    "store that does not exist": lambda doors: SIGNER.sign(doors.manager, "atlantis"),
    "principal that does not exist": lambda doors: SIGNER.sign(2_000_000_000, "seattle"),
    "credential revoked": lambda doors: SIGNER.sign(doors.manager, "seattle", credential=doors.credentials.revoked),
    "credential expired": lambda doors: SIGNER.sign(doors.manager, "seattle", credential=doors.credentials.expired),
    "credential of somebody else": lambda doors: SIGNER.sign(
        doors.manager, "seattle", credential=doors.credentials.of_another
    ),
    "credential that does not exist": lambda doors: SIGNER.sign(doors.manager, "seattle", credential=2_000_000_000),
}


async def own_context(doors: Doors, **changes: str) -> str:
    """The context of seattle in the transaction that runs on `doors.mcp`, with fields changed."""
    await enter(doors.mcp, doors.token)
    return with_fields(await context_of(doors.mcp), CONTEXT_FIELDS, changes)


async def earlier_context(doors: Doors) -> str:
    """The context of an earlier transaction of the same backend; ends the transaction that runs."""
    await doors.mcp.execute("rollback; begin")
    context = await own_context(doors)
    await doors.mcp.execute("rollback; begin")
    return context


async def copied_context(doors: Doors) -> str:
    """The context of redmond's manager, taken from another backend while that is at work."""
    async with rolled_back(doors.other):
        await enter(doors.other, doors.world.token("redmond"))
        return await context_of(doors.other)


async def made_up_context(
    doors: Doors, type_letter: str = "C", key: str = CONTEXT_KEY, backend: int | None = None
) -> str:
    """A context of redmond for the transaction that runs, as only the owner of a signing key could make it."""
    start = await doors.mcp.fetchval("select date_part('epoch', transaction_timestamp())::text")
    # What the connection was told of it is not the backend's where a pooler is in between.
    backend = await doors.mcp.fetchval("select pg_backend_pid()") if backend is None else backend
    kid = ContextSigner(key).kid
    return signed(f"{type_letter}|{kid}|{start}|{backend}|{doors.neighbour}|manager|redmond", key)


async def _token(doors: Doors) -> str:
    return doors.world.token("redmond")


async def _unmasked(doors: Doors) -> str:
    await enter(doors.mcp, SIGNER.sign(doors.manager, "seattle", masked=True))
    context = await context_of(doors.mcp)
    assert context.endswith("|masked")
    return context.removesuffix("|masked")


async def _unsigned(doors: Doors) -> str:
    return "0" * SIGNATURE_LENGTH + (await made_up_context(doors))[SIGNATURE_LENGTH:]


# Each makes a value that must not open anything where the context belongs.
CONTEXTS: dict[str, Callable[[Doors], Awaitable[str]]] = {
    "type changed": lambda doors: own_context(doors, type="T"),
    "key id changed": lambda doors: own_context(doors, kid=ContextSigner(RETIRED_KEY).kid),
    "start changed": lambda doors: own_context(doors, start="1.5"),
    "backend changed": lambda doors: own_context(doors, backend="1"),
    "principal changed": lambda doors: own_context(doors, principal=str(doors.neighbour)),
    "role changed": lambda doors: own_context(doors, role="auditor"),
    "store changed": lambda doors: own_context(doors, store="redmond"),
    "mask taken off": _unmasked,
    "of an earlier transaction": earlier_context,
    "copied from another backend": copied_context,
    # What a copy would look like if both transactions had started in the same microsecond.
    "copied from a backend that began at the same moment": lambda doors: made_up_context(
        doors, backend=doors.other.get_server_pid()
    ),
    "unsigned": _unsigned,
    "signed with an unknown key": lambda doors: made_up_context(doors, key=UNKNOWN_KEY),
    "signed with a retired key": lambda doors: made_up_context(doors, key=RETIRED_KEY),
    "wrong type, well signed": lambda doors: made_up_context(doors, type_letter="T"),
    "a request token": _token,
}


async def seen_with_token(doors: Doors, name: str) -> list[str]:
    """Stores whose rows a forged request token shows; raises what the database refuses it with."""
    async with rolled_back(doors.mcp):
        await enter(doors.mcp, TOKENS[name](doors))
        return await stores_seen(doors.mcp)


async def seen_with_context(doors: Doors, make: Callable[[Doors], Awaitable[str]]) -> list[str]:
    """Stores whose rows a forged context shows; raises what the database refuses it with."""
    await doors.mcp.execute("begin")
    try:
        await plant(doors.mcp, await make(doors))
        return await stores_seen(doors.mcp)
    finally:
        await doors.mcp.execute("rollback")


async def wrong_stores_of_a_generic_plan(world: TwoStores, alternations: int) -> list[tuple[int, list[str]]]:
    """Run one prepared statement under a generic plan in both stores by turns; returns where it was wrong."""
    wrong = []
    options = {"server_settings": {"plan_cache_mode": "force_generic_plan"}}
    async with connected(world.retailer.app_url, **options) as connection:
        prepared = await connection.prepare(READ)
        for number in range(alternations):
            store_id = ("seattle", "redmond")[number % 2]
            async with rolled_back(connection):
                await enter(connection, world.token(store_id))
                seen = [row["store_id"] for row in await prepared.fetch()]
            if seen != [store_id]:
                wrong.append((number, seen))
        generic = "select generic_plans from pg_prepared_statements where statement = $1"
        assert await connection.fetchval(generic, READ) == alternations
    return wrong


async def stores_seen(connection: Any) -> list[str]:
    """Every store of which there is a row to be seen."""
    return [row["store_id"] for row in await connection.fetch(READ)]


async def context_of(connection: Any) -> str:
    """What the current context's setting holds, readable for anybody on that connection."""
    return str(await connection.fetchval("select current_setting('retail.context')"))


async def plant(connection: Any, value: str, *, for_the_session: bool = False) -> None:
    """Put a value where the context belongs, as SQL of any caller could."""
    await connection.execute("select set_config('retail.context', $1, $2)", value, not for_the_session)
