"""Immediate shutdowns under load: what was acknowledged is kept, and nothing is kept without its audit row."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.security.crashes import (
    WRITERS,
    Doomed,
    audited_without_row,
    doomed_server,
    half_written,
    lost,
    unaudited,
)

CRASHES = 3
SALES_BEFORE_EACH = 200


@pytest.fixture(scope="module")
async def doomed() -> AsyncIterator[Doomed]:
    async with doomed_server() as doomed:
        yield doomed


@pytest.mark.parametrize("crash", range(1, CRASHES + 1))
async def test_acknowledged_writes_survive_a_crash_with_their_audit_rows(doomed: Doomed, crash: int) -> None:
    load = await doomed.crash_under_load(SALES_BEFORE_EACH)

    assert len(load.acknowledged) >= SALES_BEFORE_EACH
    assert 1 <= len(load.cut_off) <= WRITERS
    assert await lost(doomed, load) == []
    assert await unaudited(doomed) == []
    assert await audited_without_row(doomed) == []
    assert await half_written(doomed) == []


async def test_the_crash_is_one(doomed: Doomed) -> None:
    """The control: where a commit does not wait for the disk, the same crash loses acknowledged writes."""
    await doomed.retailer.execute("alter role mcp_user set synchronous_commit = off")
    load = await doomed.crash_under_load(SALES_BEFORE_EACH)
    await doomed.retailer.execute("alter role mcp_user reset synchronous_commit")

    assert await lost(doomed, load) != []
    # Even so no row is kept without its audit row: they are one transaction.
    assert await unaudited(doomed) == []
    assert await half_written(doomed) == []


async def test_a_row_without_its_audit_row_is_noticed(doomed: Doomed) -> None:
    """The other control: without the trigger the same look finds rows that nobody answers for."""
    await doomed.retailer.execute("alter table retail.customers disable trigger customers_audit_trigger")

    load = await doomed.crash_under_load(WRITERS)

    assert load.acknowledged
    assert {name.split()[0] for name in await unaudited(doomed)} == {"customers"}
