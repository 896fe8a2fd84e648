"""The logs are cut by month: made ahead, append-only in every part, dropped whole."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest

from server.audit.maintenance import audit_maintenance
from server.db.operator import admin_connection
from server.errors import InvalidInputError, UnavailableError
from server.operations.admin.audit import retain, seal
from server.operations.admin.audit_verification import verify
from tests.audit.history import OLD, old_entries
from tests.sql.acting import connected, rolled_back
from tests.support import Retailer
from tests.transport.shop import eventually

LOGS = ["row_change", "tool_call"]


def months_from_now(count: int) -> list[str]:
    first = datetime.now(UTC).year * 12 + datetime.now(UTC).month - 1
    return [f"{month // 12:04}_{month % 12 + 1:02}" for month in range(first, first + count)]


async def parts(retailer: Retailer, log: str) -> set[str]:
    rows = await retailer.fetch(
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = $1::text::regclass", f"audit.{log}"
    )
    return {row["name"].removeprefix(f"audit.{log}_") for row in rows}


@pytest.mark.parametrize("log", LOGS)
async def test_this_month_and_the_next_three_have_a_part_each(retailer: Retailer, log: str) -> None:
    assert await parts(retailer, log) == {*months_from_now(4), "rest"}


@pytest.mark.parametrize("log", LOGS)
async def test_a_running_server_makes_missing_parts(retailer: Retailer, log: str) -> None:
    last = months_from_now(4)[-1]
    await retailer.execute(f"drop table audit.{log}_{last}")

    async def is_back() -> bool:
        return last in await parts(retailer, log)

    async with audit_maintenance(retailer.login_url("mcp_audit")):
        await eventually(is_back)


async def test_making_parts_again_makes_none(retailer: Retailer) -> None:
    assert await retailer.value("select audit.add_partitions()") == 0


@pytest.mark.parametrize("log", LOGS)
async def test_a_row_goes_to_the_part_of_its_month(shop: Retailer, log: str) -> None:
    await old_entries(shop)
    part = f"audit.{log}_{OLD:%Y_%m}"

    assert await shop.value(f"select count(*) from {part}") == 3
    assert await shop.value(f"select count(*) from audit.{log}_rest") == 0


@pytest.mark.parametrize("log", LOGS)
async def test_without_its_part_a_row_is_kept_all_the_same(shop: Retailer, log: str) -> None:
    await old_entries(shop, make_parts=False)

    assert await shop.value(f"select count(*) from audit.{log}_rest") == 3
    # And the month stays there: no part can take it over without moving rows, which nobody may.
    async with connected(shop.admin_url) as connection:
        assert await connection.fetchval("select audit.add_partition($1, $2)", log, OLD) is False
    assert await shop.value(f"select count(*) from audit.{log}_rest") == 3


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("command", ["update {} set role = 'x'", "delete from {}", "truncate {}"])
async def test_every_part_refuses_changes_even_by_its_owner(shop: Retailer, log: str, command: str) -> None:
    await old_entries(shop)
    await old_entries(shop, date(2019, 1, 1), make_parts=False)
    # A part that is made later is no different.
    names = await parts(shop, log)
    assert {"rest", f"{OLD:%Y_%m}"} <= names
    filled = {"rest", f"{OLD:%Y_%m}"}
    async with connected(shop.admin_url) as connection:
        for name in names if command.startswith("truncate") else filled:
            async with rolled_back(connection):
                await connection.execute("set local role retail_audit")
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                    await connection.execute(command.format(f"audit.{log}_{name}"))


async def test_every_part_has_a_comment_and_the_right_owner(retailer: Retailer) -> None:
    rows = await retailer.fetch("""
        select c.relname, pg_get_userbyid(c.relowner) as owner, obj_description(c.oid, 'pg_class') as comment, c.relacl
        from pg_class c where c.relispartition and c.relkind = 'r'
    """)

    assert len(rows) == 10
    assert {(row["owner"], row["comment"] is not None, row["relacl"]) for row in rows} == {("retail_audit", True, None)}


async def test_old_months_are_dropped_and_the_chain_still_verifies(shop: Retailer) -> None:
    await old_entries(shop)
    async with admin_connection(shop.admin_url) as connection:
        before = await verify(connection)
        dropped = await retain(connection, 12)
        await seal(connection)
        after = await verify(connection)

    assert {(part.partition_name, part.row_count) for part in dropped} == {
        (f"row_change_{OLD:%Y_%m}", 3),
        (f"tool_call_{OLD:%Y_%m}", 3),
    }
    assert before.sound and after.sound
    assert after.entries["tool_call"] == before.entries["tool_call"] - 3
    assert f"{OLD:%Y_%m}" not in await parts(shop, "tool_call")


async def test_dropping_is_entered_with_the_digest_over_what_was_dropped(shop: Retailer) -> None:
    await old_entries(shop)
    async with admin_connection(shop.admin_url) as connection:
        newest = await seal(connection)
        await retain(connection, 12)

    (entry,) = await shop.fetch("""
        select metadata ->> 'before' as before, metadata -> 'dropped' as dropped,
          metadata #>> '{last_seal,digest}' as digest
        from audit.operation where action = 'audit_retained'
    """)
    assert newest is not None
    assert entry["digest"] == newest.digest
    assert f"tool_call_{OLD:%Y_%m}" in entry["dropped"]


async def test_months_that_are_kept_are_kept(shop: Retailer) -> None:
    await old_entries(shop)
    months = (datetime.now(UTC).year - OLD.year) * 12 + datetime.now(UTC).month - OLD.month
    async with admin_connection(shop.admin_url) as connection:
        assert await retain(connection, months) == []
        assert len(await retain(connection, months - 1)) == 2
        assert await retain(connection, 1) == []

    assert await shop.value("select count(*) from audit.operation where action = 'audit_retained'") == 1


async def test_the_rest_is_dropped_when_all_of_it_is_old(shop: Retailer) -> None:
    await old_entries(shop, make_parts=False)
    async with admin_connection(shop.admin_url) as connection:
        dropped = await retain(connection, 12)
        result = await verify(connection)

    assert {part.partition_name for part in dropped} == {"row_change_rest", "tool_call_rest"}
    assert result.sound
    assert "rest" in await parts(shop, "tool_call")


async def test_what_is_not_sealed_is_not_dropped(shop: Retailer) -> None:
    async with connected(shop.admin_url) as writer:
        transaction = writer.transaction()
        await transaction.start()
        # From now on nothing can be sealed.
        await writer.fetchval("select pg_current_xact_id()")
        await old_entries(shop)
        async with admin_connection(shop.admin_url) as connection:
            with pytest.raises(UnavailableError, match="nothing was dropped"):
                await retain(connection, 12)
        await transaction.rollback()

    assert await shop.value(f"select count(*) from audit.tool_call_{OLD:%Y_%m}") == 3


async def test_at_least_a_month_is_kept(shop: Retailer) -> None:
    async with admin_connection(shop.admin_url) as connection:
        with pytest.raises(InvalidInputError):
            await retain(connection, 0)
        with pytest.raises(asyncpg.PostgresError, match="at least one month"):
            await connection.execute("select audit.retain(0)")


async def test_a_month_that_somebody_dropped_by_hand_is_missed(shop: Retailer) -> None:
    await old_entries(shop)
    async with admin_connection(shop.admin_url) as connection:
        await seal(connection)
        await connection.execute(f"drop table audit.tool_call_{OLD:%Y_%m}")
        result = await verify(connection)

    assert {finding.fault for finding in result.findings} == {"removed"}
    assert sum(finding.last - finding.first + 1 for finding in result.findings) == 3


async def test_retention_accounts_for_the_months_that_it_dropped_and_no_other(shop: Retailer) -> None:
    """An older month that is dropped by hand afterwards, and one of which only a part is missing."""
    await old_entries(shop)
    await old_entries(shop, date(2019, 1, 1), make_parts=False)
    async with admin_connection(shop.admin_url) as connection:
        await seal(connection)
        # Never again in the log under this name, and yet no month of the seals that were over it.
        await connection.execute(f"drop table audit.tool_call_{OLD:%Y_%m}")
        await retain(connection, 12)
        result = await verify(connection)

    assert [(finding.log, finding.fault) for finding in result.findings] == [("tool_call", "removed")]
    assert sum(finding.last - finding.first + 1 for finding in result.findings) == 3


async def test_of_a_month_that_was_dropped_nothing_is_left(shop: Retailer) -> None:
    """A month that is said to be dropped and is there but for one entry."""
    await old_entries(shop)
    async with admin_connection(shop.admin_url) as connection:
        await seal(connection)
        await connection.execute("set session_replication_role = replica")
        await connection.execute(f"delete from audit.tool_call_{OLD:%Y_%m} where call_number = 2")
        await connection.execute("set session_replication_role = origin")
        await connection.execute(
            "select audit.record_operation('audit_retained', null, $1::text::jsonb)",
            f'{{"dropped": [{{"log": "tool_call", "months": ["{OLD}"]}}]}}',
        )
        result = await verify(connection)

    assert [str(finding) for finding in result.findings] == ["audit.tool_call 2: removed"]


async def test_no_entry_accounts_for_a_month_that_retention_keeps(shop: Retailer) -> None:
    this_month = datetime.now(UTC).date().replace(day=1)
    async with admin_connection(shop.admin_url) as connection:
        await seal(connection)
        await connection.execute(f"drop table audit.row_change_{this_month:%Y_%m}")
        await connection.execute(
            "select audit.record_operation('audit_retained', null, $1::text::jsonb)",
            f'{{"dropped": [{{"log": "row_change", "months": ["{this_month}"]}}]}}',
        )
        result = await verify(connection)

    assert {(finding.log, finding.fault) for finding in result.findings} == {("row_change", "removed")}


@pytest.mark.parametrize("job", ["audit.seal_entries(10)", "audit.add_partitions()"])
async def test_no_other_login_can_keep_a_job_from_being_done(shop: Retailer, job: str) -> None:
    """Advisory locks are open to everybody: SQL run as mcp_user that holds them all must not stop the log."""
    names = "('retail-mcp audit seal'), ('retail-mcp audit partitions'), ('seal'), ('partitions')"
    async with connected(shop.app_url) as hostile, connected(shop.login_url("mcp_audit")) as keeper:
        await hostile.execute(f"select pg_advisory_lock(hashtext(n)) from (values {names}) as names (n)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await hostile.execute("select from audit.job for update")

        assert await keeper.fetchval(f"select {job}") is not None


@pytest.mark.parametrize("login", ["mcp_audit", "mcp_user", "mcp_auth"])
@pytest.mark.parametrize("call", ["audit.retain(1)", "audit.add_partition('tool_call', null)", "audit.refuse()"])
async def test_the_servers_logins_drop_nothing(shop: Retailer, login: str, call: str) -> None:
    async with connected(shop.login_url(login)) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"select {call}")


def test_old_is_old_enough() -> None:
    today: Any = datetime.now(UTC).date()
    assert (today - OLD).days > 400
