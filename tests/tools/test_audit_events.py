"""list_audit_events: an auditor of a store reads its log, and nobody else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from mcp import MCPError

from server.db.operator import admin_connection
from server.operations.admin.customers import erase_customer
from tests.audit.reading import entered
from tests.cluster import Cluster
from tests.sql.acting import SIGNER, connected, enter
from tests.support import Retailer, answer, refusal
from tests.transport.shop import open_store


@pytest.fixture(scope="module")
async def audited(cluster: Cluster, template: str) -> AsyncIterator[Retailer]:
    """Two stores where things have happened, which tests only read; what they ask is entered too."""
    async with cluster.temporary_database(template) as name:
        shop = Retailer(cluster.admin_url(name), cluster.app_url(name))
        await open_store(shop, "seattle", units=3)
        await open_store(shop, "redmond", units=5)
        for store in ("seattle", "redmond"):
            async with shop.client(store) as client:
                await answer(client, "search_customers", loyalty_tier="gold")
                await answer(client, "list_top_products")
                await refusal(client, "get_customer", customer_id=str(uuid4()))
                await refusal(client, "list_transactions", limit=0)
        await entered(shop, 8)
        await shop.execute("update retail.products set price = 12, cost = 7 where sku = 'SKU-1'")
        async with admin_connection(shop.admin_url) as connection:
            customer = await connection.fetchval(
                "select customer_id from retail.customers where store_id = 'seattle' and email like 'grace1@%'"
            )
            await erase_customer(connection, "seattle", str(customer))
        yield shop


async def events(retailer: Retailer, store: str = "seattle", **arguments: Any) -> list[dict[str, Any]]:
    """One page, as the auditor of a store."""
    async with retailer.client(store, role="auditor") as client:
        return list((await answer(client, "list_audit_events", **{"limit": 100} | arguments))["rows"])


async def test_an_auditor_sees_who_asked_what(audited: Retailer) -> None:
    rows = await events(audited, kind="tool_call", who="manager of seattle")

    assert [(row["action"], row["outcome"], row["error_code"]) for row in rows] == [
        ("get_customer", "refused", "not_found"),
        ("list_top_products", "ok", None),
        ("search_customers", "ok", None),
    ]
    search = rows[-1]
    assert (search["subject"], search["role"], search["transport"]) == ("manager of seattle", "manager", None)
    assert search["arguments"] == {"loyalty_tier": "gold"}
    assert (search["row_count"], len(search["customers"])) == (3, 3)
    assert search["duration_ms"] >= 1


async def test_an_auditor_sees_who_changed_what_without_costs_and_personal_values(audited: Retailer) -> None:
    rows = await events(audited, kind="row_change")
    updates = [row for row in rows if (row["record_type"], row["action"]) == ("product", "UPDATE")]

    assert [row["new_values"]["price"] for row in updates if "price" in row["new_values"]] == [12], updates[0]
    customers = [row for row in rows if row["record_type"] == "customer" and row["action"] == "INSERT"]
    assert customers
    assert all(row["new_values"]["first_name"].startswith("keyed:") for row in customers)
    assert "Grace" not in str(rows)
    assert not [
        row for row in rows if "cost" in row["new_values"] | (row["old_values"] or {}) or "unit_cost" in str(row)
    ]


async def test_an_auditor_sees_what_operators_did(audited: Retailer) -> None:
    rows = await events(audited, kind="operation")

    (row,) = (row for row in rows if row["action"] == "customer_erased")
    assert row["role"] is None
    assert row["arguments"]["customer_id"] == row["record_id"]
    # Who was let in, by a token or by name, is what an auditor looks for first.
    assert {"access_granted", "token_issued"} <= {row["action"] for row in rows}
    assert "redmond" not in str(rows)


async def test_who_looked_at_a_customer(audited: Retailer) -> None:
    operations = await events(audited, kind="operation")
    (customer,) = (row["record_id"] for row in operations if row["record_id"])

    rows = await events(audited, about_id=customer)

    assert [row["action"] for row in rows if row["kind"] == "tool_call"] == ["search_customers"]
    assert {row["record_id"] for row in rows if row["kind"] != "tool_call"} == {customer}
    assert {row["kind"] for row in rows} == {"tool_call", "row_change", "operation"}


async def test_filters_narrow_the_list(audited: Retailer) -> None:
    assert {row["action"] for row in await events(audited, tool_name="get_customer")} == {"get_customer"}
    assert {row["outcome"] for row in await events(audited, outcome="refused")} == {"refused"}
    assert await events(audited, who="nobody of ours") == []
    assert await events(audited, start_date="2020-01-01", end_date="2020-12-31") == []


@pytest.mark.parametrize("store", ["seattle", "redmond"])
async def test_only_entries_of_the_store_are_shown(audited: Retailer, store: str) -> None:
    other = {"seattle": "redmond", "redmond": "seattle"}[store]
    rows = await events(audited, store)

    assert rows
    assert other not in str(rows)


async def test_calls_that_entered_no_store_are_nobodys(audited: Retailer) -> None:
    """The refused list_transactions had named no store yet."""
    assert "list_transactions" not in {row["action"] for row in await events(audited, kind="tool_call")}


async def test_the_list_is_newest_first_and_pages_without_loss(audited: Retailer) -> None:
    async with audited.client("seattle", role="auditor") as client:
        whole = (await answer(client, "list_audit_events", limit=100, kind="row_change"))["rows"]
        paged: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await answer(client, "list_audit_events", limit=7, kind="row_change", cursor=cursor)
            paged += page["rows"]
            cursor = page["next_cursor"]
            assert page["has_more"] == (cursor is not None)
            if cursor is None:
                break

    assert len(whole) > 14
    assert paged == whole
    assert [row["happened_at"] for row in whole] == sorted((row["happened_at"] for row in whole), reverse=True)


async def test_kinds_are_merged_by_time_across_pages(audited: Retailer) -> None:
    async with audited.client("seattle", role="auditor") as client:
        first = await answer(client, "list_audit_events", limit=10, who="manager of seattle")
        rows = [*(await answer(client, "list_audit_events", limit=2, who="manager of seattle"))["rows"]]

    assert rows == first["rows"][:2]


async def test_a_cursor_belongs_to_its_filters(audited: Retailer) -> None:
    async with audited.client("seattle", role="auditor") as client:
        page = await answer(client, "list_audit_events", limit=1)
        text = await refusal(client, "list_audit_events", limit=1, kind="operation", cursor=page["next_cursor"])

    assert "does not belong to this query" in text


@pytest.mark.parametrize("role", ["manager", "support", "analyst"])
async def test_for_others_there_is_no_such_tool(audited: Retailer, role: Any) -> None:
    async with audited.client("seattle", role=role) as client:
        assert "list_audit_events" not in {tool.name for tool in await client.list_tools()}
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("list_audit_events", {})


@pytest.mark.parametrize("role", ["manager", "support", "analyst", "auditor"])
async def test_the_database_holds_to_it_too(audited: Retailer, role: Any) -> None:
    """Whatever SQL the server's login is made to run."""
    await audited.token("seattle", role=role, subject=f"direct {role}")
    principal = await audited.value("select principal_id from guard.principal where subject = $1", f"direct {role}")
    read = (
        "select count(*) from retail.list_audit_events(null, null, null, null, null, null, null, null, null, null, 100)"
    )
    async with connected(audited.app_url) as connection, connection.transaction():
        await enter(connection, SIGNER.sign(principal, "seattle"))
        if role == "auditor":
            assert await connection.fetchval(read) > 0
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only an auditor"):
                await connection.fetchval(read)


async def test_without_a_store_nobody_reads_anything(audited: Retailer) -> None:
    async with connected(audited.app_url) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no store context"):
            await connection.fetchval(
                "select count(*) from retail.list_audit_events"
                "(null, null, null, null, null, null, null, null, null, null, 100)"
            )


async def test_looking_at_the_log_is_entered_in_it(audited: Retailer) -> None:
    async with audited.client("redmond", role="auditor") as client:
        await answer(client, "list_audit_events", who="somebody")
    rows = await events(audited, "redmond", tool_name="list_audit_events", who="auditor of redmond")

    assert {"who": "(8 characters)"} in [row["arguments"] for row in rows]
