"""How the embedded server is set up: who may connect, its locale whatever the environment says, its log's size."""

from __future__ import annotations

import asyncio
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.db import embedded, postmaster
from server.db.embedded import LOG_BYTES, EmbeddedServer, embedded_programs, embedded_server, trim_log
from tests.transport.processes import environment, run

PG_HBA = """\
# Written by retail-mcp.
local all all peer map=retail
"""


async def fetch(server: EmbeddedServer, sql: str, database: str = "postgres") -> list[Any]:
    connection = await asyncpg.connect(server.dsn("postgres", database))
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def test_only_its_own_user_may_connect_whatever_the_files_said_before(directory: Path) -> None:
    with embedded_server(directory):
        pass
    (directory / "postgres/pg_hba.conf").write_text("local all all trust\nhost all all all trust\n")
    with embedded_server(directory) as server:
        assert (directory / "postgres/pg_hba.conf").read_text() == PG_HBA
        assert await fetch(
            server, "select type, database, user_name, address, auth_method, options, error from pg_hba_file_rules"
        ) == [("local", ["all"], ["all"], None, "peer", ["map=retail"], None)]
        assert await fetch(server, "select map_name, sys_name, pg_username, error from pg_ident_file_mappings") == [
            ("retail", pwd.getpwuid(os.geteuid()).pw_name, "all", None)
        ]
        assert await fetch(server, "show listen_addresses") == [("",)]
        assert await fetch(server, "select count(*) from pg_hba_file_rules where auth_method = 'trust'") == [(0,)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a moment")
def test_another_user_of_the_machine_is_refused(directory: Path) -> None:
    programs = embedded_programs()
    assert programs is not None
    with embedded_server(directory) as server:
        # Its directory keeps others out already; this is about what is behind that.
        server.socket_dir.chmod(0o755)
        done = subprocess.run(
            [programs / "psql", "-h", server.socket_dir, "-U", "postgres", "-c", "select 1"],
            user="nobody",
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        server.socket_dir.chmod(0o700)
    assert done.returncode != 0
    assert "Peer authentication failed" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [{"LANG": "xx_YY.UTF-8"}, {"LC_ALL": "xx_YY.UTF-8"}, {"LC_ALL": "C"}, {"LANG": "C.UTF-8", "LC_CTYPE": "tlh"}],
    ids=str,
)
async def test_the_locale_is_the_same_whatever_the_environment_names(
    directory: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**environment, "PGPORT": "7777", "PGDATA": "/nonexistent"}.items():
        monkeypatch.setenv(name, value)
    with embedded_server(directory) as server:
        assert server.port == 5432
        assert await fetch(
            server,
            "select datname, datlocprovider::text, datlocale, datcollate, pg_encoding_to_char(encoding)"
            " from pg_database order by 1",
        ) == [(name, "b", "C.UTF-8", "C", "UTF8") for name in ("postgres", "template0", "template1")]
        assert await fetch(
            server,
            "select lower('ÉCOLE ŁÓDŹ'), 'École' ilike 'éCOLE', 'É' ~* 'é', to_tsvector('simple', '“ÉCOLE”')::text",
        ) == [("école łódź", True, True, "'école':1")]


async def test_without_a_locale_in_utf8_letters_are_folded_all_the_same(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postmaster, "_CHARACTER_TYPES", ("tlh_KX.UTF-8", "C"))
    with embedded_server(directory / "data") as server:
        assert await fetch(server, "select datctype from pg_database where datname = 'postgres'") == [("C",)]
        assert await fetch(server, "select lower('ÉCOLE'), to_tsvector('simple', 'ÉCOLE')::text") == [
            ("école", "'école':1")
        ]


def test_secrets_of_this_program_do_not_reach_it(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_CONTEXT_KEY", "a-secret-of-this-program")
    with embedded_server(directory):
        pid = (directory / "postgres/postmaster.pid").read_text().split()[0]
        assert b"a-secret-of-this-program" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_the_log_is_cut_at_a_start(directory: Path) -> None:
    log = directory / "postgres/log"
    with embedded_server(directory):
        pass
    with log.open("ab") as file:
        file.write(b"an old line\n" * (3 * LOG_BYTES // 12) + b"the last line before\n")
    with embedded_server(directory):
        assert log.stat().st_size < LOG_BYTES
        assert log.with_name("log.1").stat().st_size == LOG_BYTES
        assert log.with_name("log.1").read_bytes().endswith(b"the last line before\n")
        assert log.with_name("log.1").stat().st_mode & 0o077 == 0
    assert {file.name for file in log.parent.glob("log*")} == {"log", "log.1"}


async def test_the_log_is_cut_while_the_server_writes(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_LOOK_SECONDS", 0.05)
    log = directory / "postgres/log"
    with embedded_server(directory) as server:
        connection = await asyncpg.connect(server.dsn("postgres", "postgres"))
        for number in range(40):
            await connection.execute(f"do $$ begin raise log '{number} %', repeat('x', 100000); end $$")
            await asyncio.sleep(0.02)
        await connection.execute("do $$ begin raise log 'the last one'; end $$")
        await connection.close()
        trim_log(log)
        # A little comes between two looks.
        assert log.stat().st_size <= 2 * LOG_BYTES
        # What is written after a cut stands at the beginning of the file, and not behind a hole.
        assert b"\0" not in log.read_bytes() + log.with_name("log.1").read_bytes()
        assert b"the last one" in log.read_bytes() + log.with_name("log.1").read_bytes()
    assert sum(file.stat().st_size for file in log.parent.glob("log*")) < 4 * LOG_BYTES


def test_nobody_else_can_hold_its_locks(directory: Path) -> None:
    with embedded_server(directory / "data"):
        assert {(directory / "data" / name).stat().st_mode & 0o777 for name in (".lock", ".users")} == {0o600}


async def test_a_schema_of_a_development_version_is_left_alone(directory: Path, tmp_path: Path) -> None:
    """The refusal is one line, for a start and for migrate alike, and says how to get a new demo database."""
    data_dir = directory / "data"
    env = environment(RETAIL_DATA_DIR=str(data_dir), RETAIL_PORT="0")
    ledger = "select file_name, sha256, applied_at from migrations.applied order by 1"
    assert (await run(tmp_path, env, "migrate")).code == 0
    with embedded_server(data_dir) as server:
        # Before there was a release, all files stood in one directory.
        await fetch(server, "update migrations.applied set file_name = md5(file_name)", "retail")
        before = await fetch(server, ledger, "retail")

        refusals = [await run(tmp_path, env, *command) for command in ((), ("migrate",))]

        assert await fetch(server, ledger, "retail") == before
    for refusal in refusals:
        assert (refusal.code, refusal.out, refusal.err.count("\n")) == (2, "", 1)
        assert "RETAIL_DATA_DIR for a new" in refusal.err
