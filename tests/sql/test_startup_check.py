"""The server does not start where the database would not keep stores apart, and says what to do."""

from __future__ import annotations

import pytest

from server.db.pool import Database
from server.db.startup_check import check_isolation
from server.errors import ConfigurationError
from server.tenancy.context_token import ContextSigner
from tests.cluster import Cluster
from tests.sql.acting import SIGNER, login_name, temporary_login
from tests.support import Retailer

GAPS = {
    "no row level security": "alter table retail.products disable row level security",
    "no force": "alter table retail.products no force row level security",
    "no policy": "drop policy own_store on retail.products",
    "a second, permissive policy": "create policy everything on retail.products for select to mcp_user using (true)",
    "a second policy for all": "create policy everything on retail.products using (true)",
    "a policy that lets all read": "alter policy own_store on retail.products using (true)",
    "a policy that lets all write": "alter policy own_store on retail.products with check (true)",
    "a policy on a plain setting": (
        "alter policy own_store on retail.products using (store_id = current_setting('retail.store', true))"
    ),
    "a policy for reading only": (
        "drop policy own_store on retail.products;"
        "create policy own_store on retail.products for select using (store_id = (select guard.store()))"
    ),
}
ADDITIONS = {
    "a table": "create table retail.notes (store_id text, note text)",
    "a table whose rows are guarded but not from its owner": (
        "create table retail.notes (store_id text); alter table retail.notes enable row level security;"
        "create policy own_store on retail.notes using (store_id = (select guard.store()))"
        " with check (store_id = (select guard.store()))"
    ),
    "a partition": (
        "create table retail.notes (like retail.stock_movements) partition by list (store_id);"
        "alter table retail.notes enable row level security; alter table retail.notes force row level security;"
        "create policy own_store on retail.notes using (store_id = (select guard.store()))"
        " with check (store_id = (select guard.store()));"
        "create table retail.notes_of_seattle partition of retail.notes for values in ('seattle')"
    ),
    "a materialized view": (
        "create materialized view retail.notes as select * from retail.products;"
        "grant select on retail.notes to mcp_user"
    ),
    "a view with a superuser's rights": (
        "create view retail.notes as select * from retail.products; grant select on retail.notes to mcp_user"
    ),
}


async def refusal(url: str, kid: str = SIGNER.kid) -> str:
    """Message with which the check refuses a login."""
    async with Database(url, pool_size=1) as database:
        with pytest.raises(ConfigurationError) as refused:
            await check_isolation(database, kid)
    return str(refused.value)


async def test_database_as_migrated_is_accepted(retailer: Retailer) -> None:
    async with Database(retailer.app_url, pool_size=1) as database:
        await check_isolation(database, SIGNER.kid)


async def test_superuser_is_refused(retailer: Retailer) -> None:
    message = await refusal(retailer.admin_url)

    assert f"must not log in as {login_name(retailer.admin_url)}" in message
    assert "Use mcp_user in RETAIL_DATABASE_URL" in message


@pytest.mark.parametrize(
    "attributes",
    [
        "bypassrls",
        "in role retail_owner",
        "in role retail_guard",
        "in role retail_audit",
        "noinherit in role retail_owner",
        "in role {superuser}",
    ],
)
async def test_login_that_could_step_over_the_policies_is_refused(
    cluster: Cluster, retailer: Retailer, attributes: str
) -> None:
    attributes = attributes.format(superuser=login_name(retailer.admin_url))
    async with temporary_login(cluster, retailer, attributes) as url:
        message = await refusal(url)

    assert f"must not log in as {login_name(url)}" in message
    assert "Use mcp_user in RETAIL_DATABASE_URL" in message


async def test_login_that_owns_a_table_is_refused(cluster: Cluster, retailer: Retailer) -> None:
    async with temporary_login(cluster, retailer) as url:
        await retailer.execute(f"alter table retail.stock_movements owner to {login_name(url)}")
        message = await refusal(url)
        await retailer.execute("alter table retail.stock_movements owner to retail_owner")

    assert "retail.stock_movements" in message
    assert "Use mcp_user in RETAIL_DATABASE_URL" in message


@pytest.mark.parametrize("change", GAPS.values(), ids=GAPS)
async def test_table_with_a_gap_in_its_guard_is_named(retailer: Retailer, change: str) -> None:
    await retailer.execute(change)

    message = await refusal(retailer.app_url)

    assert "Row level security is not complete on: retail.products." in message
    assert "sql/repeatable/0050_policies.sql" in message


@pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS)
async def test_unguarded_addition_is_named(retailer: Retailer, change: str) -> None:
    await retailer.execute(change)

    message = await refusal(retailer.app_url)

    assert "retail.notes" in message
    assert "drop" in message


async def test_every_table_with_a_gap_is_named(retailer: Retailer) -> None:
    await retailer.execute("drop policy own_store on retail.products; drop policy own_store on retail.customers")

    assert "retail.customers, retail.products" in await refusal(retailer.app_url)


async def test_unknown_key_is_refused(retailer: Retailer) -> None:
    message = await refusal(retailer.app_url, ContextSigner("some-other-key-0123456789").kid)

    assert "RETAIL_CONTEXT_KEY" in message
    assert "retail-mcp key install" in message


async def test_retired_key_is_refused(retailer: Retailer) -> None:
    await retailer.execute("update guard.context_key set not_after = now()")

    assert "RETAIL_CONTEXT_KEY" in await refusal(retailer.app_url)
