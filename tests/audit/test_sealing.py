"""Every entry comes under one seal, whenever its transaction ends, and nobody else can seal or append."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from server.audit.maintenance import audit_maintenance
from server.db.operator import admin_connection
from server.operations.admin.audit import seal
from server.operations.admin.audit_verification import verify
from server.operations.admin.customers import erase_customer
from tests.audit.history import old_entries
from tests.audit.seals import REHASHED, sealed, unguarded, verified
from tests.sql.acting import connected, rolled_back
from tests.support import Retailer
from tests.transport.shop import eventually


async def test_entries_of_a_transaction_that_was_open_meanwhile_are_sealed_later(shop: Retailer) -> None:
    """Its ids and times are older than what is sealed before it commits: by those it would be passed by."""
    async with connected(shop.admin_url) as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("update retail.products set price = 12 where store_id = 'seattle' and sku = 'SKU-1'")
        await shop.execute("update retail.products set price = 12 where store_id = 'redmond' and sku = 'SKU-1'")
        await sealed(shop)
        early = await verified(shop)
        # Neither the transaction that is open nor anything that began after it can be sealed yet.
        assert early.sound
        assert early.unsealed == 1
        await transaction.commit()

    late = await verified(shop)
    assert late.sound
    assert late.unsealed == 2
    await sealed(shop)
    assert (await verified(shop)).unsealed == 0


async def test_entries_are_sealed_once_and_only_once_while_many_write(shop: Retailer) -> None:
    """Writers whose transactions take differently long, and several that seal."""
    done = asyncio.Event()

    async def write(number: int) -> None:
        async with connected(shop.admin_url) as connection:
            for turn in range(15):
                async with connection.transaction():
                    await connection.execute(
                        "update retail.products set price = price + 1 where store_id = 'seattle' and sku = $1",
                        f"SKU-{number}",
                    )
                    await asyncio.sleep(0.002 * ((number * 7 + turn * 3) % 5))

    async def keep_sealing() -> None:
        async with connected(shop.login_url("mcp_audit")) as connection:
            while not done.is_set():
                await connection.fetchval("select audit.seal_entries(3)")

    sealers = [asyncio.create_task(keep_sealing()) for _ in range(2)]
    await asyncio.gather(*(write(number) for number in range(1, 6)))
    done.set()
    await asyncio.gather(*sealers)
    await sealed(shop)

    result = await verified(shop)
    assert result.sound
    assert result.unsealed == 0
    rows = await shop.fetch("""
        select count(*) as entries, count(distinct s.id) as ids
        from (select unnest(s.ids) as part from audit.seal s where s.log = 'row_change') p
        cross join lateral generate_series(lower(p.part), upper(p.part) - 1) as s (id)
    """)
    count = await shop.value("select count(*) from audit.row_change")
    assert (rows[0]["entries"], rows[0]["ids"]) == (count, count)


async def test_entries_of_two_months_are_under_seals_of_their_own(shop: Retailer) -> None:
    await old_entries(shop)
    await sealed(shop)

    months = await shop.fetch("select log, month from audit.seal")
    assert len(months) > len({row["month"] for row in months}) >= 2
    assert (await verified(shop)).sound


async def test_after_a_dump_was_restored_elsewhere_the_chain_goes_on(history: Retailer) -> None:
    """Another cluster counts its transactions anew: here they look as if they came after all new ones."""
    async with unguarded(history) as restorer:
        await restorer.execute("update audit.seal set cluster = 1, to_xid = '999999999'")
        rows = await restorer.fetch("select seal_id from audit.seal order by seal_id")
        for row in rows:
            await restorer.execute(
                """update audit.seal t set previous_hash = coalesce(
                  (select b.row_hash from audit.seal b where b.seal_id = t.seal_id - 1), '') where seal_id = $1""",
                row["seal_id"],
            )
            await restorer.execute(f"update audit.seal t set row_hash = {REHASHED} where seal_id = $1", row["seal_id"])
    await history.execute("update retail.products set price = 13 where store_id = 'redmond'")
    assert (await verified(history)).sound
    async with admin_connection(history.admin_url) as connection:
        await seal(connection)

    result = await verified(history)
    assert result.sound
    assert result.unsealed == 0
    assert await history.value("select sum(row_count) from audit.seal where cluster <> 1") == 5


async def test_a_running_server_seals(shop: Retailer) -> None:
    async with audit_maintenance(shop.login_url("mcp_audit")):

        async def is_sealed() -> bool:
            return bool(await shop.value("select count(*) from audit.seal"))

        await eventually(is_sealed)

    assert (await verified(shop)).sound


async def test_the_sealer_seals_nothing_while_another_does(shop: Retailer) -> None:
    async with connected(shop.login_url("mcp_audit")) as first, connected(shop.login_url("mcp_audit")) as second:
        async with first.transaction():
            assert await first.fetchval("select audit.seal_entries(10)") > 0
            assert await second.fetchval("select audit.seal_entries(10)") is None
        assert await second.fetchval("select audit.seal_entries(10)") is not None


async def test_erasing_a_customer_leaves_the_log_sound(history: Retailer) -> None:
    customer = await history.value("select customer_id from retail.customers where store_id = 'seattle' limit 1")
    async with admin_connection(history.admin_url) as connection:
        await erase_customer(connection, "seattle", str(customer))
        assert (await verify(connection)).sound
        await seal(connection)
        assert (await verify(connection)).sound


@pytest.mark.parametrize(
    "statement",
    [
        *[
            template.format(table=table)
            for table in ("audit.tool_call", "audit.row_change", "audit.operation", "audit.seal")
            for template in (
                "select count(*) from {table}",
                "update {table} set row_hash = ''",
                "delete from {table}",
                "truncate {table}",
                "alter table {table} disable trigger all",
                "copy {table} to stdout",
                "lock table {table} in access exclusive mode",
            )
        ],
        "insert into audit.row_change (table_name) values ('x')",
        "insert into audit.operation (action) values ('x')",
        "insert into audit.seal (log) values ('tool_call')",
        "insert into audit.tool_call (recorded_at) values (now())",
        "insert into audit.tool_call (transaction_xid) values ('3')",
        "insert into audit.tool_call (db_user) values ('ceo')",
        "insert into audit.tool_call (row_hash) values ('')",
        "insert into audit.tool_call (call_number) overriding system value values (1)",
        "insert into audit.tool_call (call_id) values (gen_random_uuid()) returning call_number",
        "select nextval('audit.tool_call_call_number_seq')",
        "select audit.record_operation('forged', null, null)",
        "select audit.retain(1)",
        "set session_replication_role = replica",
        "select * from retail.customers",
        "select guard.authenticate('')",
        "set role retail_audit",
    ],
)
async def test_the_appending_login_can_do_nothing_else(history: Retailer, statement: str) -> None:
    async with connected(history.login_url("mcp_audit")) as connection, rolled_back(connection):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_what_the_appending_login_can_forge_is_an_entry_at_the_present_time(shop: Retailer) -> None:
    """Whoever holds its password can add calls that were never made; it cannot date them back or sign for others."""
    async with connected(shop.login_url("mcp_audit")) as connection:
        await connection.execute(
            "insert into audit.tool_call (call_id, called_at, subject, tool, arguments, duration_ms, outcome)"
            " values ($1, '2001-01-01', 'ceo', 'get_customer', '{}', 1, 'ok')",
            uuid4(),
        )

    (row,) = await shop.fetch("select recorded_at, db_user, subject from audit.tool_call")
    assert (row["db_user"], row["subject"]) == ("mcp_audit", "ceo")
    assert (datetime.now(UTC) - row["recorded_at"]).total_seconds() < 60


async def test_no_hash_depends_on_a_sessions_settings(shop: Retailer) -> None:
    async with connected(shop.admin_url) as connection:
        await connection.execute(
            "set timezone = 'Asia/Kathmandu'; set datestyle = 'German'; set bytea_output = 'escape'"
        )
        await connection.execute(
            "select audit.record_operation('maintenance', 'seattle', $$" + json.dumps({"a": 1.5}) + "$$)"
        )
        await connection.fetchval("select audit.seal_entries(100)")

    assert (await verified(shop)).sound
