"""The doctor finds each usual fault and says how to mend it; the status tells what stores hold."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from seed.demo import DemoOptions, load_demo
from server.operations.doctor import checks
from tests.cluster import Cluster
from tests.support import CONTEXT_KEY, DEMO_AS_OF, Retailer
from tests.transport.processes import Finished, environment, for_operator, for_server, run_here
from tests.transport.serving import serving

SMALL = DemoOptions(stores=2, customers=10, products=12, transactions=20, as_of=DEMO_AS_OF)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory without anybody's .env file."""
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture(scope="module")
async def shop(cluster: Cluster, template: str) -> Iterator[Retailer]:
    """A small shop whose products are not embedded yet."""
    async with cluster.temporary_database(template) as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        await load_demo(retailer.admin_url, SMALL)
        yield retailer


def of(retailer: Retailer, **variables: str) -> dict[str, str]:
    own = {"RETAIL_EMBED_DATABASE_URL": retailer.login_url("mcp_embed"), "RETAIL_PORT": "0"}
    return for_server(retailer, **(own | variables))


async def diagnosed(env: dict[str, str]) -> Finished:
    """What the doctor says, its line breaks taken out."""
    end = await run_here(env, "doctor")
    return Finished(end.code, " ".join(end.out.split()), end.err)


async def test_a_sound_installation_has_no_fault(retailer: Retailer) -> None:
    end = await diagnosed(of(retailer))

    assert (end.code, end.err) == (0, "")
    assert "fault" not in end.out
    for told in (
        "PostgreSQL 1",
        "pgvector 0.",
        "schema current",
        "held by row level security",
        "complete",
        "nothing that callers write",
    ):
        assert told in end.out
    assert CONTEXT_KEY not in end.out


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RETAIL_DATABASE_URL": "postgresql://mcp_user:hunter2@127.0.0.1:9/none"}, "Check RETAIL_DATABASE_URL"),
        ({"RETAIL_CONTEXT_KEY": "another-signing-key-0123456789-0123456789"}, "does not accept the signing key"),
        ({"RETAIL_CONTEXT_KEY": ""}, "Make one with: retail-mcp key generate"),
        ({"RETAIL_AUTH_DATABASE_URL": ""}, "RETAIL_AUTH_DATABASE_URL is not set"),
        ({"RETAIL_EMBED_DATABASE_URL": ""}, "retail-mcp-seed embed"),
        ({"RETAIL_EMBEDDINGS": "openai", "RETAIL_OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "cannot be reached"),
        ({"RETAIL_JWT_ISSUER": "https://id.example.com"}, "RETAIL_JWT_AUDIENCE"),
        (
            {"RETAIL_REPLICA_DATABASE_URL": "postgresql://mcp_user:hunter2@127.0.0.1:9/none"},
            "the replica does not answer",
        ),
    ],
)
async def test_a_fault_of_the_settings_is_named_with_its_remedy(
    retailer: Retailer, variables: dict[str, str], told: str
) -> None:
    end = await diagnosed({**of(retailer), **variables})

    assert end.code == 1
    assert told in end.out
    assert "hunter2" not in end.out


@pytest.mark.parametrize("login", ["postgres", "mcp_embed", "mcp_audit"])
async def test_a_wrong_role_is_named(retailer: Retailer, login: str) -> None:
    url = retailer.admin_url if login == "postgres" else retailer.login_url(login)

    as_tools = await diagnosed(of(retailer, RETAIL_DATABASE_URL=url))
    assert as_tools.code == 1
    assert "fault" in as_tools.out

    if login != "mcp_audit":
        as_audit = await diagnosed(of(retailer, RETAIL_AUDIT_DATABASE_URL=url))
        assert "Use mcp_audit in RETAIL_AUDIT_DATABASE_URL" in as_audit.out


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("delete from migrations.applied where file_name = (select max(file_name) from migrations.applied)", "migrate"),
        (
            "insert into migrations.applied values ('versioned/9999_later.sql', repeat('0', 64))",
            "newer than this server",
        ),
        ("alter table retail.customers no force row level security", "Row level security is not complete"),
        ("drop extension vector cascade", "create extension vector"),
        (
            "do $$ declare part text; begin for part in select c.relname from pg_class c where c.relkind = 'r' and "
            "c.relnamespace = 'audit'::regnamespace and c.relname ~ '^tool_call_2' "
            "loop execute 'drop table audit.' || part; end loop; end $$",
            "parts ready for 0 months",
        ),
    ],
)
async def test_a_fault_of_the_database_is_named_with_its_remedy(retailer: Retailer, sql: str, told: str) -> None:
    await retailer.execute(sql)

    end = await diagnosed(of(retailer))

    assert end.code == 1
    assert told in end.out


async def test_stale_embeddings_are_counted_by_store(shop: Retailer) -> None:
    end = await diagnosed(of(shop))

    assert end.code == 1
    assert "12 missing" in end.out
    assert "retail-mcp-seed embed" in end.out


async def test_clocks_that_differ_are_noticed(retailer: Retailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAX_CLOCK_SKEW_SECONDS", -1.0)

    assert "follow a time server" in (await diagnosed(of(retailer))).out


async def test_a_taken_port_is_named(retailer: Retailer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        end = await diagnosed(of(retailer, RETAIL_PORT=str(taken.getsockname()[1])))

    assert end.code == 1
    assert "is in use by another program" in end.out


async def test_a_server_that_runs_already_is_no_fault(retailer: Retailer) -> None:
    async with serving(retailer) as served:
        end = await diagnosed(of(retailer, RETAIL_PORT=str(served.port)))

    assert end.code == 0
    assert f"a server of this kind answers at 127.0.0.1:{served.port}" in end.out


async def test_status_tells_what_every_store_holds(shop: Retailer) -> None:
    end = await run_here(for_operator(shop), "status", "--json")
    found = json.loads(end.out)

    assert end.code == 0
    assert [store["store_id"] for store in found["stores"]] == ["redmond", "seattle"]
    for store in found["stores"]:
        counted = "select count(*) from retail.{} where store_id = $1"
        assert store["customers"] == await shop.value(counted.format("customers"), store["store_id"])
        assert store["receipts"] == await shop.value(counted.format("sales_transactions"), store["store_id"])
        assert store["products"] == store["missing"] > 0
        assert store["outdated"] == 0
    table = await run_here(for_operator(shop), "status")
    assert "redmond" in table.out
    assert "audit log never sealed" in table.out


async def test_a_question_from_the_shell(shop: Retailer) -> None:
    env = of(shop, RETAIL_TOKEN=await shop.token("seattle"))

    told = await run_here(env, "call", "list_categories")
    top = await run_here(env, "call", "list_top_products", "limit=1", "start_date=2026-01-01", "end_date=2026-11-20")
    assert (told.code, top.code) == (0, 0), (told, top)
    assert json.loads(told.out)["store_id"] == "seattle"
    assert len(json.loads(top.out)["rows"]) == 1

    for arguments, refusal in {
        ("list_top_products", "limit=0"): "limit: ",
        ("list_top_products", "limit"): "is no NAME=VALUE",
        ("list_everything",): "Unknown tool",
        ("list_categories", "store_id=redmond"): "No such store among yours",
    }.items():
        end = await run_here(env, "call", *arguments)
        assert end.code == 2
        assert refusal in end.err
    nobody = await run_here(environment(**{**env, "RETAIL_TOKEN": ""}), "call", "list_categories")
    assert "RETAIL_TOKEN is not set" in nobody.err
    closed = await run_here(env, "call", "list_categories", "--url", "http://127.0.0.1:9/mcp")
    assert closed.code == 2
