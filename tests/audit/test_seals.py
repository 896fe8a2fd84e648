"""Seals fix what the logs were: whatever is done to an entry afterwards is found, and said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from server.admin.audit import last_seal, seal
from server.admin.audit_verification import Finding, Verification, verify
from server.admin.connection import admin_connection
from server.admin.customers import erase_customer
from server.audit.upkeep import kept_up
from tests.audit.history import old_entries
from tests.cluster import Cluster
from tests.sql.acting import connected, retailer_on, rolled_back
from tests.support import Retailer, answer
from tests.transport.shop import eventually

# Columns of each log with a value that a forger might put there; a value that was there already is no forgery.
EDITS: dict[str, dict[str, str]] = {
    "tool_call": {
        "recorded_at": "recorded_at - interval '1 second'",
        "transaction_xid": "'3'",
        "db_user": "'nobody'",
        "call_id": "gen_random_uuid()",
        "called_at": "called_at - interval '1 hour'",
        "principal_id": "coalesce(principal_id, 0) + 1",
        "subject": "'somebody else'",
        "role": "'auditor'",
        "store_id": "'bellevue'",
        "tool": "'get_schema'",
        "arguments": """'{"limit": 4}'""",
        "row_count": "coalesce(row_count, 0) + 1",
        "duration_ms": "duration_ms + 1",
        "error_code": "'timeout', outcome = 'failed'",
        "transport": "'carrier pigeon'",
        "customers": "array[gen_random_uuid()]",
    },
    "row_change": {
        "entry_id": "gen_random_uuid()",
        "changed_at": "changed_at - interval '1 second'",
        "transaction_xid": "'3'",
        "table_name": "'stores'",
        "store_id": "'bellevue'",
        "record_id": "gen_random_uuid()",
        "principal_id": "77",
        "subject": "'somebody else'",
        "role": "'auditor'",
        "db_user": "'nobody'",
        "new_values": """coalesce(new_values, '{}') || '{"price": 0}'""",
    },
    "operation": {
        "entry_id": "gen_random_uuid()",
        "happened_at": "happened_at - interval '1 second'",
        "transaction_xid": "'3'",
        "action": "'nothing'",
        "store_id": "'bellevue'",
        "db_user": "'nobody'",
        "metadata": "'{}'",
    },
}
ID = {"tool_call": "call_number", "row_change": "change_id", "operation": "operation_id"}
# The hash over a row's new content, as a forger who knows the method makes it.
REHASHED = "sha256(convert_to((to_jsonb(t) - 'row_hash')::text, 'UTF8'))"


@asynccontextmanager
async def unguarded(retailer: Retailer) -> AsyncIterator[Any]:
    """A superuser who has switched the triggers off."""
    async with admin_connection(retailer.admin_url) as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute("set timezone = 'UTC'")
        yield connection


async def verified(retailer: Retailer, *digests: str) -> Verification:
    async with admin_connection(retailer.admin_url) as connection:
        return await verify(connection, digests)


async def sealed(retailer: Retailer) -> None:
    async with admin_connection(retailer.admin_url) as connection:
        await seal(connection)


@pytest.fixture(scope="module")
async def history_template(cluster: Cluster, shop_template: str) -> AsyncIterator[str]:
    """Name of a database with entries in each log, all of them under two seals or more."""
    async with cluster.temporary_database(shop_template) as name:
        shop = retailer_on(cluster, name)
        async with shop.client("seattle") as client:
            for limit in range(1, 6):
                await answer(client, "list_transactions", limit=limit)
        await shop.execute("""select audit.record_operation('maintenance', 'seattle', '{"rows": 1}')""")
        await sealed(shop)
        await shop.execute("update retail.products set price = 11 where store_id = 'seattle'")
        await shop.execute("select audit.record_operation('maintenance', null, null)")
        await sealed(shop)
        yield name


@pytest.fixture
async def history(cluster: Cluster, history_template: str) -> AsyncIterator[Retailer]:
    """A copy of that of the test's own."""
    async with cluster.temporary_database(history_template) as name:
        yield retailer_on(cluster, name)


async def some_id(retailer: Retailer, log: str) -> int:
    """An entry in the middle."""
    key = ID[log]
    return int(await retailer.value(f"select {key} from audit.{log} order by {key} offset 1 limit 1"))


async def test_a_log_that_nobody_touched_is_sound(history: Retailer) -> None:
    result = await verified(history)

    assert result.sound
    assert result.findings == []
    assert result.unsealed == 0
    assert result.seals >= 4
    assert result.entries["tool_call"] == 5
    assert result.entries["operation"] == await history.value("select count(*) from audit.operation")
    assert result.entries["row_change"] == await history.value("select count(*) from audit.row_change")


async def test_an_empty_log_is_sound(retailer: Retailer) -> None:
    assert (await verified(retailer)).sound
    async with admin_connection(retailer.admin_url) as connection:
        assert await seal(connection) is None


@pytest.mark.parametrize("rehash", [False, True], ids=["hash kept", "hash made anew"])
@pytest.mark.parametrize(("log", "column"), [(log, column) for log, columns in EDITS.items() for column in columns])
async def test_a_changed_column_is_found_and_the_entry_named(
    history: Retailer, log: str, column: str, rehash: bool
) -> None:
    entry = await some_id(history, log)
    async with unguarded(history) as forger:
        await forger.execute(f"update audit.{log} t set {column} = {EDITS[log][column]} where {ID[log]} = {entry}")
        if rehash:
            await forger.execute(f"update audit.{log} t set row_hash = {REHASHED} where {ID[log]} = {entry}")

    assert (await verified(history)).findings == [Finding(log, entry, entry, "changed")]


def test_each_column_of_each_log_was_tried() -> None:
    """A column that is not under the hash could be changed without a trace."""
    assert set(EDITS) == set(ID)


@pytest.mark.parametrize("log", EDITS)
async def test_no_column_is_left_out_of_that(history: Retailer, log: str) -> None:
    rows = await history.fetch(
        "select attname::text from pg_attribute where attrelid = $1::text::regclass and attnum > 0", f"audit.{log}"
    )
    # The id names the entry, and these columns change with another one that is tried.
    together = {"tool_call": {"outcome"}, "row_change": {"action", "old_values"}, "operation": set()}[log]
    assert {row["attname"] for row in rows} == {*EDITS[log], *together, ID[log], "row_hash"}


@pytest.mark.parametrize("log", EDITS)
async def test_a_removed_entry_is_found_and_named(history: Retailer, log: str) -> None:
    entry = await some_id(history, log)
    async with unguarded(history) as forger:
        await forger.execute(f"delete from audit.{log} where {ID[log]} = {entry}")

    assert (await verified(history)).findings == [Finding(log, entry, entry, "removed")]


async def test_removed_entries_are_told_as_stretches(history: Retailer) -> None:
    async with unguarded(history) as forger:
        await forger.execute("delete from audit.tool_call where call_number in (1, 2, 3, 5)")

    assert [str(finding) for finding in (await verified(history)).findings] == [
        "audit.tool_call 1 to 3: removed",
        "audit.tool_call 5: removed",
    ]


@pytest.mark.parametrize("log", EDITS)
async def test_an_entry_that_was_slipped_in_is_found_and_named(history: Retailer, log: str) -> None:
    """A copy of an entry, of an earlier transaction and with a right hash of its own."""
    entry = await some_id(history, log)
    columns = f"{ID[log]}, {', '.join(EDITS[log])}".replace("error_code", "error_code, outcome")
    forged = {ID[log]: "1000000", "transaction_xid": "'3'"}
    values = ", ".join(forged.get(column, column) for column in columns.split(", "))
    if log == "row_change":
        columns, values = columns + ", action, old_values", values + ", action, old_values"
    async with unguarded(history) as forger:
        await forger.execute(
            f"insert into audit.{log} ({columns}, row_hash) overriding system value"
            f" select {values}, '' from audit.{log} where {ID[log]} = {entry}"
        )
        await forger.execute(f"update audit.{log} t set row_hash = {REHASHED} where {ID[log]} = 1000000")

    assert (await verified(history)).findings == [Finding(log, 1000000, 1000000, "inserted")]


async def test_a_second_entry_with_the_same_id_is_found(history: Retailer) -> None:
    async with unguarded(history) as forger:
        await forger.execute("""
            insert into audit.tool_call
              (call_number, call_id, called_at, tool, arguments, duration_ms, outcome, row_hash)
            overriding system value values (2, gen_random_uuid(), now(), 't', '{}', 1, 'ok', '')
        """)
        await forger.execute(f"update audit.tool_call t set row_hash = {REHASHED} where tool = 't'")

    assert not (await verified(history)).sound


@pytest.mark.parametrize(
    "forgery",
    [
        "update audit.seal set rows_digest = '\\x00' where seal_id = 2",
        "update audit.seal set sealed_at = sealed_at - interval '1 day' where seal_id = 2",
        f"update audit.seal t set sealed_at = sealed_at - interval '1 day', row_hash = '' where seal_id = 2;"
        f"update audit.seal t set row_hash = {REHASHED} where seal_id = 2",
    ],
    ids=["digest", "time", "time with hash"],
)
async def test_a_changed_seal_is_found_and_named(history: Retailer, forgery: str) -> None:
    async with unguarded(history) as forger:
        await forger.execute(forgery)

    assert Finding("seal", 2, 2, "changed") in (await verified(history)).findings


async def test_a_removed_seal_is_found_and_named(history: Retailer) -> None:
    async with unguarded(history) as forger:
        await forger.execute("delete from audit.seal where seal_id = 2")

    assert Finding("seal", 2, 2, "removed") in (await verified(history)).findings


async def test_a_log_that_was_rewritten_altogether_does_not_lead_up_to_a_digest_kept_elsewhere(
    history: Retailer,
) -> None:
    """Whoever has all rights can make a log that is sound in itself; that is what digests elsewhere are for."""
    async with admin_connection(history.admin_url) as connection:
        kept = await last_seal(connection)
    assert kept is not None
    assert (await verified(history, kept.digest)).sound

    async with unguarded(history) as forger:
        await forger.execute("delete from audit.seal; delete from audit.tool_call where call_number = 3")
    await sealed(history)

    assert (await verified(history)).sound
    result = await verified(history, kept.digest)
    assert result.missing_digests == [kept.digest]
    assert not result.sound


async def test_digests_of_any_earlier_time_are_led_up_to(history: Retailer) -> None:
    digests = [row["digest"] for row in await history.fetch("select encode(row_hash, 'hex') as digest from audit.seal")]

    assert (await verified(history, *digests)).sound


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
    async with kept_up(shop.login_url("mcp_audit")):

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
