"""The embedded server works in a directory of any name, and what it says when it does not start is true."""

from __future__ import annotations

import stat
from pathlib import Path

import asyncpg
import pytest

from server.db.embedded import EmbeddedServer, embedded_server
from server.errors import ConfigurationError

NAMES = {
    "plain": "data",
    "blank": "Application Support",
    "single quote": "o'neill",
    "double quote": 'a "b"',
    "dollar": "a$HOME",
    "backquote": "a`id`",
    "backslash": r"a\b",
    "percent": "100%20",
    "comma": "a,b",
    "no ascii": "Dåta ÿ",
    "begins with a hyphen": "-D",
    "longer than a socket's path": "x" * 150,
}


async def answer(server: EmbeddedServer) -> int:
    connection = await asyncpg.connect(server.dsn("postgres", "postgres"))
    try:
        return await connection.fetchval("select 42")
    finally:
        await connection.close()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_it_serves_below_a_directory_of_any_name(directory: Path, name: str) -> None:
    for _ in range(2):
        with embedded_server(directory / name) as server:
            sockets = server.socket_dir
            assert await answer(server) == 42
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
            with embedded_server(directory / name) as again:
                assert again == server
            assert await answer(server) == 42
    assert not (directory / name / "postgres/postmaster.pid").exists()
    assert sockets == directory / name / "postgres" or not sockets.exists()


async def test_an_unusable_directory_for_temporary_files_is_passed_by(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("run time", "tmp" * 40):
        (directory / place).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory / "run time"))
    monkeypatch.setattr("tempfile.tempdir", str(directory / ("tmp" * 40)))
    with embedded_server(directory / "a b") as server:
        assert await answer(server) == 42
        assert server.socket_dir.parent == Path("/tmp")


def refusal(data_dir: Path) -> str:
    with pytest.raises(ConfigurationError) as refused, embedded_server(data_dir):
        pass
    return str(refused.value)


def test_a_server_that_does_not_start_is_told_with_its_log_and_no_advice_to_delete(directory: Path) -> None:
    with embedded_server(directory / "data"):
        pass
    (directory / "data/postgres/postgresql.conf").write_text("nonsense = on\n")
    message = refusal(directory / "data")
    log = directory / "data/postgres/log"
    assert f"{log} says why" in message
    assert "nonsense" in log.read_text()
    assert "delete" not in message
    assert (directory / "data/postgres/PG_VERSION").exists()


def test_a_database_that_cannot_be_made_is_told_with_the_reason_and_no_log(directory: Path) -> None:
    (directory / "data/postgres").mkdir(parents=True)
    (directory / "data/postgres/mine.txt").touch()
    message = refusal(directory / "data")
    assert "not empty" in message
    assert "RETAIL_DATA_DIR" in message
    assert "log" not in message and "delete" not in message
    assert (directory / "data/postgres/mine.txt").exists()


def test_a_database_of_another_version_is_named(directory: Path) -> None:
    (directory / "data/postgres").mkdir(parents=True)
    (directory / "data/postgres/PG_VERSION").write_text("9.6\n")
    message = refusal(directory / "data")
    assert "holds a database of PostgreSQL 9.6" in message
    assert "delete" not in message


def test_what_an_interrupted_start_left_is_made_anew(directory: Path) -> None:
    (directory / "data/postgres.unfinished").mkdir(parents=True)
    (directory / "data/postgres.unfinished/PG_VERSION").write_text("18\n")
    with embedded_server(directory / "data"):
        pass
    assert not (directory / "data/postgres.unfinished").exists()
