"""Redmond is to Seattle's manager as if it did not exist."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastmcp import Client

from tests.sql.acting import ROLES
from tests.support import answer, refusal
from tests.tools.asking import whole_text
from tests.tools.calls import RECORDS, calls_about, naming, tool_names
from tests.tools.neighbours import MARK, PERIOD, Neighbours, Side

NO_ID = "00000000-0000-4000-8000-000000000000"
NOTHING = "no-such-thing"
# Parameters that name nothing that a store has: figures, days, switches, and words of the tools' own.
NAME_NOTHING = {
    "compare_end_date",
    "compare_start_date",
    "compare_to",
    "dead_after_days",
    "end_date",
    "facets",
    "group_by",
    "in_stock",
    "include_without_sales",
    "kind",
    "lapse_days",
    "limit",
    "loyalty_tier",
    "max_days_of_supply",
    "max_price",
    # Asked in tests/security/test_ad_hoc_sql.py.
    "sql",
    "metrics",
    "min_baskets",
    "min_price",
    "min_rating",
    "minimum_total",
    "mode",
    "order",
    "outcome",
    "payment_method",
    "period",
    "rank_by",
    "segment",
    "sort",
    "start_date",
    "tool_name",
    "transaction_type",
    "view",
}
QUESTIONS = [(tool, asked) for tool, record in RECORDS.items() for asked in record.foreign]
ONLY_THERE = [(tool, asked) for tool, record in RECORDS.items() for asked in record.only_there]
PAGED = [tool for tool, record in RECORDS.items() if record.pages is not None]


async def asking(neighbours: Neighbours, tool: str, store_id: str = "seattle") -> Client[Any]:
    """A client of that store that has the tool."""
    return await neighbours.acting(store_id, role=RECORDS[tool].role)


def filled(asked: dict[str, Any], side: Side) -> dict[str, Any]:
    """The question with the keys of a side where it names them."""
    return {name: str(getattr(side, str(value), value)) for name, value in asked.items()}


def unknown(asked: dict[str, Any]) -> dict[str, Any]:
    """The same question about something that is nowhere."""
    ids = ("customer_id", "product_id", "sale_id")
    other = {**dict.fromkeys(ids, NO_ID), "phone": "999 555 0000"}
    named = Side.__dataclass_fields__
    return {name: other.get(str(value), NOTHING) if str(value) in named else value for name, value in asked.items()}


async def test_the_calls_cover_every_tool(neighbours: Neighbours) -> None:
    assert {tool for tool, _ in calls_about(neighbours.seattle)} == await tool_names(neighbours)


async def test_nothing_of_the_other_store_is_in_any_answer(neighbours: Neighbours) -> None:
    client = await neighbours.acting("seattle")
    seattle, redmond = neighbours.seattle, neighbours.redmond
    secrets = [MARK, "425-555", str(redmond.customer_id), str(redmond.product_id), str(redmond.sale_id)]
    for tool, asked in [*calls_about(seattle), *calls_about(seattle, query="claw hammer stand secret")]:
        text = (await whole_text(client, tool, **asked)).lower()

        assert [secret for secret in secrets if secret in text] == [], (tool, asked)


async def test_a_question_that_names_the_other_stores_things_gets_nothing_else_of_it(neighbours: Neighbours) -> None:
    client = await neighbours.acting("seattle")
    for tool, asked in calls_about(neighbours.redmond, query=MARK):
        text = await whole_text(client, tool, **asked)

        # What was asked for is repeated as not found; that tells the caller nothing.
        for repeated in asked.get(RECORDS[tool].repeats or "", ()):
            text = text.replace(repeated, "")
        assert MARK not in text.lower(), (tool, asked)


async def test_the_other_stores_manager_does_see_the_mark_in_every_tool(neighbours: Neighbours) -> None:
    """Guards the tests above: what is nowhere cannot leak."""
    client = await neighbours.acting("redmond")
    marked = {
        tool
        for tool, asked in calls_about(neighbours.redmond)
        if MARK in (await whole_text(client, tool, **asked)).lower()
    }

    assert marked == await tool_names(neighbours) - {tool for tool, record in RECORDS.items() if record.names_nothing}


@pytest.mark.parametrize(("tool", "asked"), QUESTIONS, ids=str)
async def test_what_another_store_has_is_answered_like_what_nobody_has(
    neighbours: Neighbours, tool: str, asked: dict[str, Any]
) -> None:
    client = await asking(neighbours, tool)

    foreign = await whole_text(client, tool, **filled(asked, neighbours.redmond))
    absent = await whole_text(client, tool, **unknown(asked))

    assert foreign == absent


@pytest.mark.parametrize(("tool", "asked"), QUESTIONS, ids=str)
async def test_the_same_question_about_the_own_store_finds_something(
    neighbours: Neighbours, tool: str, asked: dict[str, Any]
) -> None:
    """Guards the test above: a question that never finds anything proves nothing."""
    client = await asking(neighbours, tool)

    own = await whole_text(client, tool, **filled(asked, neighbours.seattle))

    assert own != await whole_text(client, tool, **unknown(asked))


async def test_products_of_another_store_are_not_found_like_any_unknown_one(neighbours: Neighbours) -> None:
    client = await neighbours.acting("seattle")
    foreign = [neighbours.redmond.sku, str(neighbours.redmond.product_id)]
    ((tool, parameter),) = ((tool, record.repeats) for tool, record in RECORDS.items() if record.repeats)

    found = await answer(client, tool, **{parameter: [*foreign, NOTHING, NO_ID]})

    assert (found["products"], found["not_found"]) == ([], [*foreign, NOTHING, NO_ID])


async def test_entries_about_people_of_another_store_are_not_found_like_those_of_nobody(
    neighbours: Neighbours,
) -> None:
    ((tool, parameter),) = ((tool, record.about_people) for tool, record in RECORDS.items() if record.about_people)
    await answer(await neighbours.acting("redmond"), "summarize_sales")
    stranger = {parameter: "manager of redmond"}
    for _ in range(100):
        # Entries are written off the caller's path.
        if (await answer(await asking(neighbours, tool, "redmond"), tool, **stranger))["rows"]:
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("redmond's own auditor sees no call either")
    client = await asking(neighbours, tool)

    foreign = await answer(client, tool, **stranger)

    assert foreign["rows"] == []
    assert foreign == await answer(client, tool, **{parameter: NOTHING})


@pytest.mark.parametrize(("tool", "asked"), ONLY_THERE, ids=str)
async def test_a_word_that_only_another_store_has_finds_nothing_like_an_unknown_one(
    neighbours: Neighbours, tool: str, asked: dict[str, Any]
) -> None:
    client = await neighbours.acting("seattle")
    made_up = {
        name: [NOTHING] if name == "tags" else NOTHING if name in ("category", "brand") else value
        for name, value in asked.items()
    }

    foreign = await answer(client, tool, **asked)

    assert foreign["rows"] == []
    assert foreign == await answer(client, tool, **made_up)
    assert (await answer(await neighbours.acting("redmond"), tool, **asked))["rows"] != []


async def test_every_parameter_that_names_a_stores_things_is_asked_with_another_stores(neighbours: Neighbours) -> None:
    """A new parameter fails here until a question above puts another store's id or word into it."""
    asked_about = {(tool, name) for tool, asked in [*QUESTIONS, *ONLY_THERE] for name in asked}
    for tool, record in RECORDS.items():
        asked_about |= {(tool, record.repeats), (tool, record.about_people)}
        if record.pages is not None or record.pages_alike:
            asked_about.add((tool, "cursor"))
    parameters = {
        (tool.name, name)
        for role in ROLES
        for tool in await (await neighbours.acting("seattle", role=role)).list_tools()
        for name in tool.input_schema["properties"]
        # Each tool is asked about another store itself below.
        if name not in ("store_id", "stores")
    }

    assert sorted(entry for entry in parameters - asked_about if entry[1] not in NAME_NOTHING) == []
    assert {name for _, name in parameters} >= NAME_NOTHING


async def test_another_store_is_refused_like_one_that_does_not_exist(neighbours: Neighbours) -> None:
    client = await neighbours.acting("seattle")
    for tool, asked in calls_about(neighbours.seattle):
        foreign = await refusal(client, tool, **asked, **naming(tool, "redmond"))

        assert foreign == await refusal(client, tool, **asked, **naming(tool, "nowhere"))
        assert foreign == "No such store among yours. Your stores: seattle."


@pytest.mark.parametrize("tool", PAGED)
async def test_a_cursor_of_another_store_is_refused_like_a_made_up_one(neighbours: Neighbours, tool: str) -> None:
    redmond = await asking(neighbours, tool, "redmond")
    seattle = await asking(neighbours, tool)
    cursor = (await answer(redmond, tool, **(RECORDS[tool].pages or {}), limit=1))["next_cursor"]
    assert cursor

    foreign = await refusal(seattle, tool, **(RECORDS[tool].pages or {}), limit=1, cursor=cursor)

    assert foreign == await refusal(seattle, tool, **(RECORDS[tool].pages or {}), limit=1, cursor="bWFkZSB1cA")


async def test_both_stores_keep_their_own_figures(neighbours: Neighbours) -> None:
    """The two are alike, so a figure of both together would be twice as large."""
    for store_id in ("seattle", "redmond"):
        found = await answer(
            await neighbours.acting(store_id),
            "summarize_sales",
            **PERIOD,
            metrics=["net_revenue", "transactions", "returns"],
        )

        assert found["totals"]["figures"]["net_revenue"] == "40.00"
        assert found["totals"]["figures"]["transactions"] == found["totals"]["figures"]["returns"] == 1


async def test_who_has_several_stores_must_choose_one(neighbours: Neighbours) -> None:
    client = await neighbours.acting("seattle", "redmond")
    for tool, asked in calls_about(neighbours.seattle):
        if not RECORDS[tool].needs_no_store:
            message = await refusal(client, tool, **asked)

            assert message == (
                "You have access to several stores (redmond, seattle). Pass store_id to say which one is meant."
            )


async def test_who_has_several_stores_is_told_which(neighbours: Neighbours) -> None:
    found = await answer(await neighbours.acting("seattle", "redmond"), "get_store_context")

    assert (found["current_store"], found["role"]) == (None, None)
    assert [store["store_id"] for store in found["your_stores"]] == ["redmond", "seattle"]


@pytest.mark.parametrize("store_id", ["seattle", "redmond"])
async def test_the_chosen_store_answers_as_it_does_to_its_own_manager(neighbours: Neighbours, store_id: str) -> None:
    both = await neighbours.acting("seattle", "redmond")
    own = await neighbours.acting(store_id)
    side = neighbours.seattle if store_id == "seattle" else neighbours.redmond
    for tool, asked in calls_about(side):
        if tool != "get_store_context":
            expected = await answer(own, tool, **asked)
            found = await answer(both, tool, **asked, **naming(tool, store_id))
            assert found | {"elapsed_ms": 0} == expected | {"elapsed_ms": 0}


async def test_a_third_store_is_refused_to_who_has_two(neighbours: Neighbours) -> None:
    client = await neighbours.acting("seattle", "redmond")

    message = await refusal(client, "summarize_sales", **PERIOD, store_id="bellevue")

    assert message == "No such store among yours. Your stores: redmond, seattle."


async def test_things_of_the_one_store_are_not_found_in_the_other(neighbours: Neighbours) -> None:
    client = await neighbours.acting("seattle", "redmond")
    redmond = neighbours.redmond
    for tool, asked in (
        ("get_transaction", {"transaction": redmond.sale}),
        ("get_customer", {"customer_id": str(redmond.customer_id)}),
    ):
        assert "seattle" in await refusal(client, tool, **asked, store_id="seattle")
        assert (await answer(client, tool, **asked, store_id="redmond"))["store_id"] == "redmond"
