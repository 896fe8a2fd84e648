"""A customer who is erased: gone from every table, from search, and from what the audit log could confirm."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from server.db.operator import admin_connection
from server.errors import NotFoundError
from server.operations.admin.audit import seal
from server.operations.admin.audit_verification import verify
from server.operations.admin.customers import (
    ErasedCustomer,
    Repeated,
    erase_customer,
    find_customer,
    list_erased,
    repeat_erasures,
)
from tests.sql.acting import ROLES, StoresTemplate, TwoStores, connected, enter, inside
from tests.sql.factories import insert_customer, insert_transaction
from tests.sql.personal import (
    METADATA,
    NOTES,
    REASON,
    TRACES,
    ZELDA,
    Zelda,
    everything,
    insert_zelda,
    log,
    pseudonyms,
    salts,
)
from tests.support import answer, refusal

NOBODY = UUID(int=0)


@dataclass(frozen=True)
class World:
    """Seattle with Zelda in it, and the operator's connection."""

    stores: TwoStores
    operator: Any
    zelda: Zelda

    async def receipt(self, transaction_id: UUID) -> Any:
        return await self.operator.fetchrow(
            "select * from retail.sales_transactions where transaction_id = $1", transaction_id
        )

    async def customer(self) -> Any:
        return await self.operator.fetchrow(
            "select * from retail.customers where customer_id = $1", self.zelda.customer_id
        )


@pytest.fixture
async def world(own_stores: TwoStores) -> AsyncIterator[World]:
    async with admin_connection(own_stores.retailer.admin_url) as operator:
        zelda = await insert_zelda(operator, "seattle", own_stores.seattle.product_id)
        await operator.execute("analyze")
        yield World(own_stores, operator, zelda)


async def erase(world: World) -> None:
    await erase_customer(world.operator, "seattle", str(world.zelda.customer_id))


async def test_no_table_has_a_trace_afterwards(world: World) -> None:
    retailer = world.stores.retailer
    before = await everything(retailer)
    assert set().union(*before.values()) == set(TRACES)
    assert set(before) == {"retail.customers", "retail.sales_transactions", "pg_stats"}

    await erase(world)

    assert await everything(retailer) == {}


async def test_nobody_can_confirm_a_guess_with_the_key_afterwards(world: World) -> None:
    retailer = world.stores.retailer
    known = await pseudonyms(retailer, world.zelda, await salts(retailer))
    before = await log(retailer)
    # The computation is that of the database: each value is found as long as its salt lives.
    assert len([made for made in known if made in before]) == len(ZELDA) + 4

    await erase(world)

    after = await log(retailer)
    assert len(after) > len(before)
    guesses = await pseudonyms(retailer, world.zelda, await salts(retailer))
    assert [made for made in guesses if made in after] == []


async def test_log_does_not_hold_a_salt(world: World) -> None:
    held = {str(salt) for salt in await salts(world.stores.retailer) if salt}

    await erase(world)
    await world.operator.execute("delete from retail.customers where store_id = 'redmond'")

    text = await log(world.stores.retailer)
    now = {str(salt) for salt in await salts(world.stores.retailer) if salt}
    assert [salt for salt in held | now if salt in text] == []
    assert "pseudonym_salt" not in text


async def test_every_record_has_a_salt_of_its_own(world: World) -> None:
    records = await world.operator.fetchval(
        "select (select count(*) from retail.customers) + (select count(*) from retail.sales_transactions)"
    )

    assert len(await salts(world.stores.retailer) - {None}) == records


async def test_receipts_stay_for_the_books(world: World) -> None:
    before = dict(await world.receipt(world.zelda.sale.transaction_id))
    value = (await world.customer())["total_lifetime_value"]

    await erase(world)

    after = dict(await world.receipt(world.zelda.sale.transaction_id))
    personal = {"notes", "metadata", "pseudonym_salt"}
    assert {key: after[key] for key in after if key not in personal} == {
        key: before[key] for key in before if key not in personal
    }
    assert after["customer_id"] == world.zelda.customer_id
    assert (await world.customer())["total_lifetime_value"] == value == 0


async def test_free_text_goes_where_it_names_the_customer(world: World) -> None:
    harmless = await insert_transaction(
        world.operator,
        "seattle",
        customer_id=world.zelda.customer_id,
        transaction_type="return",
        original_transaction_id=world.zelda.sale.transaction_id,
        return_reason="too small",
        metadata=json.dumps(["a list", 7]),
    )
    listed = await insert_transaction(
        world.operator, "seattle", customer_id=world.zelda.customer_id, metadata='["for zeldamaria"]'
    )

    await erase(world)

    sale, own, nameless, kept, emptied = [
        await world.receipt(transaction_id)
        for transaction_id in (
            world.zelda.sale.transaction_id,
            world.zelda.own_return,
            world.zelda.nameless_return,
            harmless,
            listed,
        )
    ]
    assert (sale["notes"], json.loads(sale["metadata"])) == (None, {"till": METADATA["till"]})
    assert own["return_reason"] is None
    assert nameless["notes"] is None
    assert (kept["return_reason"], json.loads(kept["metadata"])) == ("too small", ["a list", 7])
    assert emptied["metadata"] == "{}"


async def test_nobody_else_is_touched(world: World) -> None:
    twin = await insert_customer(world.operator, "seattle", **ZELDA | {"email": "twin@example.net"})
    noted = await insert_transaction(world.operator, "seattle", customer_id=twin, notes=NOTES, return_reason=None)
    abroad = await insert_zelda(world.operator, "redmond", world.stores.redmond.product_id)
    others = "select md5(string_agg(c::text, '' order by c::text)) from retail.{} c where {} <> all ($1)"
    mine = [world.zelda.sale.transaction_id, world.zelda.own_return, world.zelda.nameless_return]

    async def fingerprint() -> tuple[Any, Any]:
        return (
            await world.operator.fetchval(others.format("customers", "customer_id"), [world.zelda.customer_id]),
            await world.operator.fetchval(others.format("sales_transactions", "transaction_id"), mine),
        )

    before = await fingerprint()
    await erase(world)

    assert await fingerprint() == before
    assert (await world.receipt(noted))["notes"] == NOTES
    assert (await world.receipt(abroad.own_return))["return_reason"] == REASON


async def test_erasure_is_in_the_log_without_a_name(world: World) -> None:
    await erase(world)

    (logged,) = await world.operator.fetch("select * from audit.operation where action = 'customer_erased'")
    assert (logged["store_id"], json.loads(logged["metadata"])) == (
        "seattle",
        {"customer_id": str(world.zelda.customer_id)},
    )
    assert logged["db_user"] == await world.operator.fetchval("select session_user::text")
    assert abs((logged["happened_at"] - datetime.now(UTC)).total_seconds()) < 60


async def test_doing_it_again_says_so_and_clears_what_was_written_since(world: World) -> None:
    first = await erase_customer(world.operator, "seattle", str(world.zelda.customer_id))
    later = await insert_transaction(
        world.operator, "seattle", customer_id=world.zelda.customer_id, notes="Quackenbush again"
    )
    erased_at = (await world.customer())["erased_at"]

    again = await erase_customer(world.operator, "seattle", str(world.zelda.customer_id))

    assert (first.erased_at, again.erased_at) == (None, erased_at)
    assert (await world.customer())["erased_at"] == erased_at
    assert (await world.receipt(later))["notes"] is None
    assert await everything(world.stores.retailer) == {}
    assert await world.operator.fetchval("select count(*) from audit.operation where action = 'customer_erased'") == 1


async def test_sealed_log_still_verifies(world: World) -> None:
    before = await seal(world.operator)
    assert before is not None
    await erase(world)
    await seal(world.operator)

    verified = await verify(world.operator, [before.digest])

    assert verified.sound, verified.findings
    assert verified.seals > 1
    assert verified.entries["operation"] == 1


async def test_erasure_that_cannot_be_logged_does_not_happen(world: World) -> None:
    await world.operator.execute("alter table audit.operation add check (action <> 'customer_erased')")

    with pytest.raises(asyncpg.CheckViolationError):
        await erase(world)

    assert (await world.customer())["last_name"] == ZELDA["last_name"]
    assert (await world.receipt(world.zelda.sale.transaction_id))["notes"] == NOTES


@pytest.mark.parametrize(
    ("store_id", "who"),
    [
        ("redmond", "id"),
        ("redmond", ZELDA["email"]),
        ("seattle", str(NOBODY)),
        ("seattle", "nobody@example.net"),
        ("seattle", "zq.1977"),
        ("atlantis", "id"),
        ("seattle", ""),
    ],
)
async def test_customer_of_another_store_is_an_unknown_one(world: World, store_id: str, who: str) -> None:
    who = str(world.zelda.customer_id) if who == "id" else who

    for ask in (find_customer, erase_customer):
        with pytest.raises(NotFoundError, match=f"^No customer with this id or e-mail in {store_id}."):
            await ask(world.operator, store_id, who)

    assert (await world.customer())["erased_at"] is None


async def test_email_names_the_customer_in_any_case(world: World) -> None:
    erased = await erase_customer(world.operator, "seattle", f" {ZELDA['email'].upper()} ")

    assert erased.customer_id == world.zelda.customer_id
    with pytest.raises(NotFoundError, match="known by the id only"):
        await find_customer(world.operator, "seattle", ZELDA["email"])


@pytest.mark.parametrize("column", ZELDA)
async def test_no_personal_value_can_come_back(world: World, column: str) -> None:
    await erase(world)

    async with connected(world.stores.retailer.app_url) as mcp, inside(mcp, world.stores):
        with pytest.raises(asyncpg.CheckViolationError):
            await mcp.execute(
                f"update retail.customers set {column} = $1 where customer_id = $2",
                ZELDA[column],
                world.zelda.customer_id,
            )


async def test_same_person_can_become_a_customer_again(world: World) -> None:
    await erase(world)

    again = await insert_customer(world.operator, "seattle", **ZELDA)

    assert again != world.zelda.customer_id


@pytest.mark.parametrize(
    "criterion",
    [{"name": "quackenbush"}, {"email": ZELDA["email"]}, {"phone": ZELDA["phone"]}, {"loyalty_tier": "bronze"}],
    ids=str,
)
async def test_erased_customer_is_not_found(world: World, criterion: dict[str, str]) -> None:
    me = str(world.zelda.customer_id)
    async with world.stores.retailer.client("seattle") as client:
        before = await answer(client, "search_customers", **criterion)
        await erase(world)
        after = await answer(client, "search_customers", **criterion)

    assert me in [row["customer_id"] for row in before["rows"]]
    assert me not in [row["customer_id"] for row in after["rows"]]
    # What was asked is logged too, by now: not by its values.
    assert await everything(world.stores.retailer) == {}


@pytest.mark.parametrize("role", ROLES)
async def test_tools_show_an_erased_customer_as_such(world: World, role: Any) -> None:
    me = str(world.zelda.customer_id)
    number = (await world.receipt(world.zelda.sale.transaction_id))["receipt_number"]
    await erase(world)

    async with world.stores.retailer.client("seattle", role=role) as client:
        profile = await answer(client, "get_customer", customer_id=me)
        receipt = await answer(client, "get_transaction", transaction=number)

    pseudonym = f"Customer {me[-8:].upper()}"
    assert profile["erased_date"] is not None
    assert {profile[field] for field in ("name", "email", "phone", "date_of_birth", "gender")} == {None}
    assert (profile["pseudonym"], profile["orders"], profile["returns"]) == (pseudonym, 1, 1)
    assert (receipt["customer"], receipt["notes"]) == (pseudonym, None)


async def test_receipt_that_comes_in_meanwhile_waits(world: World) -> None:
    async with connected(world.stores.retailer.app_url) as mcp, mcp.transaction():
        await enter(mcp, world.stores.token("seattle"))
        await mcp.execute("set local lock_timeout = '200ms'")
        async with world.operator.transaction():
            await find_customer(world.operator, "seattle", str(world.zelda.customer_id))

            with pytest.raises(asyncpg.LockNotAvailableError):
                await mcp.execute(
                    "insert into retail.sales_transactions"
                    " (store_id, customer_id, receipt_number, subtotal, total_amount, notes)"
                    " values ('seattle', $1, 'NEW', 1, 1, 'for Quackenbush')",
                    world.zelda.customer_id,
                )


async def test_erasures_are_repeated_after_a_restore(stores: StoresTemplate) -> None:
    """A copy of the same database stands for the backup from before the erasure."""
    ada = stores.stores.seattle.customer_id
    async with stores.copy() as live, admin_connection(live.retailer.admin_url) as operator:
        newer = await insert_customer(operator, "seattle")
        for customer in (ada, newer):
            await erase_customer(operator, "seattle", str(customer))
        # What outlives the row is the log, and the other way round.
        await operator.execute("delete from retail.customers where customer_id = $1", newer)
        kept = [customer.model_dump_json() for customer in await list_erased(operator)]

    async with stores.copy() as restored, admin_connection(restored.retailer.admin_url) as operator:
        listed = [ErasedCustomer.model_validate_json(line) for line in kept]
        first = await repeat_erasures(operator, listed)
        again = await repeat_erasures(operator, listed)
        name = await operator.fetchval("select first_name from retail.customers where customer_id = $1", ada)

        assert [customer.customer_id for customer in listed] == [ada, newer]
        assert (first, again) == (Repeated(1, 0, 1), Repeated(0, 1, 1))
        assert name is None
        assert [customer.customer_id for customer in await list_erased(operator)] == [ada]


async def test_list_of_erasures_holds_ids_only(world: World) -> None:
    await erase(world)

    (listed,) = await list_erased(world.operator)

    assert listed == ErasedCustomer(
        store_id="seattle", customer_id=world.zelda.customer_id, erased_at=(await world.customer())["erased_at"]
    )


async def test_closed_store_still_answers_for_its_customers(world: World) -> None:
    await world.operator.execute("update retail.stores set is_active = false where store_id = 'seattle'")

    await erase(world)

    assert await everything(world.stores.retailer) == {}


async def test_refusal_of_the_tools_is_the_one_for_an_unknown_customer_elsewhere(world: World) -> None:
    await erase(world)

    async with world.stores.retailer.client("redmond") as client:
        message = await refusal(client, "get_customer", customer_id=str(world.zelda.customer_id))

    assert message == "No customer with this id in redmond. Find the id with search_customers."
