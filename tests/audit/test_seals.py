"""Seals fix what the logs were: whatever is done to an entry afterwards is found, and said."""

from __future__ import annotations

import pytest

from server.db.operator import admin_connection
from server.operations.admin.audit import last_seal, seal
from server.operations.admin.audit_verification import Finding
from tests.audit.seals import REHASHED, sealed, unguarded, verified
from tests.support import Retailer

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
