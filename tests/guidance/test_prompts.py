"""Each recipe names tools that exist, and every call that it writes out is one that works."""

from __future__ import annotations

import ast
import logging
import re
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import McpError

from server.calls.principal import Role
from tests.faults.messages import SECRET
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


@pytest.mark.parametrize(
    ("prompt", "arguments", "told"),
    [
        ("find_product", None, "find_product was not run: wish is required."),
        ("find_product", {"brand": "Zava"}, "find_product was not run: wish is required."),
        (
            "find_product",
            {"wish": SECRET * 50},
            "find_product was not run: wish: string should have at most 500 characters.",
        ),
        (
            "weekly_review",
            {"store_id": SECRET * 5},
            "weekly_review was not run: store_id: string should have at most 40 characters.",
        ),
        (
            "weekly_review",
            {SECRET: "1"},
            "weekly_review was not run: there is an argument that this prompt does not have; use only store_id.",
        ),
        (SECRET, {}, "Unknown prompt. prompts/list names the prompts there are."),
    ],
)
async def test_a_wrong_argument_is_the_callers_fault(
    demo: Retailer,
    prompt: str,
    arguments: dict[str, Any] | None,
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with demo.client("seattle") as client:
        with pytest.raises(McpError) as refused:
            await client.get_prompt(prompt, arguments)
        await text_of(client, "weekly_review")

    assert (refused.value.error.code, refused.value.error.message) == (-32602, told)
    assert refused.value.error.data is None
    [line] = [record for record in caplog.records if record.name.startswith("server.")]
    assert (line.levelno, line.getMessage()) == (logging.INFO, f"prompts/get refused (-32602): {told}")
    assert SECRET not in caplog.text
    assert all(record.exc_info is None for record in caplog.records)


async def test_a_failure_of_ours_is_told_by_a_reference(
    demo: Retailer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> str:
        raise LookupError(SECRET)

    monkeypatch.setattr("server.prompts.reviews.recipe", fail)
    async with demo.client("seattle") as client:
        with pytest.raises(McpError) as failed:
            await client.get_prompt("weekly_review", {})

    assert failed.value.error.code == -32603
    [reference] = re.findall(r"Reference ([0-9a-f]{8}) finds", failed.value.error.message)
    assert SECRET not in failed.value.error.message
    assert f"Prompt weekly_review failed, reference {reference}: LookupError" in caplog.text


async def test_an_argument_is_described_in_a_sentence(demo: Retailer) -> None:
    async with demo.client("seattle") as client:
        arguments = [argument for prompt in await client.list_prompts() for argument in prompt.arguments or []]

    assert len(arguments) > 5
    for argument in arguments:
        assert argument.description
        assert re.fullmatch(r"[A-Z][^{}\n]+\.", argument.description), argument.description
        assert "JSON" not in argument.description
        assert "null" not in argument.description
