"""Which store a call is about: an argument or a header may wish, the database decides."""

from __future__ import annotations

import pytest

from tests.support import Retailer
from tests.transport.serving import Era, Served, bearer, failure, structured

each_era = pytest.mark.parametrize("era", ["modern", "legacy"])


@each_era
async def test_who_has_one_store_need_not_name_it(era: Era, http: Served, seattle: str) -> None:
    response = await http.call("summarize_sales", era=era, authorization=bearer(seattle))
    assert structured(response)["store_id"] == "seattle"


async def test_who_has_several_must_choose(http: Served, both: str) -> None:
    refused = failure(await http.call("summarize_sales", authorization=bearer(both)))
    assert refused == ("You have access to several stores (redmond, seattle). Pass store_id to say which one is meant.")


@each_era
@pytest.mark.parametrize("store", ["seattle", "redmond"])
async def test_the_header_chooses_among_several(store: str, era: Era, http: Served, both: str) -> None:
    response = await http.call("summarize_sales", era=era, authorization=bearer(both), x_store_id=store)
    assert structured(response)["store_id"] == store


async def test_the_argument_is_stronger_than_the_header(http: Served, both: str) -> None:
    response = await http.call(
        "summarize_sales", {"store_id": "redmond"}, authorization=bearer(both), x_store_id="seattle"
    )
    assert structured(response)["store_id"] == "redmond"


@each_era
@pytest.mark.parametrize("store", ["redmond", "atlantis", "Seattle", "seattle'--", "%"])
async def test_no_header_opens_another_store(store: str, era: Era, http: Served, seattle: str) -> None:
    """One that is somebody else's and one that is nobody's read the same."""
    response = await http.call("summarize_sales", era=era, authorization=bearer(seattle), x_store_id=store)
    assert failure(response) == "No such store among yours. Your stores: seattle."


@pytest.mark.parametrize("store", ["redmond", "atlantis", "Seattle", "seattle|5", "a|b|c|d"])
async def test_no_argument_opens_another_store(store: str, http: Served, seattle: str) -> None:
    response = await http.call("summarize_sales", {"store_id": store}, authorization=bearer(seattle))
    assert failure(response) == "No such store among yours. Your stores: seattle."


async def test_an_empty_header_is_no_choice(http: Served, seattle: str) -> None:
    response = await http.call("summarize_sales", authorization=bearer(seattle), x_store_id="")
    assert structured(response)["store_id"] == "seattle"


async def test_the_header_does_not_reach_the_next_call(http: Served, both: str) -> None:
    await http.call("summarize_sales", authorization=bearer(both), x_store_id="seattle")
    assert "Pass store_id" in failure(await http.call("summarize_sales", authorization=bearer(both)))


async def test_a_client_can_be_bound_to_a_store(http: Served, both: str, two_stores: Retailer) -> None:
    async with http.client(both, headers={"X-Store-Id": "redmond"}) as client:
        context = (await client.call_tool("get_store_context", {})).structured_content
    assert context["current_store"]["store_id"] == "redmond"
    assert [store["store_id"] for store in context["your_stores"]] == ["redmond", "seattle"]
