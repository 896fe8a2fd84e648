"""What is offered while a person types: values of the caller's own stores and of no others."""

from __future__ import annotations

from typing import Any

import pytest
from fastmcp import Client
from mcp import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from tests.faults.messages import SECRET
from tests.support import Retailer

PROMPT = PromptReference(type="ref/prompt", name="find_product")
TEMPLATE = ResourceTemplateReference(type="ref/resource", uri="retail://stores/{store_id}/categories")
SOLD = "select distinct {} as value from retail.products p {} where p.store_id = $1 and p.is_active order by 1"
BRANDS = SOLD.format("p.brand", "")


async def complete(client: Client[Any], name: str, typed: str = "", **given: str) -> list[str]:
    found = await client.complete(PROMPT, {"name": name, "value": typed}, context_arguments=given or None)
    assert (found.total, found.has_more) == (len(found.values), False)
    return list(found.values)


async def values(retailer: Retailer, sql: str, store_id: str) -> list[str]:
    return [row["value"] for row in await retailer.fetch(sql, store_id) if row["value"] is not None]


async def test_stores_are_the_callers_own(demo: Retailer) -> None:
    async with demo.client(["redmond", "seattle"]) as client:
        assert await complete(client, "store_id") == ["redmond", "seattle"]
        assert await complete(client, "store_id", "SE") == ["seattle"]
        assert await complete(client, "store_id", "online") == []
        found = await client.complete(TEMPLATE, {"name": "store_id", "value": "r"})
        assert found.values == ["redmond"]


async def test_brands_are_those_that_the_store_sells(demo: Retailer) -> None:
    brands = await values(demo, BRANDS, "seattle")
    async with demo.client("seattle") as client:
        letter = brands[0][0]
        assert await complete(client, "brand", letter.upper()) == await complete(client, "brand", letter.lower())
        assert set(await complete(client, "brand", letter)) == {b for b in brands if b[0].lower() == letter.lower()}


async def test_no_more_than_a_hundred_are_offered_and_the_others_counted(demo: Retailer) -> None:
    brands = await values(demo, BRANDS, "seattle")
    async with demo.client("seattle") as client:
        found = await client.complete(PROMPT, {"name": "brand", "value": ""})

    assert len(brands) > 100
    assert (len(found.values), found.total, found.has_more) == (100, len(brands), True)
    assert set(found.values) < set(brands)


async def test_categories_are_those_that_list_categories_gives(demo: Retailer) -> None:
    async with demo.client("seattle") as client:
        tree = (await client.call_tool("list_categories", {})).structured_content
        assert tree is not None
        assert set(await complete(client, "category")) == {row["category"] for row in tree["rows"]}


async def test_the_store_already_chosen_decides(retailer: Retailer) -> None:
    await retailer.execute(
        """
        insert into retail.stores (store_id, store_name) values ('a', 'A'), ('b', 'B');
        insert into retail.products (store_id, sku, product_name, price, cost, brand)
        values ('a', '1', 'One', 1, 1, 'Of A'), ('b', '1', 'One', 1, 1, 'Of B');
        """
    )
    async with retailer.client(["a", "b"]) as client:
        assert await complete(client, "brand", store_id="a") == ["Of A"]
        assert await complete(client, "brand", store_id="b") == ["Of B"]
        assert await complete(client, "brand", "% of") == []
        for unknown in ("c", "", "a'"):
            assert await complete(client, "brand", store_id=unknown) == []
    async with retailer.client("a") as client:
        assert await complete(client, "brand", store_id="b") == []


@pytest.mark.parametrize("typed", ["", "of", "'"])
async def test_free_text_gets_no_offer(demo: Retailer, typed: str) -> None:
    async with demo.client("seattle") as client:
        assert await complete(client, "wish", typed) == []


@pytest.mark.parametrize(
    ("reference", "argument", "told"),
    [
        (PromptReference(type="ref/prompt", name=SECRET), "brand", "Unknown prompt. prompts/list names"),
        (PROMPT, SECRET, "find_product has no argument of that name. It has: wish, category, brand, store_id."),
        (PromptReference(type="ref/prompt", name="weekly_review"), "brand", "weekly_review has no argument of that"),
        (ResourceTemplateReference(type="ref/resource", uri="retail://stores/seattle/categories"), "store_id", "Unkn"),
        (ResourceTemplateReference(type="ref/resource", uri="retail://categories"), "store_id", "Unknown template."),
        (TEMPLATE, "category", "retail://stores/{store_id}/categories has no argument of that name. It has: store_id."),
    ],
)
async def test_what_cannot_be_filled_in_is_refused(
    demo: Retailer, reference: PromptReference | ResourceTemplateReference, argument: str, told: str
) -> None:
    async with demo.client("seattle") as client:
        with pytest.raises(MCPError) as refused:
            await client.complete(reference, {"name": argument, "value": SECRET})

    assert refused.value.error.code == -32602
    assert refused.value.error.message.startswith(told)
    if isinstance(reference, ResourceTemplateReference) and reference != TEMPLATE:
        assert refused.value.error.data == {"uri": reference.uri}


async def test_what_a_role_is_not_offered_is_not_there_to_fill_in(demo: Retailer) -> None:
    win_back = PromptReference(type="ref/prompt", name="win_back_campaign")
    async with demo.client("seattle", role="manager") as client:
        assert (await client.complete(win_back, {"name": "store_id", "value": ""})).values == ["seattle"]
    async with demo.client("seattle", role="analyst") as client:
        with pytest.raises(MCPError, match="Unknown prompt"):
            await client.complete(win_back, {"name": "store_id", "value": ""})


async def test_longer_than_anything_there_is_gets_no_offer(demo: Retailer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr("server.completions.values._listed", asked)
    async with demo.client("seattle") as client:
        for name in ("brand", "category", "store_id"):
            assert await complete(client, name, "a" * 100_000) == []
