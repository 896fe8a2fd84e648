"""search_customers and get_customer."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastmcp import Client

from server.calls.principal import Role
from tests.support import answer, refusal
from tests.tools.asking import Callers, walk
from tests.tools.reference.customer_figures import found_customers
from tests.tools.reference.customer_figures import profile as expected_profile
from tests.tools.reference.rows import Row, StoreData
from tests.tools.shop import Goods, Shop

NOBODY = "00000000-0000-4000-8000-000000000000"


async def profile(client: Client[Any], data: StoreData, customer: Row) -> tuple[Row, Row]:
    """What get_customer answers, and what it should; a midnight in between changes the latter."""
    days: list[date] = []
    found = {}
    while len(set(days)) != 1:
        days = [datetime.now(UTC).astimezone(data.zone).date()]
        found = await answer(client, "get_customer", customer_id=str(customer["customer_id"]))
        days.append(datetime.now(UTC).astimezone(data.zone).date())
    return found, expected_profile(data, customer, days[0])


def typical_customers(data: StoreData) -> dict[str, Row]:
    """One customer of each kind that a profile treats differently."""
    bought = Counter(receipt.row["customer_id"] for receipt in data.receipts)
    returned = Counter(receipt.row["customer_id"] for receipt in data.receipts if not receipt.is_sale)
    by_id = {customer["customer_id"]: customer for customer in data.customers}
    del bought[None], returned[None]
    return {
        "without a purchase": next(c for c in data.customers if c["customer_id"] not in bought),
        "with one receipt": next(c for c in data.customers if bought[c["customer_id"]] == 1),
        "with most receipts": by_id[bought.most_common(1)[0][0]],
        "with most returns": by_id[returned.most_common(1)[0][0]],
        "without a phone": next(c for c in data.customers if c["phone"] is None),
    }


@pytest.mark.parametrize(
    "kind", ["without a purchase", "with one receipt", "with most receipts", "with most returns", "without a phone"]
)
@pytest.mark.parametrize("store_id", ["seattle", "online"])
async def test_a_profile_equals_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], store_id: str, kind: str
) -> None:
    data = demo_data[store_id]

    found, expected = await profile(await demo_as(store_id), data, typical_customers(data)[kind])

    assert found == expected


async def test_forty_more_profiles_equal_the_reference(demo_as: Callers, demo_data: dict[str, StoreData]) -> None:
    data = demo_data["redmond"]
    client = await demo_as("redmond")
    for customer in data.customers[:40]:
        found, expected = await profile(client, data, customer)

        # Amounts of customers who bought nothing have their own test.
        if expected["orders"] or expected["returns"]:
            assert found == expected


async def test_the_money_of_a_customer_without_purchases_has_two_decimals(shop: Shop) -> None:
    customer_id = str(await shop.customer("Ada", "Lovelace"))

    async with shop.client() as client:
        found = await answer(client, "get_customer", customer_id=customer_id)
        hits = await answer(client, "search_customers", name="Ada")

    assert found["lifetime_value"] == "0.00"
    assert [hit["lifetime_value"] for hit in hits["rows"]] == ["0.00"]


async def test_a_customer_with_a_sale_and_a_return_has_this_profile(shop: Shop) -> None:
    ada = await shop.customer("Ada", "Lovelace")
    pen, ink = await shop.product("PEN", product_name="Pen"), await shop.product("INK", product_name="Ink")
    sale = await shop.receipt(
        "2026-11-09 23:30",
        Goods(pen, 2, "10.00", discount="2.00", tax="1.80"),
        Goods(ink, 1, "30.00", tax="3.00"),
        customer_id=ada,
        receipt_number="S-1",
    )
    await shop.receipt(
        "2026-11-12 10:00",
        Goods(ink, 1, "30.00", tax="3.00", original=sale.items[1]),
        customer_id=ada,
        receipt_number="B-1",
        transaction_type="return",
        original_transaction_id=sale.transaction_id,
    )

    async with shop.client() as client:
        found = await answer(client, "get_customer", customer_id=str(ada))

    figures = ("lifetime_value", "orders", "returns", "average_basket", "first_purchase_date", "last_purchase_date")
    assert {name: found[name] for name in figures} == {
        "lifetime_value": "19.80",  # 18.00 + 1.80 + 30.00 + 3.00, less 33.00
        "orders": 1,
        "returns": 1,
        "average_basket": "48.00",
        "first_purchase_date": "2026-11-09",
        "last_purchase_date": "2026-11-09",
    }
    assert [(row["receipt_number"], row["total_amount"], row["products"]) for row in found["recent_purchases"]] == [
        ("B-1", "-33.00", ["Ink"]),
        ("S-1", "52.80", ["Ink", "Pen"]),
    ]
    assert found["favourite_categories"] == [
        {"category": None, "net_revenue": "18.00", "units": 2, "share_percent": 100.0}
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"loyalty_tier": "gold"},
        {"loyalty_tier": "platinum"},
        {"name": "smith"},
        {"name": "AN"},
        {"name": "a"},
        {"name": "chris", "loyalty_tier": "bronze"},
        {"phone": "0199"},
        {"phone": "5551"},
        {"name": "zzzz"},
        {"name": "%"},
        {"name": "_"},
        {"name": "\\"},
    ],
    ids=str,
)
async def test_a_search_equals_the_reference(
    demo_as: Callers, demo_data: dict[str, StoreData], asked: dict[str, str]
) -> None:
    rows = await walk(await demo_as("seattle"), "search_customers", limit=100, **asked)

    assert rows == found_customers(demo_data["seattle"], **asked)


@pytest.mark.parametrize("limit", [1, 7])
async def test_pages_together_are_the_whole_search(
    demo_as: Callers, demo_data: dict[str, StoreData], limit: int
) -> None:
    rows = await walk(await demo_as("redmond"), "search_customers", limit=limit, name="ann")

    assert rows == found_customers(demo_data["redmond"], name="ann")


async def test_every_page_tells_how_many_match_on_all_pages(demo_as: Callers, demo_data: dict[str, StoreData]) -> None:
    client = await demo_as("redmond")
    first = await answer(client, "search_customers", loyalty_tier="gold", limit=2)
    second = await answer(client, "search_customers", loyalty_tier="gold", limit=2, cursor=first["next_cursor"])

    expected = len(found_customers(demo_data["redmond"], loyalty_tier="gold"))
    assert first["total_matches"] == second["total_matches"] == expected


def written_in_many_ways(phone: str) -> list[str]:
    """A phone number as people write it."""
    digits = "".join(character for character in phone if character.isdigit())[-10:]
    area, office, line = digits[:3], digits[3:6], digits[6:]
    return [digits, f"({area}) {office}-{line}", f"+1 {area}.{office}.{line}", f"001-{digits}", digits[-7:]]


async def test_a_customer_is_found_by_everything_that_is_known(
    demo_as: Callers, demo_data: dict[str, StoreData]
) -> None:
    data = demo_data["bellevue"]
    client = await demo_as("bellevue")
    for customer in [customer for customer in data.customers if customer["phone"]][:8]:
        first, last = customer["first_name"], customer["last_name"]
        asked: list[dict[str, str]] = [
            *({"phone": phone} for phone in written_in_many_ways(customer["phone"])),
            *(
                {"name": name}
                for name in (f"{first} {last}", f"{last} {first}", f"{last}, {first}", f" {last.upper()} ")
            ),
            {"email": customer["email"]},
            {"email": f" {customer['email'].upper()} "},
            {"email": customer["email"], "name": f"{first} {last}", "phone": customer["phone"]},
        ]
        for question in asked:
            rows = await walk(client, "search_customers", limit=50, **question)

            assert str(customer["customer_id"]) in [row["customer_id"] for row in rows], question


async def test_criteria_together_must_all_match(demo_as: Callers, demo_data: dict[str, StoreData]) -> None:
    one, other = [customer for customer in demo_data["bellevue"].customers if customer["phone"]][:2]
    client = await demo_as("bellevue")
    tier = "gold" if one["loyalty_tier"] != "gold" else "silver"
    for question in (
        {"email": one["email"], "phone": other["phone"]},
        {"email": one["email"], "name": "zzzz"},
        {"phone": one["phone"], "loyalty_tier": tier},
    ):
        assert (await answer(client, "search_customers", **question))["rows"] == []


@pytest.mark.parametrize("beside", [{"email": "ada@example.com"}, {"phone": "206 555 0123"}, {"loyalty_tier": "gold"}])
async def test_last_name_first_is_understood_beside_other_criteria_too(shop: Shop, beside: dict[str, str]) -> None:
    await shop.customer("Ada", "Lovelace", email="ada@example.com", phone="+1 206-555-0123", loyalty_tier="gold")

    async with shop.client() as client:
        found = await answer(client, "search_customers", name="Lovelace, Ada", **beside)

    assert [row["name"] for row in found["rows"]] == ["Ada Lovelace"]


@pytest.mark.parametrize("asked", ["John Smith", "Smith John", "Smith, John"])
async def test_the_whole_name_in_either_order_comes_before_a_part_of_one(shop: Shop, asked: str) -> None:
    nail = await shop.product("NAIL")
    rich = {await shop.customer("John", "Smithson"), await shop.customer("Johnny", "Smith")}
    await shop.customer("John", "Smith")
    for customer_id in rich:
        await shop.receipt("2026-11-10 10:00", Goods(nail, 9), customer_id=customer_id)

    async with shop.client() as client:
        found = await answer(client, "search_customers", name=asked)

    assert found["rows"][0]["name"] == "John Smith"


@pytest.mark.parametrize("name", ["o'brien", "ÅSTRÖM", "müller", "100%", "under_score", "back\\slash"])
async def test_a_name_means_its_own_characters(shop: Shop, name: str) -> None:
    for last_name in ("O'Brien", "Åström", "Müller", "100%", "Under_score", "Back\\slash", "Underscore", "1000"):
        await shop.customer("Ada", last_name)

    async with shop.client() as client:
        found = await answer(client, "search_customers", name=name)

    assert [row["name"].lower() for row in found["rows"]] == [f"ada {name.lower()}"]


@pytest.mark.parametrize(
    ("role", "asked"),
    [
        ("support", {"name": "smith"}),
        ("support", {"phone": "5551"}),
        ("support", {"loyalty_tier": "gold"}),
        ("analyst", {"loyalty_tier": "gold"}),
        ("auditor", {"loyalty_tier": "gold"}),
    ],
)
async def test_a_role_finds_by_what_it_sees_and_sees_no_more(
    demo_as: Callers, demo_data: dict[str, StoreData], role: Role, asked: dict[str, str]
) -> None:
    rows = await walk(await demo_as("seattle", role=role), "search_customers", limit=100, **asked)

    assert rows == found_customers(demo_data["seattle"], role=role, **asked)


@pytest.mark.parametrize(
    ("role", "asked", "masked"),
    [
        ("support", {"email": "a@example.com"}, "email"),
        ("support", {"email": "a@example.com", "name": "smith"}, "email"),
        ("analyst", {"name": "smith"}, "name"),
        ("analyst", {"phone": "206 555 0123"}, "phone"),
        ("analyst", {"email": "a@example.com", "loyalty_tier": "gold"}, "email"),
        ("auditor", {"name": "smith", "loyalty_tier": "gold"}, "name"),
    ],
)
async def test_a_role_may_not_search_by_what_it_sees_masked(
    demo_as: Callers, role: Role, asked: dict[str, str], masked: str
) -> None:
    message = await refusal(await demo_as("seattle", role=role), "search_customers", **asked)

    assert message.startswith(f"Your role ({role}) sees {masked} masked, so it cannot search by it.")


@pytest.mark.parametrize("asked", [{}, {"name": "   "}, {"name": ",", "email": " "}], ids=str)
async def test_a_search_for_nobody_in_particular_is_refused(demo_as: Callers, asked: dict[str, str]) -> None:
    message = await refusal(await demo_as("seattle"), "search_customers", **asked)

    assert message == "Say whom to look for: pass at least one of name, email, phone, loyalty_tier and segment."


async def test_too_few_digits_are_refused(demo_as: Callers) -> None:
    message = await refusal(await demo_as("seattle"), "search_customers", phone="+1-23 ext")

    assert message.startswith("phone needs at least 4 digits.")


async def test_an_unknown_customer_is_refused_with_the_way_to_find_one(demo_as: Callers) -> None:
    message = await refusal(await demo_as("seattle"), "get_customer", customer_id=NOBODY)

    assert message == "No customer with this id in seattle. Find the id with search_customers."
