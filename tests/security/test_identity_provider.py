"""The identity provider's side: its keys, its subjects, and what its tokens are worth here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from joserfc import jwk

from server.auth import identity_provider
from server.calls.principal import Role
from server.db.operator import admin_connection
from server.errors import ConfigurationError
from server.operations.admin.principals import (
    ExternalIdentity,
    add_principal,
    grant_store,
    revoke_principal,
    revoke_store,
)
from tests.security.identity_provider import PUBLIC_URL, Provider, running_provider
from tests.support import Retailer, answer, refusal
from tests.transport.serving import Served, bearer, failure, serving, structured
from tests.transport.shop import accept_connections, eventually, open_store, refuse_connections


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
async def shops(retailer: Retailer, provider: Provider) -> Retailer:
    """Two stores, and Ada, whom the provider knows, as the manager of one."""
    for store_id in ("seattle", "redmond"):
        await open_store(retailer, store_id)
    await admit(retailer, provider, "auth|ada", seattle="manager")
    return retailer


async def admit(retailer: Retailer, provider: Provider, external_subject: str, **stores: Role) -> None:
    subject = external_subject.removeprefix("auth|")
    async with admin_connection(retailer.admin_url) as connection:
        await add_principal(connection, subject, ExternalIdentity(provider.issuer, external_subject))
        for store_id, role in stores.items():
            await grant_store(connection, subject, store_id, role)


@asynccontextmanager
async def trusting(retailer: Retailer, provider: Provider, **settings: Any) -> AsyncIterator[Served]:
    async with serving(retailer, **provider.settings | settings) as served:
        yield served


async def ask(served: Served, token: str, tool: str = "get_store_context", **arguments: Any) -> httpx2.Response:
    return await served.call(tool, arguments, authorization=bearer(token))


async def test_keys_are_fetched_once_however_many_call(shops: Retailer, provider: Provider) -> None:
    async with trusting(shops, provider) as served:
        tokens = [provider.token(jti=str(number)) for number in range(20)]
        answers = await asyncio.gather(*(ask(served, token) for token in tokens * 2))

    assert {response.status_code for response in answers} == {200}
    assert provider.fetches == 1


async def test_a_verified_token_is_remembered_with_its_principal(shops: Retailer, provider: Provider) -> None:
    async with trusting(shops, provider) as served:
        token = provider.token()
        await eventually(lambda: remembered(served, shops, token))


async def remembered(served: Served, shops: Retailer, token: str) -> bool:
    """True when a change that nobody announces goes unnoticed: the second call looked nothing up."""
    assert (await ask(served, token)).status_code == 200
    silently = "set session_replication_role = replica; update guard.principal set subject = "
    await shops.execute(silently + "'changed'")
    second = structured(await ask(served, token))["subject"]
    await shops.execute(silently + "'ada'")
    return second == "ada"


async def test_a_remembered_token_expires_all_the_same(shops: Retailer, provider: Provider) -> None:
    async with trusting(shops, provider) as served:
        token = provider.token(exp=int(time.time()) + 2)
        assert (await ask(served, token)).status_code == 200

        async def is_refused() -> bool:
            return (await ask(served, token)).status_code == 401

        await eventually(is_refused)


async def test_a_new_key_of_the_provider_is_found(
    shops: Retailer, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_provider, "_REFETCH_SECONDS", 0.2)
    async with trusting(shops, provider) as served:
        old = provider.token()
        assert (await ask(served, old)).status_code == 200
        provider.rsa = jwk.RSAKey.generate_key(2048, {"kid": "rsa-2"})
        provider.published.append(provider.rsa)
        new = provider.token()

        async def is_accepted() -> bool:
            return (await ask(served, new)).status_code == 200

        await eventually(is_accepted)
        assert (await ask(served, provider.token(key=provider.published[0]))).status_code == 200


async def test_made_up_keys_do_not_make_it_fetch_each_time(shops: Retailer, provider: Provider) -> None:
    async with trusting(shops, provider) as served:
        assert (await ask(served, provider.token())).status_code == 200
        refused = [await ask(served, provider.token(header={"kid": f"made-up-{number}"})) for number in range(20)]

    assert {response.status_code for response in refused} == {401}
    assert provider.fetches == 1


@pytest.mark.parametrize(
    ("status", "body"), [(500, None), (404, b""), (302, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": 1}')]
)
async def test_while_the_keys_cannot_be_had_a_caller_is_told_to_come_back(
    status: int, body: bytes | None, shops: Retailer, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_provider, "_REFETCH_SECONDS", 0.1)
    provider.status, provider.body = status, body
    async with trusting(shops, provider) as served:
        for _ in range(2):
            down = await ask(served, provider.token())
            assert down.status_code == 503
            assert int(down.headers["retry-after"]) > 0
            assert "identity provider is not reachable" in down.json()["error"]["message"]
        # Those who need no provider do not notice.
        own = await shops.token("seattle")
        assert (await ask(served, own)).status_code == 200
        provider.status, provider.body = 200, None

        async def is_back() -> bool:
            return (await ask(served, provider.token())).status_code == 200

        await eventually(is_back)
        # A bad signature under a key that is known is the caller's fault, whatever else cannot be had.
        provider.status = 500
        stranger: Any = jwk.RSAKey.generate_key(2048, {"kid": "rsa-1"})

        async def has_failed_again() -> bool:
            return (await ask(served, provider.token(header={"kid": "rsa-9"}))).status_code == 503

        await eventually(has_failed_again)
        assert (await ask(served, provider.token(key=stranger))).status_code == 401


async def test_a_provider_that_nobody_answers_for(shops: Retailer, provider: Provider) -> None:
    async with trusting(shops, provider, jwt_jwks_uri="http://127.0.0.1:1/keys") as served:
        assert (await ask(served, provider.token())).status_code == 503


async def test_without_a_key_id_several_keys_decide_nothing(shops: Retailer, provider: Provider) -> None:
    provider.published.append(jwk.RSAKey.generate_key(2048, {"kid": "rsa-2"}))
    async with trusting(shops, provider) as served:
        assert (await ask(served, provider.token(header={"kid": ""}))).status_code == 401
        assert (await ask(served, provider.token())).status_code == 200


async def test_only_the_algorithms_that_the_operator_names(shops: Retailer, provider: Provider) -> None:
    async with trusting(shops, provider, jwt_algorithms=("ES256",)) as served:
        assert (await ask(served, provider.token(algorithm="ES256"))).status_code == 200
        assert (await ask(served, provider.token())).status_code == 401


async def test_a_database_that_is_down_logs_nobody_out(shops: Retailer, provider: Provider) -> None:
    async with trusting(shops, provider) as served:
        await refuse_connections(shops)
        statuses = {(await ask(served, token)).status_code for token in (provider.token(), "rmcp_" + "A" * 43)}
        await accept_connections(shops)

    assert statuses == {503}


async def test_a_principal_may_have_several_identities(shops: Retailer, provider: Provider) -> None:
    async with admin_connection(shops.admin_url) as connection:
        await add_principal(connection, "ada", ExternalIdentity(provider.issuer, "auth|ada-at-home"))
    async with trusting(shops, provider) as served:
        found = [structured(await ask(served, provider.token(sub=f"auth|{name}"))) for name in ("ada", "ada-at-home")]

    assert [answered["subject"] for answered in found] == ["ada", "ada"]


@pytest.mark.parametrize("end", [revoke_principal, None], ids=["by the command", "by taking the identity away"])
async def test_a_subject_is_nobody_from_the_next_call_on(end: Any, shops: Retailer, provider: Provider) -> None:
    async with trusting(shops, provider) as served:
        token = provider.token()
        assert (await ask(served, token)).status_code == 200
        if end is None:
            await shops.execute("delete from guard.external_identity")
        else:
            async with admin_connection(shops.admin_url) as connection:
                await end(connection, "ada")

        async def is_nobody() -> bool:
            return (await ask(served, token)).status_code == 403

        # The announcement is on its way; rows are out of reach at once.
        await eventually(is_nobody)


async def test_withdrawn_access_counts_at_once(shops: Retailer, provider: Provider) -> None:
    await admit(shops, provider, "auth|ada", redmond="manager")
    async with trusting(shops, provider) as served:
        token = provider.token()
        structured(await ask(served, token, "summarize_sales", store_id="redmond"))
        async with admin_connection(shops.admin_url) as connection:
            await revoke_store(connection, "ada", "redmond")
        assert "No such store among yours" in failure(await ask(served, token, "summarize_sales", store_id="redmond"))


async def test_the_claims_choose_no_store(shops: Retailer, provider: Provider) -> None:
    """What a token says about stores and roles is not read: the database decides."""
    async with trusting(shops, provider) as served:
        token = provider.token(store_id="redmond", stores=["redmond"], role="manager", principal=1, credential=1)
        assert "No such store" in failure(await ask(served, token, "summarize_sales", store_id="redmond"))
        assert structured(await ask(served, token, "summarize_sales"))["store_id"] == "seattle"


@pytest.mark.parametrize(("role", "name"), [("manager", "Grace of seattle"), ("support", "Grace of seattle")])
async def test_a_token_without_pii_sees_a_pseudonym_whatever_the_role(
    role: Role, name: str, shops: Retailer, provider: Provider
) -> None:
    await admit(shops, provider, "auth|ada", seattle=role)
    async with (
        trusting(shops, provider) as served,
        served.client(provider.token()) as full,
        served.client(provider.token(scope="retail:read retail:sql")) as masked,
    ):
        seen = [await answer(client, "search_customers", loyalty_tier="gold") for client in (full, masked)]
        refused = await refusal(masked, "search_customers", name="grace")
        receipts = [await answer(client, "list_transactions") for client in (full, masked)]

    assert {row["name"] for row in seen[0]["rows"]} == {name}
    assert {(row["name"], row["email"], row["phone"]) for row in seen[1]["rows"]} == {(None, None, None)}
    assert "masked" in refused
    assert {row["customer"] for row in receipts[0]["rows"]} == {name}
    assert name not in str(receipts[1])


@pytest.mark.parametrize("left_out", ["jwt_issuer", "jwt_audience", "jwt_jwks_uri", "public_url"])
async def test_half_a_provider_does_not_start(left_out: str, shops: Retailer, provider: Provider) -> None:
    settings = {name: value for name, value in provider.settings.items() if name != left_out}
    with pytest.raises(ConfigurationError, match=f"RETAIL_{left_out.upper()} missing"):
        async with serving(shops, **settings):
            pytest.fail("it started")


async def test_a_public_url_alone_is_no_provider(shops: Retailer) -> None:
    async with serving(shops, public_url=PUBLIC_URL) as served:
        assert (await ask(served, await shops.token("seattle"))).status_code == 200
