"""What an operator does, and when the server feels it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from iso4217 import Currency as ISO

from seed.stores import make_stores
from server.auth.authenticator import Authenticator
from server.calls.principal import Principal, Role, StoreAccess
from server.db.pool import Database
from server.errors import InvalidInputError, NotFoundError
from server.operations.admin.keys import install_key
from server.operations.admin.principals import add_principal, grant_store, revoke_principal, revoke_store
from server.operations.admin.rollups import sum_rollups, wrong_days
from server.operations.admin.store_values import check_id, check_name, check_time_zone, currencies, time_zones
from server.operations.admin.stores import add_store, change_store, close_store
from server.operations.admin.tokens import IssuedToken, issue_token, list_tokens, revoke_subject, revoke_token
from server.tenancy.context_token import ContextSigner
from server.tenancy.store_scope import StoreScopes
from tests.sql.acting import SIGNER, rolled_back
from tests.sql.factories import insert_store
from tests.support import CONTEXT_KEY, Retailer
from tests.transport.processes import ROOT

DAY = timedelta(days=1)


@pytest.fixture
async def shop(admin: Any) -> Any:
    """The operator's connection to a database with the stores redmond and seattle, both empty."""
    for store_id in ("seattle", "redmond"):
        await insert_store(admin, store_id)
    return admin


@pytest.fixture
async def database(retailer: Retailer) -> AsyncIterator[Database]:
    """The server's pool on that database."""
    async with Database(retailer.app_url, pool_size=1) as database:
        yield database


@pytest.fixture
async def identities(retailer: Retailer) -> AsyncIterator[Database]:
    """The server's pool for look-ups of identities."""
    async with Database(retailer.login_url("mcp_auth"), pool_size=1) as identities:
        yield identities


async def issue(
    connection: Any,
    *stores: str,
    subject: str = "ada",
    role: Role = "manager",
    lifetime: timedelta = DAY,
    **options: Any,
) -> IssuedToken:
    return await issue_token(connection, subject, stores, role, lifetime=lifetime, **options)


async def principal_of(identities: Database, token: str) -> Principal | None:
    """Whom the server takes a token for."""
    found = await Authenticator(identities).authenticate(token)
    return None if found is None else found[0]


async def operations(connection: Any) -> list[str]:
    """Actions in the audit log, oldest first."""
    return [row["action"] for row in await connection.fetch("select action from audit.operation order by operation_id")]


async def test_token_identifies_its_subject_and_stores(shop: Any, identities: Database) -> None:
    issued = await issue(shop, "seattle", "redmond", role="analyst")

    principal = await principal_of(identities, issued.token)

    assert principal is not None
    assert principal.subject == "ada"
    assert principal.stores == (
        StoreAccess("redmond", "Redmond", "analyst"),
        StoreAccess("seattle", "Seattle", "analyst"),
    )


async def test_token_expires_when_it_was_said_to(shop: Any, identities: Database) -> None:
    issued = await issue(shop, "seattle", lifetime=timedelta(hours=3))

    found = await Authenticator(identities).authenticate(issued.token)

    assert found is not None
    assert found[1] == issued.expires_at
    assert timedelta(hours=2, minutes=59) < issued.expires_at - datetime.now(UTC) <= timedelta(hours=3)


async def test_expired_token_is_nobody(shop: Any, identities: Database) -> None:
    issued = await issue(shop, "seattle", lifetime=-DAY)

    assert await principal_of(identities, issued.token) is None


async def test_altered_token_is_nobody(shop: Any, identities: Database) -> None:
    issued = await issue(shop, "seattle")

    assert await principal_of(identities, issued.token.swapcase()) is None
    assert await principal_of(identities, issued.token[:-1]) is None
    assert await principal_of(identities, "") is None


async def test_text_of_a_token_is_nowhere_in_the_database(shop: Any) -> None:
    issued = await issue(shop, "seattle", note="for the till")
    tables = await shop.fetch(
        "select format('%I.%I', table_schema, table_name) as name from information_schema.tables"
        " where table_type = 'BASE TABLE' and table_schema in ('retail', 'guard', 'audit', 'migrations')"
    )
    everything = " ".join(
        [await shop.fetchval(f"select coalesce(string_agg(t::text, ' '), '') from {row['name']} t") for row in tables]
    )

    assert "for the till" in everything
    secret = issued.token.removeprefix("rmcp_")
    assert [form for form in (secret, secret.encode().hex(), secret[:12]) if form in everything] == []


async def test_two_tokens_of_a_subject_are_one_principal(shop: Any, identities: Database) -> None:
    first, second = [await issue(shop, "seattle") for _ in range(2)]

    principals = [await principal_of(identities, issued.token) for issued in (first, second)]

    assert {principal.principal_id for principal in principals if principal} == {1}
    assert [principal.credential for principal in principals if principal] == [first.token_id, second.token_id]


async def test_other_role_is_refused_and_changes_nothing(shop: Any, identities: Database) -> None:
    held = await issue(shop, "seattle", role="analyst")

    with pytest.raises(InvalidInputError, match="ada is analyst in seattle already"):
        await issue(shop, "seattle", "redmond", role="manager")

    principal = await principal_of(identities, held.token)
    assert principal is not None
    assert principal.stores == (StoreAccess("seattle", "Seattle", "analyst"),)
    assert len(await list_tokens(shop)) == 1


async def test_role_is_replaced_when_asked_for(shop: Any, identities: Database) -> None:
    held = await issue(shop, "seattle", role="analyst")

    await issue(shop, "seattle", role="manager", change_role=True)

    principal = await principal_of(identities, held.token)
    assert principal is not None
    assert principal.stores == (StoreAccess("seattle", "Seattle", "manager"),)


@pytest.mark.parametrize("store_id", ["atlantis", "", "SEATTLE"])
async def test_unknown_store_is_refused_with_the_ones_there_are(shop: Any, store_id: str) -> None:
    with pytest.raises(InvalidInputError, match="There are: redmond, seattle"):
        await issue(shop, "seattle", store_id)

    assert await list_tokens(shop) == []


async def test_no_token_opens_nothing(shop: Any) -> None:
    with pytest.raises(InvalidInputError, match="without a store opens nothing"):
        await issue(shop)
    assert await shop.fetchval("select count(*) from guard.principal") == 0


async def test_closed_store_is_refused(shop: Any) -> None:
    await close_store(shop, "redmond")

    with pytest.raises(InvalidInputError, match="There are: seattle"):
        await issue(shop, "redmond")


@pytest.mark.parametrize("subject", ["", "x" * 201])
async def test_subject_of_a_wrong_length_is_refused(shop: Any, subject: str) -> None:
    with pytest.raises(InvalidInputError, match="1 to 200"):
        await issue(shop, "seattle", subject=subject)


async def test_deactivated_subject_gets_no_token(shop: Any) -> None:
    await issue(shop, "seattle")
    await shop.execute("update guard.principal set is_active = false")

    with pytest.raises(InvalidInputError, match="deactivated"):
        await issue(shop, "seattle")


async def test_revoked_token_is_nobody_on_its_next_call(shop: Any, identities: Database) -> None:
    revoked, kept = [await issue(shop, "seattle") for _ in range(2)]
    assert await principal_of(identities, revoked.token) is not None

    await revoke_token(shop, revoked.token_id)

    assert await principal_of(identities, revoked.token) is None
    assert await principal_of(identities, kept.token) is not None


async def test_revoking_a_subject_ends_all_its_tokens(shop: Any, identities: Database) -> None:
    of_ada = [await issue(shop, "seattle") for _ in range(2)]
    of_grace = await issue(shop, "seattle", subject="grace")

    assert await revoke_subject(shop, "ada") == 2

    assert [await principal_of(identities, issued.token) for issued in of_ada] == [None, None]
    assert await principal_of(identities, of_grace.token) is not None


async def test_token_is_revoked_once(shop: Any) -> None:
    issued = await issue(shop, "seattle")
    await revoke_token(shop, issued.token_id)

    with pytest.raises(NotFoundError, match="no unrevoked token"):
        await revoke_token(shop, issued.token_id)


async def test_subject_without_a_token_cannot_be_revoked(shop: Any) -> None:
    with pytest.raises(NotFoundError, match="nobody has no unrevoked token"):
        await revoke_subject(shop, "nobody")


async def test_deactivated_principal_is_nobody_on_its_next_call(shop: Any, identities: Database) -> None:
    issued = await issue(shop, "seattle")

    await shop.execute("update guard.principal set is_active = false")

    assert await principal_of(identities, issued.token) is None


async def test_access_that_ran_out_is_missing_on_the_next_call(shop: Any, identities: Database) -> None:
    issued = await issue(shop, "seattle", "redmond")

    await shop.execute("update guard.store_access set valid_until = now() where store_id = 'redmond'")

    principal = await principal_of(identities, issued.token)
    assert principal is not None
    assert [access.store_id for access in principal.stores] == ["seattle"]


async def test_known_principal_cannot_enter_a_store_after_its_access_ran_out(
    shop: Any, database: Database, identities: Database
) -> None:
    principal = await principal_of(identities, (await issue(shop, "seattle")).token)
    assert principal is not None
    scopes = StoreScopes(database, SIGNER, principal)
    async with scopes.enter():
        pass

    await shop.execute("update guard.store_access set valid_until = now()")

    with pytest.raises(NotFoundError):
        async with scopes.enter():
            pass


async def test_closed_store_is_missing_on_the_next_call(shop: Any, identities: Database) -> None:
    issued = await issue(shop, "seattle", "redmond")

    await close_store(shop, "redmond")

    principal = await principal_of(identities, issued.token)
    assert principal is not None
    assert [access.store_id for access in principal.stores] == ["seattle"]


async def test_tokens_are_listed_with_state_and_access(shop: Any) -> None:
    await issue(shop, "seattle", note="till")
    await issue(shop, "seattle", "redmond", subject="grace", role="support", lifetime=-DAY)
    revoked = await issue(shop, "redmond", subject="edsger", role="auditor")
    await revoke_token(shop, revoked.token_id)

    listed = await list_tokens(shop)

    assert [(row.subject, row.note, row.state, row.access) for row in listed] == [
        ("ada", "till", "valid", ["seattle manager"]),
        ("grace", None, "expired", ["redmond support", "seattle support"]),
        ("edsger", None, "revoked", ["redmond auditor"]),
    ]


async def test_every_action_is_entered_in_the_audit_log(shop: Any) -> None:
    issued = await issue(shop, "seattle")
    await revoke_token(shop, issued.token_id)
    await add_store(shop, "tacoma", "Tacoma", "USD", "America/Los_Angeles")
    await close_store(shop, "tacoma")

    assert await operations(shop) == ["access_granted", "token_issued", "token_revoked", "store_added", "store_closed"]


async def test_what_concerns_a_store_is_entered_with_it(shop: Any) -> None:
    """Its auditors see what has their store, and nothing of the others."""
    first = await issue(shop, "seattle", "redmond")
    await issue(shop, "seattle")
    await revoke_token(shop, first.token_id)
    await revoke_subject(shop, "ada")
    await add_principal(shop, "bob")
    await grant_store(shop, "bob", "redmond", "support")
    await revoke_store(shop, "bob", "redmond")
    await grant_store(shop, "bob", "seattle", "support")
    await revoke_principal(shop, "bob")
    await change_store(shop, "redmond", store_name="Redmond, WA")
    await sum_rollups(shop, "redmond")
    await close_store(shop, "redmond")

    entered = await shop.fetch("select action, store_id from audit.operation order by operation_id")

    assert [row["action"] for row in entered if row["store_id"] is None] == ["principal_added"]
    for store_id, actions in {
        "seattle": [
            "access_granted",
            "token_issued",
            "token_issued",
            "token_revoked",
            "token_revoked",
            "access_granted",
            "principal_revoked",
        ],
        "redmond": [
            "access_granted",
            "token_issued",
            "token_issued",
            "token_revoked",
            "token_revoked",
            "access_granted",
            "access_revoked",
            "store_changed",
            "rollups_rebuilt",
            "store_closed",
        ],
    }.items():
        assert [row["action"] for row in entered if row["store_id"] == store_id] == actions
    assert (
        await shop.fetchval(
            "select count(*) from audit.operation where store_id = 'seattle' and metadata::text like '%redmond%'"
        )
        == 0
    )


def test_what_is_entered_without_a_store_concerns_none() -> None:
    """Whatever else says null here would be seen by no auditor."""
    texts = {
        path.name: path.read_text()
        for folder in ("server", "seed", "sql")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".sql", ".py")
    }
    without = {name for name, text in texts.items() if re.search(r"record_operation\([^()]*?,\s*null\b", text)}
    # The signing key, upkeep of the whole database, retention of the log; the demo's sums, beside an entry per store.
    assert without == {"keys.sql", "maintenance.sql", "0062_call_audit.sql", "0085_operations.sql", "load.sql"}


async def test_new_store_can_be_entered(shop: Any, database: Database, identities: Database) -> None:
    await add_store(shop, "tacoma", "Tacoma Mall", "CAD", "America/Toronto")
    principal = await principal_of(identities, (await issue(shop, "tacoma")).token)
    assert principal is not None

    async with StoreScopes(database, SIGNER, principal).enter() as store:
        described = (store.store_id, store.store_name, store.currency, store.time_zone)

    assert described == ("tacoma", "Tacoma Mall", "CAD", "America/Toronto")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        *(
            ({"store_id": text}, "is no id of a store")
            for text in ("", "Tacoma", "-t", "ta coma", "t|a", "t\n", "t" * 41)
        ),
        *(({"store_name": text}, "name of a store has 1 to 100") for text in ("", " ", "N" * 101, "a\nb", "a\x07b")),
        *(({"currency": text}, "is no currency in use") for text in ("NIS", "XXX", "XTS", "XAU", "CHE", "DOLLAR", "")),
        ({"currency": "usd"}, "Did you mean USD?"),
        ({"time_zone": "europe/paris"}, "Did you mean Europe/Paris?"),
        ({"time_zone": "Europe/Pari"}, "Did you mean Europe/Paris?"),
        ({"time_zone": "paris"}, "Did you mean Europe/Paris?"),
        ({"time_zone": "Los Angeles"}, "Did you mean America/Los_Angeles?"),
        *(({"time_zone": text}, "An offset is no time zone") for text in ("UTC+3", "GMT-3", "+02:00", "-5")),
        *(({"time_zone": text}, "An abbreviation is no time zone") for text in ("PST", "CEST")),
        *(
            ({"time_zone": text}, "Name a place, like")
            for text in ("Mars/Olympus", "", "Factory", "localtime", "z" * 999)
        ),
    ],
)
async def test_store_with_a_bad_value_is_refused_by_that_value(operator: Any, wrong: dict[str, str], told: str) -> None:
    values = {"store_id": "tacoma", "store_name": "Tacoma", "currency": "USD", "time_zone": "UTC"} | wrong
    async with rolled_back(operator):
        with pytest.raises(InvalidInputError) as refused:
            await add_store(operator, *values.values())

        assert told in str(refused.value)
        assert await operations(operator) == []


def test_every_time_zone_is_one_of_python_and_each_currency_has_decimals() -> None:
    assert {"Europe/Paris", "America/Los_Angeles", "UTC", "Asia/Kathmandu"} <= time_zones()
    for name in time_zones():
        ZoneInfo(name)
    assert {"USD", "EUR", "JPY", "KWD", "ILS", "XAF"} <= currencies()
    assert 150 < len(currencies()) < 170
    assert all(ISO[code].exponent is not None for code in currencies() if code in ISO.__members__)


async def test_every_time_zone_is_one_of_the_database(admin: Any) -> None:
    """The lists differ by what one knows and the other does not yet: those names are refused by the database."""
    unknown = await admin.fetch(
        "select name from unnest($1::text[]) name except select name from pg_timezone_names", sorted(time_zones())
    )
    assert len(unknown) < 10, unknown


def test_the_demos_stores_have_such_values() -> None:
    for store in make_stores(1000, 7):
        check_id(store.store_id)
        check_name(store.name)
        check_time_zone(store.time_zone)


async def test_store_is_corrected_and_its_days_are_summed_anew(shop: Any) -> None:
    await shop.execute(
        "insert into retail.products (store_id, sku, product_name, price) values ('seattle', 'A', 'Thing', 10);"
        "with sold as (insert into retail.sales_transactions"
        " (store_id, receipt_number, transaction_date, subtotal, total_amount, payment_method)"
        " values ('seattle', 'Z-1', '2026-10-01 02:30:00+00', 10, 10, 'cash') returning *)"
        "insert into retail.sales_transaction_items"
        " (store_id, transaction_id, product_id, quantity, unit_price, total_price)"
        " select s.store_id, s.transaction_id, p.product_id, 1, 10, 10"
        " from sold s join retail.products p using (store_id)"
    )
    days = "select max(sold_on)::text from retail.daily_sales where store_id = 'seattle'"
    assert await shop.fetchval(days) == "2026-09-30"

    assert await change_store(shop, "seattle", time_zone="Europe/Paris", store_name="Seattle") == ["time_zone"]

    assert await shop.fetchval(days) == "2026-10-01"
    assert await wrong_days(shop, "seattle") == {"seattle": []}
    assert await change_store(shop, "seattle", time_zone="Europe/Paris") == []
    assert await change_store(shop, "seattle", store_name="Seattle, WA") == ["store_name"]
    with pytest.raises(NotFoundError):
        await change_store(shop, "atlantis", store_name="Atlantis")
    for wrong in ({"time_zone": "UTC+3"}, {"store_name": ""}):
        with pytest.raises(InvalidInputError):
            await change_store(shop, "seattle", **wrong)
    recorded = await shop.fetch("select store_id, metadata from audit.operation where action = 'store_changed'")
    assert [(row["store_id"], json.loads(row["metadata"])) for row in recorded] == [
        ("seattle", {"time_zone": "Europe/Paris", "time_zone_was": "America/Los_Angeles"}),
        ("seattle", {"store_name": "Seattle, WA", "store_name_was": "Seattle"}),
    ]


async def test_store_id_is_taken_once(shop: Any) -> None:
    with pytest.raises(InvalidInputError, match="There is a store seattle already"):
        await add_store(shop, "seattle", "Again", "USD", "UTC")


@pytest.mark.parametrize("store_id", ["atlantis", "redmond"])
async def test_only_an_open_store_can_be_closed(shop: Any, store_id: str) -> None:
    await close_store(shop, "redmond")

    with pytest.raises(NotFoundError, match=f"no open store {store_id}"):
        await close_store(shop, store_id)


async def test_key_can_be_installed_again(admin: Any) -> None:
    installed = [await install_key(admin, CONTEXT_KEY) for _ in range(2)]

    assert installed == [SIGNER.kid] * 2
    assert await admin.fetchval("select count(*) from guard.context_key") == 1


async def test_second_key_stands_beside_the_first(admin: Any) -> None:
    await install_key(admin, "another-key-for-the-change-over-0123456789")

    assert await admin.fetchval("select count(*) from guard.context_key where not_after > now()") == 2


async def test_key_that_is_longer_than_a_block_signs_too(shop: Any, database: Database, identities: Database) -> None:

    long_key = "long" * 50
    await install_key(shop, long_key)
    principal = await principal_of(identities, (await issue(shop, "seattle")).token)
    assert principal is not None

    async with StoreScopes(database, ContextSigner(long_key), principal).enter() as store:
        assert store.store_id == "seattle"


async def test_secret_itself_is_not_in_the_database(admin: Any) -> None:
    stored = await admin.fetchval("select string_agg(t::text, ' ') from guard.context_key t")

    assert CONTEXT_KEY not in stored
    assert CONTEXT_KEY.encode().hex() not in stored
