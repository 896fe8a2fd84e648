"""The command line: what a program may read is on standard output, a failure is one line and exit code 2."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.app import build
from server.config import Settings
from server.errors import ConfigurationError
from server.process.sockets import unusable_address
from tests.cluster import Cluster
from tests.support import CONTEXT_KEY, Retailer
from tests.transport.processes import Finished, environment, for_operator, for_server, run, run_here

SECRET = "hunter2-secret"
ISSUE = ("token", "issue", "--subject", "ann", "--store", "seattle", "--role")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory without anybody's .env file."""
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture
async def two_empty_stores(retailer: Retailer) -> Retailer:
    await retailer.execute(
        "insert into retail.stores (store_id, store_name) values ('seattle', 'Seattle'), ('redmond', 'Redmond')"
    )
    return retailer


def assert_refused(end: Finished, *words: str) -> None:
    """One clear line, nothing for a program to read, exit code 2, and no secret."""
    assert end.code == 2, end
    assert end.out == ""
    (line,) = end.err.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line
    assert SECRET not in line
    assert CONTEXT_KEY not in line


async def test_a_token_is_printed_alone_and_once(tmp_path: Path, two_empty_stores: Retailer) -> None:
    env = for_operator(two_empty_stores)
    issued = await run(tmp_path, env, *ISSUE, "manager", "--store", "redmond", "--note", "for the till")
    assert (issued.code, issued.err) == (0, "")
    token = issued.out.removesuffix("\n")
    assert re.fullmatch(r"rmcp_[A-Za-z0-9_-]{43}", token)
    assert token not in str(await two_empty_stores.fetch("select * from guard.api_token"))

    listed = await run_here(env, "token", "list")
    assert (listed.code, listed.err) == (0, "")
    assert token[5:] not in listed.out
    (row,) = [line for line in listed.out.splitlines() if "ann" in line]
    for part in ("1", "redmond manager", "seattle manager", "valid", "for the till"):
        assert part in row


async def test_a_table_is_whole_where_nobody_can_widen_the_window(two_empty_stores: Retailer) -> None:
    """In a file, a pipe, a mail of cron; and texts are shown as they are, whatever they look like."""
    env = for_operator(two_empty_stores)
    note = f"[red]for the till[/] :smile: {'long ' * 100}end"
    await run_here(env, *ISSUE, "manager", "--store", "redmond", "--note", note)
    await run_here(env, "principal", "add", "--subject", "bob", "--external-subject", "b" * 300, "--issuer", "x" * 300)

    tokens = await run_here(env, "token", "list")
    principals = await run_here(env, "principal", "list")
    keys = await run_here(env, "key", "list")
    status = await run_here(env, "status")

    assert note in tokens.out
    assert f"{'b' * 300} of {'x' * 300}" in principals.out
    for end, columns in ((tokens, 6), (principals, 5), (keys, 4), (status, 8)):
        assert end.code == 0
        assert "…" not in end.out
        heading = end.out.splitlines()[0]
        assert len(re.split(r"\s{2,}", heading.strip())) == columns


async def test_another_role_for_a_subject_is_refused(tmp_path: Path, two_empty_stores: Retailer) -> None:
    env = for_operator(two_empty_stores)
    await run_here(env, *ISSUE, "manager")
    refused = await run(tmp_path, env, *ISSUE, "analyst")
    assert_refused(refused, "ann is manager in seattle already", "--change-role")
    assert await two_empty_stores.value("select count(*) from guard.api_token") == 1


async def test_a_token_for_an_unknown_store_is_not_issued(two_empty_stores: Retailer) -> None:
    refused = await run_here(for_operator(two_empty_stores), *ISSUE, "manager", "--store", "atlantis")
    assert_refused(refused, "No open store atlantis", "redmond, seattle")
    assert await two_empty_stores.value("select count(*) from guard.principal") == 0


async def test_a_database_without_a_store_says_how_to_get_one(retailer: Retailer) -> None:
    told = await run_here(for_operator(retailer), "status")
    assert (told.code, told.err) == (0, "")
    assert "There is no store yet. Open one with retail-mcp store add" in told.out
    assert told.out.endswith("audit log never sealed.\n")


async def test_a_role_changes_only_when_asked_for(two_empty_stores: Retailer) -> None:
    env = for_operator(two_empty_stores)
    await run_here(env, *ISSUE, "manager")
    changed = await run_here(env, *ISSUE, "analyst", "--change-role")
    assert changed.code == 0
    assert await two_empty_stores.value("select role from guard.store_access") == "analyst"


async def test_what_a_command_does_not_understand_goes_to_standard_error(two_empty_stores: Retailer) -> None:
    env = for_operator(two_empty_stores)
    for wrong in (("hunt",), (*ISSUE, "owner"), (*ISSUE, "manager", "--days", "0"), ("token", "revoke", "one")):
        refused = await run_here(env, *wrong)
        assert refused.code != 0, wrong
        assert refused.out == "", wrong
        assert refused.err, wrong
        assert "Traceback" not in refused.err
    assert await two_empty_stores.value("select count(*) from guard.api_token") == 0


async def test_tokens_are_revoked_by_number_or_by_subject(two_empty_stores: Retailer) -> None:
    env = for_operator(two_empty_stores)
    for _ in range(3):
        await run_here(env, *ISSUE, "manager")
    valid = "select array_agg(token_id order by token_id) from guard.api_token where revoked_at is null"

    one = await run_here(env, "token", "revoke", "2")
    assert (one.code, one.out) == (0, "Token 2 is revoked.\n")
    assert await two_empty_stores.value(valid) == [1, 3]
    assert_refused(await run_here(env, "token", "revoke", "2"), "no unrevoked token 2", "token list")

    rest = await run_here(env, "token", "revoke", "--subject", "ann")
    assert (rest.code, rest.out) == (0, "Revoked 2 token(s) of ann.\n")
    assert await two_empty_stores.value(valid) is None
    assert_refused(await run_here(env, "token", "revoke", "--subject", "ann"), "ann has no unrevoked token")

    assert_refused(await run_here(env, "token", "revoke"), "--subject")
    assert_refused(await run_here(env, "token", "revoke", "1", "--subject", "ann"), "either", "--subject")


async def test_stores_are_opened_and_closed(retailer: Retailer) -> None:
    env = for_operator(retailer)
    add = ("store", "add", "tacoma", "--name")
    added = await run_here(env, *add, "Tacoma", "--currency", "EUR", "--time-zone", "Europe/Berlin")
    assert (added.code, added.out) == (0, "Store tacoma is open.\n")
    assert_refused(await run_here(env, *add, "Another"), "store tacoma already")
    for option, wrong, told in (
        ("--currency", "NIS", "'NIS' is no currency in use"),
        ("--time-zone", "europe/paris", "Did you mean Europe/Paris?"),
        ("--name", "", "name of a store"),
    ):
        values = {"--name": "Lacey"} | {option: wrong}
        refused = await run_here(env, "store", "add", "lacey", *(part for pair in values.items() for part in pair))
        assert_refused(refused, told)
    corrected = await run_here(env, "store", "change", "tacoma", "--time-zone", "Europe/Paris")
    assert (corrected.code, corrected.out) == (0, "Store tacoma has another time zone.\n")
    assert_refused(await run_here(env, "store", "change", "tacoma"), "--time-zone")
    assert_refused(await run_here(env, "store", "add", "No Id", "--name", "Lacey"), "a-z")

    closed = await run_here(env, "store", "close", "tacoma")
    assert (closed.code, closed.out) == (0, "Store tacoma is closed.\n")
    assert_refused(await run_here(env, "store", "close", "tacoma"), "no open store tacoma")
    assert await retailer.fetch("select store_id, currency, is_active from retail.stores") == [
        {"store_id": "tacoma", "currency": "EUR", "is_active": False}
    ]


async def test_a_new_database_is_migrated_once(tmp_path: Path, cluster: Cluster) -> None:
    key = await run_here(environment(), "key", "generate")
    assert (key.code, key.err) == (0, "")
    assert len(key.out.removesuffix("\n")) >= 32

    async with cluster.temporary_database() as name:
        retailer = Retailer(cluster.admin_url(name), cluster.app_url(name))
        env = for_operator(retailer, RETAIL_CONTEXT_KEY=key.out.strip())
        assert_refused(await run_here(env, "token", "list"), "retail-mcp migrate")

        both = await asyncio.gather(run(tmp_path, env, "migrate"), run(tmp_path, env, "migrate"))
        assert [end.code for end in both] == [0, 0]
        waited, worked = sorted((end.out for end in both), key=len)
        assert waited == "The schema is current.\n"
        lines = worked.splitlines()
        assert lines == sorted(lines, key=lambda line: ("repeatable" in line, line))
        assert all(re.fullmatch(r"applied (versioned|repeatable)/\d{4}_\w+\.sql", line) for line in lines)
        assert await retailer.value("select count(*) from guard.context_key") == 1

        again = await run_here(for_operator(retailer), "key", "install")
        assert again.code == 0
        assert CONTEXT_KEY not in again.out
        assert await retailer.value("select count(*) from guard.context_key") == 2


async def test_what_an_operator_must_set_is_named(two_stores: Retailer) -> None:
    assert_refused(await run_here(for_server(two_stores), "token", "list"), "RETAIL_ADMIN_DATABASE_URL")
    no_database = for_operator(two_stores, RETAIL_ADMIN_DATABASE_URL=f"postgresql://postgres:{SECRET}@127.0.0.1:1/x")
    assert_refused(await run_here(no_database, "token", "list"), "cannot be opened", "RETAIL_ADMIN_DATABASE_URL")
    no_rights = for_operator(two_stores, RETAIL_ADMIN_DATABASE_URL=two_stores.app_url)
    assert_refused(await run_here(no_rights, "token", "list"), "may not do this", "RETAIL_ADMIN_DATABASE_URL")
    no_url = for_operator(two_stores, RETAIL_ADMIN_DATABASE_URL=SECRET)
    assert_refused(await run_here(no_url, "token", "list"), "RETAIL_ADMIN_DATABASE_URL")
    no_key = environment(RETAIL_ADMIN_DATABASE_URL=two_stores.admin_url)
    assert_refused(await run_here(no_key, "key", "install"), "RETAIL_CONTEXT_KEY is not set", "key generate")


async def test_a_server_that_cannot_serve_says_why(tmp_path: Path, two_stores: Retailer) -> None:
    assert_refused(await run_here(for_server(two_stores, RETAIL_PORT=SECRET)), "RETAIL_PORT", ".env.example")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        port_taken, superuser, no_url = await asyncio.gather(
            run(tmp_path, for_server(two_stores, RETAIL_PORT=port)),
            run(tmp_path, for_server(two_stores, RETAIL_PORT="0", RETAIL_DATABASE_URL=two_stores.admin_url)),
            run(tmp_path, for_operator(two_stores, RETAIL_PORT="0")),
        )
    for wrong, told in (
        ({"RETAIL_HOST": "192.0.2.1"}, "192.0.2.1 is no address of this machine. Set RETAIL_HOST"),
        ({"RETAIL_HOST": "no-such-host.invalid"}, "Set RETAIL_HOST"),
        ({"RETAIL_HOST": "h..x"}, "Set RETAIL_HOST"),
        ({"RETAIL_HOST": "2001:db8::1"}, "Set RETAIL_HOST"),
    ):
        elsewhere = await run_here(for_server(two_stores, RETAIL_PORT="0", **wrong))
        assert_refused(elsewhere, told)
        assert "RETAIL_PORT" not in elsewhere.err
    assert_refused(port_taken, f"Port {port} on 127.0.0.1 is in use", "RETAIL_PORT")
    assert_refused(superuser, "bypasses row level security", "mcp_user", "RETAIL_DATABASE_URL")
    assert_refused(no_url, "RETAIL_DATABASE_URL is not set", "mcp_user")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"RETAIL_DATBASE_URL": SECRET}, ("RETAIL_DATBASE_URL", "did you mean RETAIL_DATABASE_URL?")),
        ({"RETAIL_DATABASE_URL": ""}, ("RETAIL_DATABASE_URL is not set", "mcp_user")),
        ({"RETAIL_DATABASE_URL": "", "RETAIL_AUTH_DATABASE_URL": ""}, ("RETAIL_DATABASE_URL is not set",)),
    ],
    ids=["misspelt", "missing", "only the log's"],
)
async def test_a_setting_that_is_missing_or_misspelt_starts_no_demo(
    variables: dict[str, str], words: tuple[str, ...], two_stores: Retailer, tmp_path: Path
) -> None:
    env = for_server(two_stores, RETAIL_PORT="0", RETAIL_DATA_DIR=str(tmp_path / "demo"), **variables)

    refused = await run(tmp_path, env)
    commands = [await run_here(env, "token", "list"), await run_here(env, "status")]

    for end in (refused, *commands):
        assert end.code == 2, end
    assert_refused(refused, *words)
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "Set RETAIL_METRICS_PORT to a higher one"),
        (errno.EADDRINUSE, "in use by another program. Set RETAIL_METRICS_PORT"),
        (errno.EADDRNOTAVAIL, "no address of this machine. Set RETAIL_METRICS_HOST"),
        (errno.EAFNOSUPPORT, "Set RETAIL_METRICS_HOST"),
        (errno.EMFILE, "Check RETAIL_METRICS_HOST and RETAIL_METRICS_PORT"),
    ],
)
def test_the_setting_of_an_address_that_is_wrong_is_named(number: int, told: str) -> None:
    assert told in str(unusable_address(OSError(number, "x"), "192.0.2.1", 80, "RETAIL_METRICS"))


async def test_commands_need_the_admin_url_only(retailer: Retailer) -> None:
    env = environment(RETAIL_ADMIN_DATABASE_URL=retailer.admin_url, RETAIL_TEST_DATABASE_URL=retailer.admin_url)
    for command in (("status",), ("token", "list"), ("store", "add", "tacoma", "--name", "Tacoma")):
        end = await run_here(env, *command)
        assert (end.code, end.err) == (0, ""), command


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"database_url": f"postgresql://mcp_user:{SECRET}@127.0.0.1:1/retail"}, "Check RETAIL_DATABASE_URL"),
        ({"database_url": f"{SECRET}://"}, "RETAIL_DATABASE_URL is no URL of a PostgreSQL database"),
        ({"context_key": f"{SECRET}-that-this-database-does-not-know"}, "retail-mcp key install"),
    ],
    ids=["unreachable", "no URL", "unknown key"],
)
async def test_a_database_that_does_not_fit_is_refused(
    change: dict[str, str], words: str, two_stores: Retailer, seattle: str
) -> None:
    connections = replace(two_stores.connections, **change)
    with pytest.raises(ConfigurationError) as refused:
        async with build(Settings(_env_file=None, token=seattle), connections, "stdio"):
            pass
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)
