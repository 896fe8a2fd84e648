"""Principals and who they are at an identity provider: what an operator does, and what the look-up may tell."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from server.auth.authenticator import Authenticator
from server.calls.principal import Principal, StoreAccess
from server.db.pool import Database
from server.errors import InvalidInputError, NotFoundError
from server.operations.admin.principals import (
    ExternalIdentity,
    add_principal,
    grant_store,
    list_principals,
    revoke_principal,
    revoke_store,
)
from server.operations.admin.tokens import issue_token
from tests.sql.acting import SIGNER, connected, enter, rolled_back
from tests.sql.factories import insert_store
from tests.support import Retailer

ISSUER = "https://idp.example.com"
ADA = ExternalIdentity(ISSUER, "auth|ada")


@pytest.fixture
async def shop(admin: Any) -> Any:
    """The operator's connection to a database with the stores redmond and seattle, both empty."""
    for store_id in ("seattle", "redmond"):
        await insert_store(admin, store_id)
    return admin


@pytest.fixture
async def authenticator(retailer: Retailer) -> AsyncIterator[Authenticator]:
    async with Database(retailer.login_url("mcp_auth"), pool_size=1) as identities:
        yield Authenticator(identities)


async def operations(connection: Any) -> list[tuple[str, str | None, dict[str, Any]]]:
    rows = await connection.fetch("select action, store_id, metadata from audit.operation order by operation_id")
    return [(row["action"], row["store_id"], json.loads(row["metadata"])) for row in rows]


async def test_subject_is_who_the_operator_says(shop: Any, authenticator: Authenticator) -> None:
    await add_principal(shop, "ada", ADA)
    assert await authenticator.find_subject(ISSUER, "auth|ada") == Principal(1, "ada", ())

    await grant_store(shop, "ada", "seattle", "analyst")
    await grant_store(shop, "ada", "redmond", "support", until=datetime.now(UTC) + timedelta(days=1))

    assert await authenticator.find_subject(ISSUER, "auth|ada") == Principal(
        1, "ada", (StoreAccess("redmond", "Redmond", "support"), StoreAccess("seattle", "Seattle", "analyst"))
    )


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        (ISSUER, "auth|bob"),
        (ISSUER, "AUTH|ADA"),
        (ISSUER, "auth|ada "),
        (ISSUER, "auth|%"),
        (ISSUER, ""),
        (ISSUER + "/", "auth|ada"),
        ("https://other.example.com", "auth|ada"),
        ("", "auth|ada"),
    ],
)
async def test_any_other_subject_is_nobody(issuer: str, subject: str, shop: Any, authenticator: Authenticator) -> None:
    await add_principal(shop, "ada", ADA)

    assert await authenticator.find_subject(issuer, subject) is None


async def test_inactive_principal_is_nobody(shop: Any, authenticator: Authenticator) -> None:
    await add_principal(shop, "ada", ADA)
    await shop.execute("update guard.principal set is_active = false")

    assert await authenticator.find_subject(ISSUER, "auth|ada") is None


async def test_login_of_the_lookup_cannot_list_anybody(shop: Any, retailer: Retailer) -> None:
    await add_principal(shop, "ada", ADA)
    async with connected(retailer.login_url("mcp_auth")) as auth:
        for table in ("external_identity", "principal", "store_access", "api_token", "context_key"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await auth.fetch(f"select * from guard.{table}")
    async with connected(retailer.app_url) as mcp:
        for asked in ("guard.authenticate_subject('', '')", "guard.external_identity"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await mcp.fetch(f"select * from {asked}")


async def test_adding_again_changes_nothing(shop: Any) -> None:
    for _ in range(2):
        await add_principal(shop, "ada", ADA)

    assert await shop.fetchval("select count(*) from guard.external_identity") == 1
    assert await shop.fetchval("select count(*) from guard.principal") == 1


async def test_identity_is_one_principals(shop: Any) -> None:
    await add_principal(shop, "ada", ADA)

    with pytest.raises(InvalidInputError, match="That identity is ada already"):
        await add_principal(shop, "bob", ADA)

    assert [principal.subject for principal in await list_principals(shop)] == ["ada"]


@pytest.mark.parametrize("bad", ["", "x" * 501, "a\nb", "a\x00b"])
async def test_impossible_names_are_refused(bad: str, shop: Any) -> None:
    for subject, identity in (
        (bad, None),
        ("ada", ExternalIdentity(bad, "auth|ada")),
        ("ada", ExternalIdentity(ISSUER, bad)),
    ):
        with pytest.raises(InvalidInputError, match="printable characters"):
            await add_principal(shop, subject, identity)

    assert await list_principals(shop) == []


async def test_grant_replaces_a_role_and_says_which(shop: Any) -> None:
    await add_principal(shop, "ada")

    held = [await grant_store(shop, "ada", "seattle", role) for role in ("analyst", "manager")]

    assert held == [None, "analyst"]
    assert [principal.access for principal in await list_principals(shop)] == [["seattle manager"]]


async def test_access_ends_when_it_was_said_to(shop: Any, retailer: Retailer, authenticator: Authenticator) -> None:
    await add_principal(shop, "ada", ADA)
    await grant_store(shop, "ada", "seattle", "manager", until=datetime.now(UTC) + timedelta(days=1))
    async with connected(retailer.app_url) as mcp:
        async with rolled_back(mcp):
            await enter(mcp, SIGNER.sign(1, "seattle"))
        await shop.execute("update guard.store_access set valid_until = now()")

        async with rolled_back(mcp):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await enter(mcp, SIGNER.sign(1, "seattle"))
    assert await authenticator.find_subject(ISSUER, "auth|ada") == Principal(1, "ada", ())


async def test_grant_needs_somebody_an_open_store_and_a_future(shop: Any) -> None:
    await add_principal(shop, "ada")
    await shop.execute("update retail.stores set is_active = false where store_id = 'redmond'")

    with pytest.raises(NotFoundError, match="no active principal bob"):
        await grant_store(shop, "bob", "seattle", "manager")
    for store_id in ("redmond", "atlantis"):
        with pytest.raises(InvalidInputError, match=f"no open store {store_id}"):
            await grant_store(shop, "ada", store_id, "manager")
    with pytest.raises(InvalidInputError, match="--until is past"):
        await grant_store(shop, "ada", "seattle", "manager", until=datetime.now(UTC))

    assert [principal.access for principal in await list_principals(shop)] == [[]]


async def test_revoked_store_leaves_the_others(shop: Any) -> None:
    await add_principal(shop, "ada")
    for store_id in ("seattle", "redmond"):
        await grant_store(shop, "ada", store_id, "manager")

    await revoke_store(shop, "ada", "seattle")

    assert [principal.access for principal in await list_principals(shop)] == [["redmond manager"]]
    with pytest.raises(NotFoundError, match="ada has no access to seattle"):
        await revoke_store(shop, "ada", "seattle")


async def test_revoked_principal_has_nothing_left(shop: Any, authenticator: Authenticator) -> None:
    await add_principal(shop, "ada", ADA)
    token = (await issue_token(shop, "ada", ["seattle"], "manager", lifetime=timedelta(days=1))).token
    assert await authenticator.authenticate(token) is not None

    await revoke_principal(shop, "ada")

    assert await authenticator.authenticate(token) is None
    assert await authenticator.find_subject(ISSUER, "auth|ada") is None
    (listed,) = await list_principals(shop)
    assert (listed.subject, listed.is_active, listed.access, listed.identities, listed.tokens) == (
        "ada",
        False,
        [],
        [],
        0,
    )
    for again in (revoke_principal(shop, "ada"), grant_store(shop, "ada", "seattle", "manager")):
        with pytest.raises(NotFoundError, match="no active principal ada"):
            await again


async def test_principal_that_comes_back_has_nothing_of_before(shop: Any, authenticator: Authenticator) -> None:
    await add_principal(shop, "ada", ADA)
    await grant_store(shop, "ada", "seattle", "manager")
    token = (await issue_token(shop, "ada", ["seattle"], "manager", lifetime=timedelta(days=1))).token
    await revoke_principal(shop, "ada")

    await add_principal(shop, "ada", ADA)

    assert await authenticator.authenticate(token) is None
    assert await authenticator.find_subject(ISSUER, "auth|ada") == Principal(1, "ada", ())


async def test_every_step_is_in_the_audit_log(shop: Any) -> None:
    await add_principal(shop, "ada", ADA)
    await grant_store(shop, "ada", "seattle", "manager")
    await revoke_store(shop, "ada", "seattle")
    await revoke_principal(shop, "ada")

    assert await operations(shop) == [
        ("principal_added", None, {"subject": "ada", "issuer": ISSUER, "external_subject": "auth|ada"}),
        ("access_granted", "seattle", {"subject": "ada", "role": "manager", "was": None, "until": None}),
        ("access_revoked", "seattle", {"subject": "ada"}),
        ("principal_revoked", None, {"subject": "ada"}),
    ]


async def test_the_end_of_a_principal_is_entered_for_each_of_its_stores(shop: Any) -> None:
    await add_principal(shop, "ada", ADA)
    for store_id in ("seattle", "redmond"):
        await grant_store(shop, "ada", store_id, "manager")
    await revoke_principal(shop, "ada")

    assert (await operations(shop))[-2:] == [
        ("principal_revoked", "redmond", {"subject": "ada"}),
        ("principal_revoked", "seattle", {"subject": "ada"}),
    ]


async def test_step_that_fails_leaves_no_trace(shop: Any) -> None:
    await shop.execute("alter function audit.record_operation(text, text, jsonb) rename to away")

    with pytest.raises(asyncpg.UndefinedFunctionError):
        await add_principal(shop, "ada", ADA)

    assert await shop.fetchval("select count(*) from guard.principal") == 0


@pytest.mark.parametrize("masked", [False, True])
async def test_masked_token_hides_personal_values_from_a_manager(masked: bool, shop: Any, retailer: Retailer) -> None:
    await add_principal(shop, "ada")
    await grant_store(shop, "ada", "seattle", "manager")
    await shop.execute(
        "insert into retail.customers (store_id, first_name, last_name, email)"
        " values ('seattle', 'A', 'B', 'a@b.example')"
    )
    async with connected(retailer.app_url) as mcp, rolled_back(mcp):
        await enter(mcp, SIGNER.sign(1, "seattle", masked=masked))
        shown = await mcp.fetchrow("select first_name, email from retail.customer_card")
        roles = await mcp.fetchrow("select guard.role(), guard.viewer()")

    assert tuple(shown) == ((None, None) if masked else ("A", "a@b.example"))
    assert tuple(roles) == ("manager", "masked" if masked else "manager")
