"""retail-mcp principal: what it prints, and what it refuses."""

from __future__ import annotations

from datetime import date

import pytest

from tests.support import Retailer
from tests.transport.processes import Finished, for_operator, run_here
from tests.transport.shop import open_store

ISSUER = "https://idp.example.com"


@pytest.fixture
async def shop(
    retailer: Retailer, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Retailer:
    # A working directory without anybody's .env file.
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    await open_store(retailer, "seattle")
    return retailer


async def principal(shop: Retailer, *arguments: str, **variables: str) -> Finished:
    return await run_here(for_operator(shop, **variables), "principal", *arguments)


def refused(end: Finished, words: str) -> None:
    assert (end.code, end.out) == (2, "")
    assert words in end.err


async def test_a_principal_from_beginning_to_end(shop: Retailer) -> None:
    added = await principal(shop, "add", "--subject", "ada", "--issuer", ISSUER, "--external-subject", "auth|ada")
    assert (added.code, added.err) == (0, "")
    assert added.out == "ada is known. Let it into a store with: retail-mcp principal grant\n"

    granted = await principal(shop, "grant", "--subject", "ada", "--store", "seattle", "--role", "analyst")
    assert granted.out == "ada is analyst in seattle.\n"
    until = ("--until", "2099-12-31")
    changed = await principal(shop, "grant", "--subject", "ada", "--store", "seattle", "--role", "manager", *until)
    assert changed.out == "ada is manager in seattle (was analyst) until 2099-12-31.\n"

    listed = (await principal(shop, "list")).out.splitlines()[1]
    for part in ("ada", "active", "seattle manager until 2099-12-31", f"auth|ada of {ISSUER}", "0"):
        assert part in listed

    withdrawn = await principal(shop, "revoke", "--subject", "ada", "--store", "seattle")
    assert withdrawn.out == "ada has no access to seattle any more.\n"
    ended = await principal(shop, "revoke", "--subject", "ada")
    assert ended.out == "ada is revoked: no access, no tokens, no identity.\n"
    assert "revoked" in (await principal(shop, "list")).out


async def test_the_issuer_is_the_configured_one(shop: Retailer) -> None:
    identity = ("add", "--subject", "ada", "--external-subject", "auth|ada")
    refused(await principal(shop, *identity), "--issuer")
    assert (await principal(shop, *identity, RETAIL_JWT_ISSUER=ISSUER)).code == 0
    assert await shop.value("select issuer from guard.external_identity") == ISSUER


async def test_an_issuer_alone_names_nobody(shop: Retailer) -> None:
    refused(await principal(shop, "add", "--subject", "ada", "--issuer", ISSUER), "--external-subject")
    assert await shop.value("select count(*) from guard.principal") == 0


async def test_the_last_day_of_an_access_is_part_of_it(shop: Retailer) -> None:
    await principal(shop, "add", "--subject", "ada")
    today = str(await shop.value("select (now() at time zone 'UTC')::date"))
    grant = ("grant", "--subject", "ada", "--store", "seattle", "--role", "manager", "--until")
    assert (await principal(shop, *grant, today)).code == 0
    end = "valid_until > now() and valid_until <= now() + interval '1 day'"
    assert await shop.value(f"select {end} from guard.store_access")
    refused(await principal(shop, *grant, str(date(2020, 1, 1))), "--until is past")


async def test_unknown_names_are_refused(shop: Retailer) -> None:
    await principal(shop, "add", "--subject", "ada")
    grant = ("--store", "atlantis", "--role", "manager")
    refused(await principal(shop, "grant", "--subject", "ada", *grant), "no open store atlantis")
    refused(await principal(shop, "grant", "--subject", "bob", *grant), "no active principal bob")
    refused(await principal(shop, "revoke", "--subject", "bob"), "no active principal bob")
    refused(await principal(shop, "revoke", "--subject", "ada", "--store", "seattle"), "no access to seattle")
