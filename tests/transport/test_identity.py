"""Who may ask over HTTP: a valid bearer token decides, on each call anew, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from tests.support import Retailer, refusal
from tests.transport.serving import Era, Served, bearer, failure, serving, structured
from tests.transport.shop import eventually, open_store

each_era = pytest.mark.parametrize("era", ["modern", "legacy"])


async def status(served: Served, token: str, era: Era = "modern") -> int:
    return (await served.call("get_store_context", era=era, authorization=bearer(token))).status_code


async def assert_ended(served: Served, token: str, era: Era = "modern") -> None:
    """The next call reads nothing; the request itself is refused once the server has heard of the change."""
    response = await served.call("get_store_context", era=era, authorization=bearer(token))
    assert response.status_code == 401 or failure(response)

    async def refused() -> bool:
        return await status(served, token, era) == 401

    # Sooner than an identity that is merely remembered would be looked up again.
    await eventually(refused, seconds=3)


@each_era
async def test_a_valid_token_is_let_in(era: Era, http: Served, seattle: str) -> None:
    response = await http.call("get_store_context", era=era, authorization=bearer(seattle))
    assert structured(response)["current_store"]["store_id"] == "seattle"


@each_era
@pytest.mark.parametrize("method", ["tools/call", "tools/list", "server/discover", "initialize", "ping"])
async def test_without_a_token_nothing_is_answered(method: str, era: Era, http: Served) -> None:
    response = await http.post(method, {"name": "get_store_context", "arguments": {}}, era=era)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "get_store_context" not in response.text


@each_era
@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer rmcp_",
        "Bearer rmcp_" + "A" * 43,
        "Bearer " + "A" * 10_000,
        "Bearer rmcp_' or true --" + "A" * 27,
        "Basic cm1jcDpybWNw",
        "hunter2-secret",
    ],
)
async def test_a_wrong_token_is_refused_and_not_repeated(authorization: str, era: Era, http: Served) -> None:
    response = await http.call("get_store_context", era=era, authorization=authorization)
    assert response.status_code == 401
    assert authorization.removeprefix("Bearer ") not in response.text.replace("Bearer", "")


async def test_another_case_of_a_token_is_another_token(http: Served, seattle: str) -> None:
    assert await status(http, "rmcp_" + seattle[5:].swapcase()) == 401


async def test_a_token_as_another_scheme_is_refused(http: Served, seattle: str) -> None:
    assert (await http.call("get_store_context", authorization=f"Basic {seattle}")).status_code == 401


@pytest.mark.parametrize("parameter", ["access_token", "token", "authorization", "api_key"])
async def test_a_token_in_the_address_does_not_count(parameter: str, http: Served, seattle: str) -> None:
    """Addresses end up in logs."""
    async with httpx2.AsyncClient(timeout=30) as client:
        response = await client.post(http.url, params={parameter: seattle}, json={})
    assert response.status_code == 401


async def test_a_token_in_a_cookie_does_not_count(http: Served, seattle: str) -> None:
    assert (await http.call("get_store_context", cookie=f"token={seattle}")).status_code == 401


async def test_the_servers_own_token_is_nobodys_default(two_stores: Retailer, seattle: str) -> None:
    async with serving(two_stores, token=seattle, store_id="seattle") as served:
        assert (await served.call("get_store_context")).status_code == 401
        # Nor does the stdio store answer for a caller who has to choose.
        both = bearer(await two_stores.token("seattle", "redmond"))
        assert "Pass store_id" in failure(await served.call("summarize_sales", authorization=both))


async def test_a_token_expires(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    token = await retailer.token("seattle")
    async with serving(retailer) as served:
        assert await status(served, token) == 200
        await retailer.execute("update guard.api_token set expires_at = now() - interval '1 second'")
        await assert_ended(served, token)


async def test_a_token_that_was_never_valid_is_refused(two_stores: Retailer, http: Served) -> None:
    assert await status(http, await two_stores.token("seattle", lifetime=timedelta(seconds=-1))) == 401


@each_era
async def test_revocation_counts_from_the_next_call_on(era: Era, retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    token, other = await retailer.token("seattle"), await retailer.token("seattle")
    async with serving(retailer) as served:
        assert await status(served, token, era) == 200
        await retailer.execute("update guard.api_token set revoked_at = now() where token_id = 1")
        await assert_ended(served, token, era)
        assert await status(served, other, era) == 200


async def test_a_deactivated_principal_loses_all_tokens(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    tokens = [await retailer.token("seattle"), await retailer.token("seattle")]
    async with serving(retailer) as served:
        await retailer.execute("update guard.principal set is_active = false")
        for token in tokens:
            await assert_ended(served, token)


async def test_withdrawn_access_counts_from_the_next_call_on(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    await open_store(retailer, "redmond")
    token = bearer(await retailer.token("seattle", "redmond"))
    async with serving(retailer) as served:
        structured(await served.call("summarize_sales", {"store_id": "redmond"}, authorization=token))
        await retailer.execute("update guard.store_access set valid_until = now() where store_id = 'redmond'")
        refused = failure(await served.call("summarize_sales", {"store_id": "redmond"}, authorization=token))
        assert refused == "No such store among yours. Your stores: seattle."

        async def the_one_that_is_left_needs_no_name() -> bool:
            response = await served.call("summarize_sales", authorization=token)
            return not response.json()["result"].get("isError")

        await eventually(the_one_that_is_left_needs_no_name, seconds=3)


async def test_a_closed_store_cannot_be_entered_any_more(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    token = await retailer.token("seattle")
    async with serving(retailer) as served, served.client(token) as client:
        await client.call_tool("summarize_sales", {})
        await retailer.execute("update retail.stores set is_active = false")
        assert await refusal(client, "summarize_sales", store_id="seattle") == (
            "No such store among yours. Your stores: none."
        )

        async def says_that_there_is_none() -> bool:
            return await refusal(client, "summarize_sales") == (
                "Your token gives access to no open store. Ask the operator to grant one."
            )

        await eventually(says_that_there_is_none, seconds=3)


async def test_a_changed_role_counts_from_the_next_call_on(retailer: Retailer) -> None:
    await open_store(retailer, "seattle")
    token = bearer(await retailer.token("seattle"))
    search = {"name": "grace"}
    async with serving(retailer) as served:
        assert structured(await served.call("search_customers", search, authorization=token))["total_matches"] == 3
        await retailer.execute("update guard.store_access set role = 'analyst'")
        assert "masked" in failure(await served.call("search_customers", search, authorization=token))
