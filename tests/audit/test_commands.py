"""The operator's commands about the audit log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.audit.history import OLD, old_entries
from tests.audit.reading import entered
from tests.sql.acting import connected
from tests.support import Retailer, answer
from tests.transport.processes import Finished, for_operator, run, run_here


async def audit(retailer: Retailer, *arguments: str) -> Finished:
    """Run retail-mcp audit."""
    return await run_here(for_operator(retailer), "audit", *arguments)


async def forge(retailer: Retailer) -> None:
    await retailer.execute(
        "set session_replication_role = replica; update audit.tool_call set subject = 'somebody else'"
    )


@pytest.fixture
async def asked(shop: Retailer) -> Retailer:
    """A shop where somebody looked at customers of one store and something was refused in the other."""
    async with shop.client("seattle") as client:
        await answer(client, "search_customers", loyalty_tier="gold")
        await entered(shop, 1)
    async with shop.client("redmond") as client:
        await client.call_tool("list_transactions", {"limit": 0}, raise_on_error=False)
    return shop


async def test_seal_prints_a_digest_to_keep(asked: Retailer) -> None:
    done = await audit(asked, "seal")

    assert done.code == 0
    told = json.loads(done.out)
    assert set(told) == {"seal_id", "sealed_at", "digest"}
    assert told["digest"] == await asked.value(
        "select encode(row_hash, 'hex') from audit.seal order by seal_id desc limit 1"
    )


async def test_seal_of_an_empty_log_says_so(retailer: Retailer) -> None:
    done = await audit(retailer, "seal")

    assert (done.code, done.out) == (0, "The audit log is empty.\n")


async def test_verify_of_a_sound_log_succeeds_and_prints_its_head(asked: Retailer) -> None:
    digest = json.loads((await audit(asked, "seal")).out)["digest"]
    done = await audit(asked, "verify")

    assert done.code == 0
    assert f" {digest}\n" in done.out
    assert "2 tool_call" in done.out
    assert "0 entries not sealed yet" in done.out


async def test_verify_of_a_forged_log_fails_and_names_the_entries(asked: Retailer, tmp_path: Path) -> None:
    """As a process of its own: a job has nothing but the exit code."""
    await audit(asked, "seal")
    await forge(asked)
    done = await run(tmp_path, for_operator(asked), "audit", "verify")

    assert done.code == 1
    assert "audit.tool_call 1 to 2: changed\n" in done.out
    assert done.err == ""


@pytest.mark.parametrize("as_file", [False, True])
async def test_verify_against_a_digest_that_was_kept(asked: Retailer, tmp_path: Path, as_file: bool) -> None:
    lines = [(await audit(asked, "seal")).out]
    await asked.execute("update retail.products set price = 12")
    lines.append((await audit(asked, "seal")).out)
    kept = tmp_path / "digests"
    kept.write_text("".join(lines))
    against = str(kept) if as_file else json.loads(lines[0])["digest"]

    assert (await audit(asked, "verify", "--against", against)).code == 0

    await asked.execute("set session_replication_role = replica; delete from audit.seal")
    await audit(asked, "seal")
    assert (await audit(asked, "verify")).code == 0
    rewritten = await audit(asked, "verify", "--against", against)
    assert rewritten.code == 1
    assert "does not lead up to" in rewritten.out


@pytest.mark.parametrize("against", ["no-such-file", "abc"])
async def test_verify_against_nothing_useful_is_refused(asked: Retailer, against: str) -> None:
    done = await audit(asked, "verify", "--against", against)

    assert done.code == 2
    assert "neither a digest" in done.err


async def exported(retailer: Retailer, *arguments: str) -> list[dict[str, Any]]:
    done = await audit(retailer, "export", *arguments)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


async def test_export_writes_every_entry_as_a_line(asked: Retailer) -> None:
    lines = await exported(asked)

    assert {line["kind"] for line in lines} == {"tool_call", "row_change", "operation"}
    for kind in ("tool_call", "row_change", "operation"):
        count = await asked.value(f"select count(*) from audit.{kind}")
        assert len([line for line in lines if line["kind"] == kind]) == count
    calls = [line for line in lines if line["kind"] == "tool_call"]
    assert [(call["tool"], call["outcome"], call["subject"]) for call in calls] == [
        ("search_customers", "ok", "manager of seattle"),
        ("list_transactions", "refused", "manager of redmond"),
    ]


async def test_export_can_be_narrowed(asked: Retailer) -> None:
    customer = str(await asked.value("select customer_id from retail.customers where store_id = 'seattle' limit 1"))
    await old_entries(asked)

    assert {line["kind"] for line in await exported(asked, "--kind", "row_change")} == {"row_change"}
    assert {line["store_id"] for line in await exported(asked, "--store", "redmond")} == {"redmond"}
    old = await exported(asked, "--until", "2021-01-01")
    assert len(old) == 6
    assert len(await exported(asked)) == len(old) + len(await exported(asked, "--since", "2021-01-01T00:00:00"))
    looks = await exported(asked, "--customer", customer, "--kind", "tool_call")
    assert [(look["tool"], look["subject"]) for look in looks] == [("search_customers", "manager of seattle")]
    assert {line["kind"] for line in await exported(asked, "--customer", customer)} == {"tool_call", "row_change"}


async def test_export_comes_in_the_order_of_time(asked: Retailer) -> None:
    times = [line.get("recorded_at") or line.get("changed_at") or line["happened_at"] for line in await exported(asked)]

    assert times == sorted(times)


async def test_retain_drops_what_is_old_and_says_so(asked: Retailer) -> None:
    await old_entries(asked)
    done = await audit(asked, "retain", "--months", "12")

    assert done.code == 0
    assert done.out.splitlines() == [
        f"dropped audit.row_change_{OLD:%Y_%m} with 3 entries",
        f"dropped audit.tool_call_{OLD:%Y_%m} with 3 entries",
    ]
    assert (await audit(asked, "verify")).code == 0
    assert (await audit(asked, "retain", "--months", "12")).out == "Nothing is that old.\n"


@pytest.mark.parametrize("months", ["0", "-1", "all"])
async def test_retain_of_nothing_is_refused(asked: Retailer, months: str) -> None:
    assert (await audit(asked, "retain", "--months", months)).code != 0


async def test_a_long_transaction_is_told_instead_of_dropping_what_it_hides(asked: Retailer) -> None:
    async with connected(asked.admin_url) as writer, writer.transaction():
        await writer.fetchval("select pg_current_xact_id()")
        await old_entries(asked)
        done = await audit(asked, "retain", "--months", "12")

    assert done.code == 2
    assert "nothing was dropped" in done.err
    assert "Traceback" not in done.err
