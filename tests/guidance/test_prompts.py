"""Each recipe names tools that exist, and every call that it writes out is one that works."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import McpError

from server.principal import Role
from tests.support import Retailer, answer

PROMPTS: dict[str, dict[str, str]] = {
    "weekly_review": {},
    "monthly_close": {},
    "win_back_campaign": {"segment": "lost"},
    "reorder_plan": {"category": "Electronics"},
    "find_product": {"wish": 'a "gift", it\'s for a child', "brand": "Nobody's"},
}
_CALL = re.compile(r"`([a-z_]+)(\(.*?\))?`(?=[\s.,]|$)")


async def text_of(client: Client[Any], prompt: str, **arguments: str) -> str:
    result = await client.get_prompt(prompt, arguments)
    [message] = result.messages
    assert message.role == "user"
    return str(message.content.text)


def calls_in(text: str) -> list[tuple[str, dict[str, Any] | None]]:
    """Tools named in a text, with their arguments where the call is written out."""
    found = []
    for name, arguments in _CALL.findall(text):
        if not arguments:
            found.append((name, None))
            continue
        call = ast.parse(name + arguments, mode="eval").body
        assert isinstance(call, ast.Call)
        found.append((name, {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}))
    return found


@pytest.mark.parametrize("store_id", [None, "seattle"])
@pytest.mark.parametrize("prompt", PROMPTS)
async def test_every_call_that_a_recipe_writes_out_works(demo: Retailer, prompt: str, store_id: str | None) -> None:
    given = PROMPTS[prompt] | ({"store_id": store_id} if store_id else {})
    async with demo.client("seattle") as client:
        tools = {tool.name for tool in await client.list_tools()}
        calls = calls_in(await text_of(client, prompt, **given))
        assert {name for name, _ in calls} <= tools
        written_out = [(name, arguments) for name, arguments in calls if arguments is not None]
        assert written_out
        for name, arguments in written_out:
            assert arguments.get("store_id") == store_id
            await answer(client, name, **arguments)


async def test_a_recipe_repeats_what_the_person_chose(demo: Retailer) -> None:
    async with demo.client("seattle") as client:
        calls = calls_in(await text_of(client, "find_product", **PROMPTS["find_product"]))

    [search] = [arguments for name, arguments in calls if name == "search_products"]
    assert search == {"query": PROMPTS["find_product"]["wish"], "brand": "Nobody's", "limit": 5}


async def test_every_recipe_is_tried_and_explained(demo: Retailer) -> None:
    async with demo.client("seattle") as client:
        prompts = await client.list_prompts()

    assert {prompt.name for prompt in prompts} == set(PROMPTS)
    for prompt in prompts:
        assert prompt.title
        assert prompt.description
        assert all(argument.description for argument in prompt.arguments or [])


@pytest.mark.parametrize(("role", "offered"), [("manager", True), ("support", True), ("analyst", False)])
async def test_a_recipe_about_persons_is_for_those_who_may_see_them(
    demo: Retailer, role: Role, *, offered: bool
) -> None:
    async with demo.client("seattle", role=role) as client:
        assert ("win_back_campaign" in {prompt.name for prompt in await client.list_prompts()}) is offered
        if not offered:
            with pytest.raises(McpError, match="Unknown prompt"):
                await client.get_prompt("win_back_campaign", {})
