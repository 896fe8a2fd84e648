"""What each role sees: personal data as sql/0070 says, costs for managers and analysts."""

from __future__ import annotations

from typing import Any

import pytest

from server.calls.principal import Role
from tests.support import answer
from tests.tools.asking import whole_text
from tests.tools.calls import RECORDS, calls_about
from tests.tools.neighbours import PERIOD, Neighbours
from tests.tools.reference.receipts import pseudonym

ROLES: tuple[Role, ...] = ("manager", "support", "analyst", "auditor")
NAME = "Seattle-Own-Ada Lovelace-seattle-own"
PHONE = "+1 206-555-0123"
EMAIL = "ada.seattle-own@example.com"
MASKED_EMAIL = "a***@example.com"
BORN = "1815-12-10"
GENDER = "gender seattle-own"
NOTE = "note seattle-own"

CARD: dict[Role, dict[str, Any]] = {
    "manager": {"name": NAME, "phone": PHONE, "email": EMAIL, "date_of_birth": BORN, "gender": GENDER},
    "support": {"name": NAME, "phone": PHONE, "email": MASKED_EMAIL, "date_of_birth": None, "gender": None},
    "analyst": dict.fromkeys(("name", "phone", "email", "date_of_birth", "gender")),
    "auditor": dict.fromkeys(("name", "phone", "email", "date_of_birth", "gender")),
}
# Parts of them too, in lower case: a name may not come back in pieces.
HIDDEN: dict[Role, tuple[str, ...]] = {
    "manager": (),
    "support": (EMAIL, BORN, GENDER),
    "analyst": ("seattle-own-ada", "lovelace", "555-0123", "5550123", "ada.", "example.com", BORN, GENDER),
    "auditor": ("seattle-own-ada", "lovelace", "555-0123", "5550123", "ada.", "example.com", BORN, GENDER),
}


def stand_in(neighbours: Neighbours) -> str:
    return pseudonym({"customer_id": neighbours.seattle.customer_id})


@pytest.mark.parametrize("role", ROLES)
async def test_a_profile_shows_the_role_what_it_may_see(neighbours: Neighbours, role: Role) -> None:
    client = await neighbours.acting("seattle", role=role)

    found = await answer(client, "get_customer", customer_id=str(neighbours.seattle.customer_id))

    assert {name: found[name] for name in CARD[role]} == CARD[role]
    assert found["pseudonym"] == stand_in(neighbours)
    assert found["lifetime_value"] == "44.00"


@pytest.mark.parametrize("role", ROLES)
async def test_a_search_shows_the_role_what_it_may_see(neighbours: Neighbours, role: Role) -> None:
    client = await neighbours.acting("seattle", role=role)

    (hit,) = (await answer(client, "search_customers", loyalty_tier="gold"))["rows"]

    shown = ("name", "phone", "email")
    assert {name: hit[name] for name in shown} == {name: CARD[role][name] for name in shown}
    assert hit["pseudonym"] == stand_in(neighbours)


@pytest.mark.parametrize("role", ROLES)
async def test_a_receipt_names_its_customer_as_the_role_may_see(neighbours: Neighbours, role: Role) -> None:
    client = await neighbours.acting("seattle", role=role)
    expected = CARD[role]["name"] or stand_in(neighbours)

    listed = await answer(client, "list_transactions", **PERIOD)
    found = await answer(client, "get_transaction", transaction=neighbours.seattle.sale)

    assert [row["customer"] for row in listed["rows"]] == [expected, expected]
    assert found["customer"] == expected


@pytest.mark.parametrize("role", ROLES)
async def test_no_answer_of_any_tool_has_a_personal_value_that_is_hidden_from_the_role(
    neighbours: Neighbours, role: Role
) -> None:
    client = await neighbours.acting("seattle", role=role)
    offered = {tool.name for tool in await client.list_tools()}
    for tool, asked in calls_about(neighbours.seattle):
        if tool not in offered:
            # tests/security/test_scopes.py: then it cannot be called either.
            continue
        text = (await whole_text(client, tool, **asked)).lower()

        assert [value for value in HIDDEN[role] if value in text] == [], (tool, asked)


@pytest.mark.parametrize("role", ROLES)
async def test_a_free_note_in_which_a_customer_may_be_named_is_shown_only_to_who_sees_names(
    neighbours: Neighbours, role: Role
) -> None:
    client = await neighbours.acting("seattle", role=role)

    found = await answer(client, "get_transaction", transaction=neighbours.seattle.sale)

    assert found["notes"] == (NOTE if role in ("manager", "support") else None)


@pytest.mark.parametrize("role", ROLES)
async def test_details_show_the_cost_to_managers_and_analysts(neighbours: Neighbours, role: Role) -> None:
    client = await neighbours.acting("seattle", role=role)

    (found,) = (await answer(client, "get_products", products=[neighbours.seattle.sku]))["products"]

    seen = ("12.00", 40.0) if role in ("manager", "analyst") else (None, None)
    assert (found["cost"], found["margin_percent"]) == seen


@pytest.mark.parametrize("role", ROLES)
async def test_a_ranking_does_not_tell_by_its_margin_a_cost_that_the_role_may_not_see(
    neighbours: Neighbours, role: Role
) -> None:
    client = await neighbours.acting("seattle", role=role)

    (found,) = (await answer(client, "list_top_products", **PERIOD))["rows"]

    seen = ("16.00", 40.0) if role in ("manager", "analyst") else (None, None)
    assert (found["margin"], found["margin_percent"]) == seen


@pytest.mark.parametrize("role", ROLES)
async def test_figures_are_the_same_for_every_role(neighbours: Neighbours, role: Role) -> None:
    manager = await neighbours.acting("seattle")
    client = await neighbours.acting("seattle", role=role)
    for tool, asked in calls_about(neighbours.seattle):
        if RECORDS[tool].same_for_all:
            assert await answer(client, tool, **asked) == await answer(manager, tool, **asked)


@pytest.mark.parametrize("role", ROLES)
async def test_stock_tells_what_it_cost_to_managers_and_analysts(neighbours: Neighbours, role: Role) -> None:
    client = await neighbours.acting("seattle", role=role)

    (low,) = (await answer(client, "list_low_stock"))["rows"]
    (group,) = (await answer(client, "summarize_inventory"))["groups"]

    # Four less three sold and one back: two at 12.00.
    seen = "24.00" if role in ("manager", "analyst") else None
    assert (low["stock_value"], group["figures"]["stock_value"]) == (seen, seen)
    assert (low["order_cost"] is None) is (seen is None)
    assert group["figures"]["retail_value"] == "40.00"


@pytest.mark.parametrize("role", ROLES)
async def test_returns_name_their_customer_as_the_role_may_see(neighbours: Neighbours, role: Role) -> None:
    client = await neighbours.acting("seattle", role=role)

    (row,) = (await answer(client, "summarize_returns", **PERIOD, group_by="customer"))["rows"]

    assert row["label"] == (CARD[role]["name"] or stand_in(neighbours))
    assert row["customer_id"] == str(neighbours.seattle.customer_id)


@pytest.mark.parametrize("role", ROLES)
async def test_the_context_tells_the_role(neighbours: Neighbours, role: Role) -> None:
    found = await answer(await neighbours.acting("seattle", role=role), "get_store_context")

    assert found["role"] == role
    assert [(store["store_id"], store["role"]) for store in found["your_stores"]] == [("seattle", role)]
