"""What each role sees of a customer, and what it may search by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from server.calls.principal import Role
from tests.sql import personal
from tests.sql.acting import ROLES, StoresTemplate, TwoStores, connected, inside
from tests.sql.factories import insert_customer, insert_transaction

PERSONAL_COLUMNS = ["first_name", "last_name", "email", "phone", "phone_key", "date_of_birth", "gender"]
DENIED = "permission denied for table customers"
SUE = {
    "first_name": "Sue",
    "last_name": "Storm",
    "email": "sue@example.com",
    "phone": "+1 (425) 555-0199",
    "date_of_birth": date(1980, 2, 29),
    "gender": "female",
}
CARDS = {
    "manager": SUE,
    "support": SUE | {"email": "s***@example.com", "date_of_birth": None, "gender": None},
    "analyst": dict.fromkeys(SUE),
    "auditor": dict.fromkeys(SUE),
}
# Names in which every character that LIKE knows stands for itself, beside ones that a wildcard would catch.
ODD_NAMES = ["100%", "100x", "a_b", "axb", "back\\slash", "backslash"]


@dataclass(frozen=True)
class Clientele:
    """Customers of seattle by first name, one namesake in redmond, and the server's way to them."""

    world: TwoStores
    mcp: Any
    ids: dict[str, UUID]

    async def card(self, role: Role) -> dict[str, Any]:
        """Sue's card as a role sees it."""
        async with inside(self.mcp, self.world, role=role):
            row = await self.mcp.fetchrow("select * from retail.customer_card where customer_id = $1", self.ids["Sue"])
        return dict(row)

    async def match(
        self,
        name: str | None = None,
        *,
        email: str | None = None,
        phone: str | None = None,
        tier: str | None = None,
        role: Role = "manager",
    ) -> dict[str, int]:
        """First names that match_customers finds in seattle, with their ranks."""
        async with inside(self.mcp, self.world, role=role):
            found = await self.mcp.fetch(
                "select * from retail.match_customers($1, $2, $3, $4)", name, email, phone, tier
            )
        names = {customer_id: first_name for first_name, customer_id in self.ids.items()}
        return {names[row["customer_id"]]: row["match_rank"] for row in found}


@pytest.fixture(scope="module")
async def clientele(stores: StoresTemplate) -> AsyncIterator[Clientele]:
    async with (
        stores.copy() as world,
        connected(world.retailer.admin_url) as operator,
        connected(world.retailer.app_url) as mcp,
    ):
        ids = {
            row["first_name"]: row["customer_id"]
            for row in await operator.fetch("select * from retail.customers where store_id = 'seattle'")
        }
        ids["Sue"] = await insert_customer(operator, "seattle", **SUE)
        for name in ODD_NAMES:
            ids[name] = await insert_customer(operator, "seattle", first_name=name, last_name="Odd")
        await insert_customer(operator, "redmond", **SUE)
        await insert_transaction(
            operator,
            "seattle",
            customer_id=await insert_customer(operator, "seattle", **personal.ZELDA),
            notes=personal.NOTES,
        )
        await operator.execute("analyze")
        yield Clientele(world, mcp, ids)


@pytest.mark.parametrize("role", ROLES)
async def test_card_shows_each_role_exactly_its_columns(clientele: Clientele, role: Role) -> None:
    card = await clientele.card(role)

    assert {column: card[column] for column in SUE} == CARDS[role]


@pytest.mark.parametrize("role", ROLES)
async def test_card_shows_every_role_what_is_not_personal(clientele: Clientele, role: Role) -> None:
    card = await clientele.card(role)

    assert {column: value for column, value in card.items() if column not in SUE} == {
        "store_id": "seattle",
        "customer_id": clientele.ids["Sue"],
        "pseudonym": f"Customer {str(clientele.ids['Sue'])[-8:].upper()}",
        "customer_since": date.today(),  # noqa: DTZ011, the database counts in its own zone
        "loyalty_tier": "bronze",
        "total_lifetime_value": 0,
        "purchase_count": 0,
        "first_purchase_at": None,
        "last_purchase_at": None,
        "erased_at": None,
    }


async def test_masked_column_cannot_be_probed_with_a_filter(clientele: Clientele) -> None:
    async with inside(clientele.mcp, clientele.world, role="support"):
        probed = await clientele.mcp.fetch("select 1 from retail.customer_card where email = $1", SUE["email"])

    assert probed == []


@pytest.mark.parametrize("column", PERSONAL_COLUMNS)
async def test_personal_column_cannot_be_read_directly(clientele: Clientele, column: str) -> None:
    async with inside(clientele.mcp, clientele.world):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=DENIED):
            await clientele.mcp.fetch(f"select {column} from retail.customers")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from retail.customers",
        "select c from retail.customers c",
        "select to_jsonb(c) from retail.customers c",
        "select customer_id from retail.customers where email = 'sue@example.com'",
        "select customer_id from retail.customers order by last_name",
        "update retail.customers set loyalty_tier = 'gold' returning email",
        "update retail.customers set first_name = email",
        "update retail.customers set loyalty_tier = 'gold' where email like 's%'",
        "delete from retail.customers where last_name = 'Storm'",
        "copy (select email from retail.customers) to stdout",
        "table retail.customers",
    ],
)
async def test_no_detour_reads_a_personal_column(clientele: Clientele, statement: str) -> None:
    async with inside(clientele.mcp, clientele.world):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=DENIED):
            await clientele.mcp.execute(statement)


async def test_planner_statistics_show_no_values_of_customers(clientele: Clientele) -> None:
    async with inside(clientele.mcp, clientele.world):
        shown = await clientele.mcp.fetch("select attname from pg_stats where tablename = 'customers'")

    assert shown == []


@pytest.mark.parametrize(
    "phone",
    ["+1 (425) 555-0199", "14255550199", "4255550199", "425-555-0199", "(425) 555 0199", "425.555.0199", "555-0199"],
)
@pytest.mark.parametrize("role", ["manager", "support"])
async def test_phone_is_found_however_it_is_written(clientele: Clientele, role: Role, phone: str) -> None:
    assert await clientele.match(phone=phone, role=role) == {"Sue": 0}


@pytest.mark.parametrize("phone", ["", "unknown", "+"])
async def test_phone_without_a_digit_finds_nobody(clientele: Clientele, phone: str) -> None:
    assert await clientele.match(phone=phone) == {}


@pytest.mark.parametrize("email", ["sue@example.com", "Sue@Example.COM"])
async def test_email_is_found_in_any_case(clientele: Clientele, email: str) -> None:
    assert await clientele.match(email=email) == {"Sue": 0}


async def test_part_of_an_email_finds_nobody(clientele: Clientele) -> None:
    assert await clientele.match(email="sue@") == {}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("100%", {"100%"}),
        ("a_b", {"a_b"}),
        ("back\\", {"back\\slash"}),
        ("%", {"100%"}),
        ("_", {"a_b"}),
        ("\\", {"back\\slash"}),
    ],
)
async def test_name_is_matched_literally(clientele: Clientele, name: str, found: set[str]) -> None:
    assert set(await clientele.match(name)) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sue storm", {"Sue": 0}),
        ("STORM", {"Sue": 0}),
        ("su", {"Sue": 2}),
        ("sto", {"Sue": 2}),
        ("torm", {"Sue": 4}),
        ("storm sue", {"Sue": 0}),
        ("storm s", {"Sue": 2}),
        ("storms", {}),
    ],
)
async def test_name_is_ranked_by_how_well_it_matches(clientele: Clientele, name: str, found: dict[str, int]) -> None:
    assert await clientele.match(name) == found


async def test_conditions_narrow_each_other(clientele: Clientele) -> None:
    assert await clientele.match("sue", phone="4255550199", tier="gold") == {}


@pytest.mark.parametrize("role", ROLES)
async def test_every_role_may_search_by_tier(clientele: Clientele, role: Role) -> None:
    assert await clientele.match(tier="gold", role=role) == {"Ada": 0}


@pytest.mark.parametrize(
    ("role", "criterion"),
    [
        ("support", {"email": "sue@example.com"}),
        *[
            (role, criterion)
            for role in ("analyst", "auditor")
            for criterion in ({"name": "sue"}, {"email": "sue@example.com"}, {"phone": "4255550199"})
        ],
    ],
    ids=str,
)
async def test_role_may_not_search_by_what_it_sees_masked(
    clientele: Clientele, role: Role, criterion: dict[str, str]
) -> None:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await clientele.match(**criterion, role=role)

    assert refusal.value.sqlstate == "RT001"


async def test_search_without_a_store_is_an_error(clientele: Clientele) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
        await clientele.mcp.fetch("select * from retail.match_customers('sue', null, null, null)")


@pytest.mark.parametrize("role", ROLES)
async def test_notes_are_for_who_sees_names(clientele: Clientele, role: Role) -> None:
    async with inside(clientele.mcp, clientele.world, role=role):
        noted = await clientele.mcp.fetch("select * from retail.transaction_notes where notes is not null")
        known = await clientele.mcp.fetchval("select count(*) from retail.transaction_notes")

    assert [row["notes"] for row in noted] == ([personal.NOTES] if role in ("manager", "support") else [])
    assert known == await clientele.world.retailer.value(
        "select count(*) from retail.sales_transactions where store_id = 'seattle'"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "select notes from retail.sales_transactions",
        "select metadata from retail.sales_transactions",
        "select * from retail.sales_transactions",
        "select to_jsonb(t) from retail.sales_transactions t",
        "select 1 from retail.sales_transactions where notes like '%Quackenbush%'",
        "insert into retail.sales_transactions (store_id, receipt_number, subtotal, total_amount)"
        " values ('seattle', 'NEW', 1, 1) returning notes",
    ],
)
async def test_no_detour_reads_the_free_text_of_a_receipt(clientele: Clientele, statement: str) -> None:
    async with inside(clientele.mcp, clientele.world):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table sales_transactions"):
            await clientele.mcp.execute(statement)


# What of Zelda a role may find in everything that it can read, whatever the relation and column.
VISIBLE = {
    "manager": {"zeldamaria", "quackenbush", "zq.1977", "7946-0958", "1977-07-19", "genderqueer", "wants a call back"},
    "support": {"zeldamaria", "quackenbush", "7946-0958", "wants a call back"},
    "analyst": set(),
    "auditor": set(),
}


@pytest.mark.parametrize("role", ROLES)
async def test_no_relation_that_the_server_may_read_shows_a_role_more(clientele: Clientele, role: Role) -> None:
    async with inside(clientele.mcp, clientele.world, role=role, readonly=True):
        relations = await clientele.mcp.fetch(
            "select format('%I.%I', n.nspname, c.relname) as name, array_agg(quote_ident(a.attname)) as columns"
            " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname <> 'information_schema'"
            " and n.nspname !~ '^pg_toast' and has_schema_privilege(n.oid, 'usage')"
            " and has_column_privilege(c.oid, a.attnum, 'select')"
            # Statements that run now, this one included, hold no rows.
            " and c.relname not in ('pg_stat_activity', 'pg_cursors', 'pg_prepared_statements')"
            " group by 1"
        )
        seen: set[str] = set()
        for relation in relations:
            rows = await clientele.mcp.fetch(
                f"select row({', '.join(relation['columns'])})::text as line from {relation['name']}"
            )
            seen |= personal.traces(row["line"] for row in rows)

    names = {relation["name"] for relation in relations}
    assert names >= {"retail.customers", "retail.customer_card", "retail.transaction_notes", "pg_catalog.pg_stats"}
    assert seen == VISIBLE[role]


@pytest.mark.parametrize("column", ["first_name", "last_name", "email"])
async def test_customer_who_is_known_has_a_name_and_an_email(mcp: Any, two_stores: TwoStores, column: str) -> None:
    async with inside(mcp, two_stores):
        with pytest.raises(asyncpg.CheckViolationError):
            await mcp.execute(f"update retail.customers set {column} = null")
