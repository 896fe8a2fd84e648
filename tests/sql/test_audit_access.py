"""Nobody can touch the audit log, and only auditors read it."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.cluster import Cluster
from tests.sql.acting import TwoStores, connected, inside, login_name, rolled_back, temporary_login
from tests.support import Retailer


@pytest.mark.parametrize(
    "statement",
    [
        *[
            template.format(table=table)
            for table in ("audit.row_change", "audit.operation")
            for template in (
                "select count(*) from {table}",
                "insert into {table} default values",
                "update {table} set action = 'x'",
                "delete from {table}",
                "truncate {table}",
            )
        ],
        "select * from retail.audit_log",
        "select audit.record_operation('forged', null, null)",
        "select audit.refuse()",
        "select retail.audit_trigger()",
        "select guard.pseudonym(gen_random_uuid(), 'a', 'b', 'c')",
        "select guard.subject(1)",
        "select nextval('audit.row_change_change_id_seq')",
        "alter table audit.row_change disable trigger all",
        "alter table retail.customers disable trigger customers_audit_trigger",
        "create trigger forged after insert on retail.customers"
        " for each row execute function retail.audit_trigger('customer_id')",
        "set session_replication_role = replica",
        "lock table audit.row_change",
    ],
)
async def test_server_login_can_do_nothing_to_the_log(mcp: Any, two_stores: TwoStores, statement: str) -> None:
    async with inside(mcp, two_stores):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"permission denied|must be owner"):
            await mcp.execute(statement)


@pytest.mark.parametrize("table", ["audit.row_change", "audit.operation"])
@pytest.mark.parametrize("command", ["update {} set action = action", "delete from {}", "truncate {}"])
async def test_log_refuses_even_its_owner(operator: Any, table: str, command: str) -> None:
    async with rolled_back(operator):
        await operator.execute("select audit.record_operation('maintenance', null, null)")
        await operator.execute("set local role retail_audit")

        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="the audit log is append-only"):
            await operator.execute(command.format(table))


async def test_auditor_logs_in_and_reads_the_log_under_the_labs_name(cluster: Cluster, migrated: Retailer) -> None:
    await migrated.execute("select audit.record_operation('test_auditor_reads_the_log', null, null)")

    async with temporary_login(cluster, migrated, "in role retail_auditor") as url, connected(url) as auditor:
        user_name = await auditor.fetchval(
            "select user_name from retail.audit_log where action = 'test_auditor_reads_the_log'"
        )

    assert user_name == login_name(migrated.admin_url)


@pytest.mark.parametrize(
    "relation", ["retail.customers", "retail.customer_card", "guard.api_token", "guard.pseudonym_key"]
)
async def test_auditor_reads_nothing_else(operator: Any, relation: str) -> None:
    async with rolled_back(operator):
        await operator.execute("set local role retail_auditor")

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await operator.fetch(f"select 1 from {relation}")
