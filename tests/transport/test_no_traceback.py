"""No command ever shows a traceback, whatever stands on its command line: it is done (0) or refused in a line (2)."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import asyncpg
import pytest
from cyclopts import App, Argument, Token

from seed.__main__ import app as seed_app
from server.cli.app import app as server_app
from server.errors import DatabaseUnavailableError, RetailError
from tests.support import Retailer
from tests.transport.processes import for_operator, for_server, run_here

# Those that look for faults end with 1 when there are some.
JUDGES = {("doctor",), ("audit", "verify"), ("rollups", "verify")}
# They serve until they are stopped; what refuses a start is tested where the doctor is.
SERVING = {("http",), ("stdio",), ("bridge",)}
# What a shell can pass: anything but NUL.
HARD = [
    "",
    " ",
    "-1",
    "0",
    "2.5",
    "1e9",
    "nan",
    "99999999999999999999",
    "9" * 5000,
    "x" * 5000,
    "a\nb",
    "\udcff",
    "\u202e\U0001f6d2",
    "'; drop table retail.stores; --",
    # Below the directory of the test, as some commands write: whoever runs the tests may be root.
    ".",
    "no/such/directory/file",
    "~",
    "0001-01-01",
    "9999-12-31",
    "2026-13-45",
    "9999-12-31T23:59:59+00:00",
    "00000000-0000-0000-0000-000000000000",
    "{}",
    "a=b",
    "=",
    "[red]",
]


def commands(app: App, chain: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    """Every command of a program."""
    app.resolved_commands()
    for name in app:
        if not name.startswith("-"):
            yield from commands(app[name], (*chain, name))
    if app.default_command is not None and chain:
        yield chain, app


def arguments_of(app: App) -> list[Argument]:
    """Those that can be written; a group of options cannot."""
    return [argument for argument in app.assemble_argument_collection() if not argument.children]


SERVER_COMMANDS = [(chain, app) for chain, app in commands(server_app) if chain not in SERVING]
# Of what is right for the others while one is wrong.
SOUND = {
    "--subject": "ann",
    "--store": "seattle",
    "--role": "manager",
    "--name": "Tacoma",
    "--database": "retail_elsewhere",
    "--months": "24",
    "store_id": "tacoma",
    "client": "vscode",
    "kid": "0123456789abcdef",
    "customer": "ann@example.com",
    "list_file": "erasures.jsonl",
    "tool": "list_categories",
    "file": "no-such.dump",
    "directory": "backups",
}


def command_line(app: App, wrong: str, value: str) -> list[str]:
    """A command's arguments, one of them wrong, the others as they should be."""
    line: list[str] = []
    for argument in arguments_of(app):
        name = argument.name
        if name == wrong:
            given = value
        elif not argument.required:
            continue
        else:
            given = SOUND[
                name if name.startswith("--") and argument.field_info.is_keyword_only else argument.field_info.name
            ]
        if argument.field_info.is_positional:
            line.append(given)
        else:
            line.append(f"{name}={given}")
    return line


def assert_told(end: Any, chain: tuple[str, ...], line: list[str]) -> None:
    allowed = (0, 1, 2) if chain in JUDGES else (0, 2)
    assert end.code in allowed, (chain, line, end)
    assert "Traceback" not in end.err + end.out, (chain, line, end)
    assert "should not have happened" not in end.err, (chain, line, end)
    if end.code == 2:
        assert end.err.startswith("Error: "), (chain, line, end)


@pytest.fixture
async def shop(retailer: Retailer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Retailer:
    monkeypatch.chdir(tmp_path)
    # Nobody answers.
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "erasures.jsonl").touch()
    await retailer.execute("insert into retail.stores (store_id, store_name) values ('seattle', 'Seattle')")
    return retailer


@pytest.mark.parametrize(("chain", "app"), SERVER_COMMANDS, ids=[" ".join(chain) for chain, _ in SERVER_COMMANDS])
async def test_no_argument_brings_a_traceback(chain: tuple[str, ...], app: App, shop: Retailer, tmp_path: Path) -> None:
    # Without pg_dump, which would make dozens of backups.
    env = for_server(shop, **for_operator(shop), RETAIL_PORT="0", RETAIL_PG_BIN=str(tmp_path))
    tried = 0
    for argument in arguments_of(app):
        if argument.hint is bool:
            continue
        for value in HARD:
            line = command_line(app, argument.name, value)
            assert_told(await run_here(env, *chain, *line), chain, line)
            tried += 1
    for extra in ("--no-such-option", "surplus", "--help=1", "-x"):
        line = [*command_line(app, "", ""), extra]
        assert_told(await run_here(env, *chain, *line), chain, line)
    if not tried:
        assert not [argument for argument in arguments_of(app) if argument.hint is not bool]


def whole_numbers() -> list[Any]:
    """Every option of both programs that is a whole number."""
    found = []
    for program, name in ((server_app, "server"), (seed_app, "seed")):
        listed = [*commands(program), ((), program)]
        for chain, app in listed:
            for argument in arguments_of(app):
                hints = {argument.hint, *get_args(argument.hint)} if get_origin(argument.hint) else {argument.hint}
                if int in hints:
                    found.append(pytest.param(argument, id=" ".join((name, *chain, argument.name))))
    return found


@pytest.mark.parametrize("argument", whole_numbers())
@pytest.mark.parametrize("text", ["2.5", "2.0", "1e3", "0x10", "\uff11\uff12", "1_0", "", "many"])
def test_what_is_no_whole_number_is_not_rounded(argument: Any, text: str) -> None:
    argument.tokens[:] = [Token(keyword=argument.name, value=text)]
    try:
        with pytest.raises(Exception, match="is no whole number"):
            argument.convert()
    finally:
        argument.tokens.clear()


def test_there_are_whole_numbers_to_try() -> None:
    assert len(whole_numbers()) > 15


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncpg.ReadOnlySQLTransactionError("hunter2"), "takes no changes"),
        (asyncpg.LockNotAvailableError("hunter2"), "Run it again"),
        (asyncpg.QueryCanceledError("hunter2"), "Run it again"),
        (asyncpg.ConnectionDoesNotExistError("hunter2"), "was lost"),
        (asyncpg.DiskFullError("hunter2"), "was lost"),
        (asyncpg.InternalServerError("hunter2"), "SQLSTATE XX000"),
        (asyncpg.CheckViolationError("hunter2"), "too long"),
        (asyncpg.InternalClientError("hunter2"), "was lost"),
        (TimeoutError("hunter2"), "Run it again"),
        (OSError(28, "No space left on device", "backup.dump"), "backup.dump cannot be used: No space left"),
        (DatabaseUnavailableError(), "not reachable"),
        (BaseExceptionGroup("hunter2", [RuntimeError("hunter2")]), "RuntimeError"),
        (ExceptionGroup("hunter2", [RetailError("told as it is")]), "told as it is"),
        (ValueError("hunter2"), "should not have happened: ValueError"),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "hunter2"), "UTF-8"),
    ],
)
async def test_whatever_fails_is_a_line_without_values(
    error: BaseException, told: str, shop: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("server.cli.stores.close_store", fail)
    end = await run_here(for_operator(shop), "store", "close", "seattle")

    assert (end.code, end.out) == (2, "")
    (line,) = end.err.splitlines()
    assert line.startswith("Error: ")
    assert told in line
    assert "hunter2" not in line


def test_a_reader_that_has_seen_enough_is_no_failure(shop: Retailer) -> None:
    """As in `audit export | head -n 1`."""
    code = "import sys\nfrom server.cli.app import main\nsys.argv[1:] = ['key', 'generate']\nmain()"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)

    assert done.stderr == ""
    assert done.returncode in (0, 2)


def test_an_unknown_command_is_named_with_the_nearest() -> None:
    for line, told in {
        ("tokn", "list"): 'Unknown command "tokn". Did you mean "token"?',
        ("token", "list", "ann"): "retail-mcp token list takes no 'ann'. See: retail-mcp token list --help",
    }.items():
        done = subprocess.run([sys.executable, "-m", "server", *line], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert told in done.stderr
        assert "Unused Tokens" not in done.stderr


@pytest.mark.parametrize("chain", [chain for chain, _ in commands(server_app)], ids=" ".join)
async def test_no_option_has_a_double_that_says_the_opposite(chain: tuple[str, ...]) -> None:
    """`--empty-store`, which the parser makes of a list, issued a token that opens nothing."""
    help_page = await run_here({}, *chain, "--help")
    assert help_page.code == 0
    # Embeddings are made unless somebody says otherwise.
    meant = {"--no-embed"} if chain == ("import", "products") else set()
    assert set(re.findall(r"--(?:no|empty)-[a-z-]+", help_page.out)) == meant


async def test_what_is_left_out_is_named(shop: Retailer) -> None:
    env = for_operator(shop)
    for line, told in (
        ("store add", "retail-mcp store add needs STORE-ID."),
        ("store add tacoma", "retail-mcp store add needs --name."),
        ("store add tacoma --name", 'Command "store add" parameter --name requires an argument.'),
    ):
        end = await run_here(env, *line.split())
        assert (end.code, end.err) == (2, f"Error: {told} See: retail-mcp store add --help\n")
