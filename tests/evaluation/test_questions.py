"""Every question of the evaluation file, asked over HTTP by who has one store and by who has three."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
from fastmcp import Client
from mcp import MCPError

from docs.generate import ROOT
from server.calls.principal import Role
from server.db.operator import admin_connection
from tests.evaluation.questions import ROWS, Question, at, questions, same
from tests.support import Retailer, refusal
from tests.transport.serving import Served, serving

THREE_STORES = ("bellevue", "online", "seattle")
# What differs between two callers who are told the same: the clock, and who they are.
OWN = {"elapsed_ms", "subject", "your_stores"}
QUESTIONS = questions()


class Desk:
    """Asks as whoever a question needs, each over a connection of their own."""

    def __init__(self, retailer: Retailer, served: Served, owner: asyncpg.Connection, stack: AsyncExitStack) -> None:
        self._retailer = retailer
        self._served = served
        self._owner = owner
        self._stack = stack
        self._clients: dict[tuple[tuple[str, ...], Role], Client[Any]] = {}

    async def answer(self, question: Question, stores: tuple[str, ...], **further: str) -> dict[str, Any]:
        """The structured answer to somebody of these stores."""
        client = await self._client(stores, question.role)
        arguments = question.arguments | further
        for name, sql in question.look_up.items():
            arguments[name] = str(await self._owner.fetchval(sql, question.stores[0]))
        content = (await client.call_tool(question.tool, arguments)).structured_content
        assert isinstance(content, dict)
        return content

    async def refusal(self, question: Question, stores: tuple[str, ...], **further: str) -> str:
        """What somebody of these stores is told instead."""
        client = await self._client(stores, question.role)
        try:
            return await refusal(client, question.tool, **question.arguments, **further)
        except MCPError as unknown:
            return str(unknown)

    async def computed(self, question: Question, store: str) -> list[Any]:
        """The values of the answer, from base rows."""
        row = await self._owner.fetchrow(question.sql, *([store] if "$1" in question.sql else []))
        return list(row or ())

    async def _client(self, stores: tuple[str, ...], role: Role) -> Client[Any]:
        if (stores, role) not in self._clients:
            token = await self._retailer.token(*stores, role=role)
            self._clients[stores, role] = await self._stack.enter_async_context(self._served.client(token))
        return self._clients[stores, role]


@pytest.fixture(scope="module")
async def desk(demo: Retailer) -> AsyncIterator[Desk]:
    """One server on a loopback port, and the owner's view of the base tables."""
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(demo))
        owner = await stack.enter_async_context(admin_connection(demo.admin_url))
        await owner.execute(ROWS.read_text(encoding="utf-8"))
        yield Desk(demo, served, owner, stack)


def differences(question: Question, told: dict[str, Any], expected: list[Any]) -> list[str]:
    """Where an answer is not what was computed, in words."""
    if len(expected) != len(question.answer):
        return [f"{question.ask} {len(question.answer)} values are told, {len(expected)} computed"]
    found = [(path, at(told, path)) for path in question.answer]
    return [
        f"{question.ask} {path} is {value!r}, not {other!r}"
        for (path, value), other in zip(found, expected, strict=True)
        if not same(value, other)
    ]


def without_own(told: Any) -> Any:
    """An answer without what is the caller's own."""
    return {name: value for name, value in told.items() if name not in OWN}


async def test_every_answer_is_the_one_in_the_file_and_the_one_of_the_base_rows(desk: Desk) -> None:
    wrong: list[str] = []
    for question in (each for each in QUESTIONS if each.answer):
        told = await desk.answer(question, question.stores)
        wrong += differences(question, told, list(question.answer.values()))
        wrong += differences(question, told, await desk.computed(question, question.stores[0]))
    assert wrong == []


async def test_who_has_three_stores_is_told_the_same_of_one_of_them(desk: Desk) -> None:
    asked = [each for each in QUESTIONS if each.answer and len(each.stores) == 1]
    for question in asked:
        [store] = question.stores
        alone = await desk.answer(question, question.stores)
        among_three = await desk.answer(question, THREE_STORES, store_id=store)
        assert without_own(among_three) == without_own(alone), question.ask
    assert len(asked) >= 60


async def test_the_other_stores_of_that_caller_have_answers_of_their_own(desk: Desk) -> None:
    asked = [each for each in QUESTIONS if each.any_store]
    wrong: list[str] = []
    for question in asked:
        for store in set(THREE_STORES) - set(question.stores):
            told = await desk.answer(question, THREE_STORES, store_id=store)
            wrong += differences(question, told, await desk.computed(question, store))
    assert wrong == []
    assert len(asked) >= 30


async def test_what_must_be_refused_is_refused_in_these_words(desk: Desk) -> None:
    for question in (each for each in QUESTIONS if each.refusal):
        assert await desk.refusal(question, question.stores) == question.refusal, question.ask
        if len(question.stores) == 1 and "store_id" not in question.arguments:
            [store] = question.stores
            assert await desk.refusal(question, THREE_STORES, store_id=store) == question.refusal, question.ask


def test_a_question_has_an_answer_that_is_computed_twice_or_a_refusal() -> None:
    for question in QUESTIONS:
        assert bool(question.answer) == bool(question.sql), question.ask
        assert bool(question.answer) != bool(question.refusal), question.ask
        assert "$1" in question.sql or question.refusal or not question.any_store, question.ask
    assert len({question.ask for question in QUESTIONS}) == len(QUESTIONS)


async def test_at_least_sixty_questions_need_every_tool_and_every_role(desk: Desk, demo: Retailer) -> None:
    offered: set[str] = set()
    for role in ("manager", "auditor"):
        async with demo.client("seattle", role=role) as client:
            offered |= {tool.name for tool in await client.list_tools()}
    answered = [question for question in QUESTIONS if question.answer]

    assert len(answered) >= 60
    assert {question.tool for question in answered} == offered
    assert {question.role for question in QUESTIONS} == {"manager", "support", "analyst", "auditor"}
    assert len([question for question in QUESTIONS if question.in_short]) == 10


def test_what_is_written_about_the_file_is_true_of_it() -> None:
    refused = sum(bool(question.refusal) for question in QUESTIONS)
    written = {
        "README.md": f"They are ten of the {len(QUESTIONS)} in",
        "CHANGELOG.md": f"- {len(QUESTIONS)} questions in users' words",
        "docs/evaluation.md": f"{len(QUESTIONS) - refused} have figures, {refused} must be refused",
    }
    for name, words in written.items():
        assert words in (ROOT / name).read_text(encoding="utf-8"), name


async def test_the_answer_that_the_readme_shows_is_the_tools(desk: Desk) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- answer -->\n```json\n(.*?)```\n<!-- /answer -->", readme, re.DOTALL)
    assert block is not None
    shown = json.loads(block[1])
    days = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
    compared = {"compare_start_date": "2026-09-01", "compare_end_date": "2026-09-30"}
    question = Question(
        ask="Which category sold most in October, and how does that compare with September?",
        who="store manager",
        tool="summarize_sales",
        arguments={**days, **compared, "group_by": ["category"]},
    )

    answer = await desk.answer(question, question.stores)

    assert question.ask in readme
    assert contains(answer, shown)


def contains(answer: Any, part: Any) -> bool:
    """Whether the answer has every key, and the first items of every list, that a shortened answer shows."""
    if isinstance(part, dict):
        return all(key in answer and contains(answer[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(answer) >= len(part) and all(contains(*pair) for pair in zip(answer, part, strict=False))
    return bool(answer == part)


@pytest.mark.parametrize(
    ("path", "value"),
    [("rows.1.key", "b"), ("rows[key=a].figures.units", 3), ("rows.length", 2), ("rows[key=b].figures.units", 5)],
)
def test_a_path_leads_to_one_value(path: str, value: object) -> None:
    told = {"rows": [{"key": "a", "figures": {"units": 3}}, {"key": "b", "figures": {"units": 5}}]}
    assert at(told, path) == value
    with pytest.raises(ValueError, match="not enough values"):
        at(told, "rows[key=c].key")
