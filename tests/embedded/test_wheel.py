"""The programs of the wheel, where another account is to run them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from server.compat import pgserver
from server.db.embedded import embedded_server

NOBODY = 65534


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def programs() -> pgserver.Programs:
    found = pgserver.installed_programs()
    assert found is not None
    return found


def libraries(program: Path) -> Sequence[Path]:
    """Where a program's libraries are loaded from."""
    told = run("ldd", program)
    assert "not found" not in told
    return [Path(line.split("=>")[1].split()[0]).resolve() for line in told.splitlines() if "=>" in line]


def test_the_newest_is_the_one() -> None:
    found = programs()
    assert f"(PostgreSQL) {found.version}." in run(found.directory / "postgres", "--version")


def test_a_copy_has_its_own_libraries(tmp_path: Path) -> None:
    """They are found by their place, so that one in a directory that only root may enter is not asked for."""
    original = programs().directory
    copy = pgserver.copied_to(tmp_path, original)
    assert copy.is_relative_to(tmp_path)
    assert run(copy / "postgres", "--version") == run(original / "postgres", "--version")
    bundled = original.parents[2]
    for program in ("psql", "pg_dump"):
        assert any(path.is_relative_to(bundled) for path in libraries(original / program))
        loaded = libraries(copy / program)
        assert any(path.is_relative_to(tmp_path) for path in loaded)
        assert not any(path.is_relative_to(bundled) for path in loaded)


def test_a_copy_is_made_once(tmp_path: Path) -> None:
    copy = pgserver.copied_to(tmp_path, programs().directory)
    (copy / "psql").write_text("kept")
    assert pgserver.copied_to(tmp_path, programs().directory) == copy
    assert (copy / "psql").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a moment")
def test_others_may_run_them(directory: Path) -> None:
    copy = pgserver.copied_to(directory, programs().directory)
    copy.chmod(0o700)
    (copy.parent / "lib").chmod(0o700)
    (copy / "postgres").chmod(0o700)
    pgserver.let_others_run(copy)
    assert "(PostgreSQL)" in run(copy / "postgres", "--version", user=NOBODY)
    assert (copy.parent / "lib").stat().st_mode & stat.S_IROTH


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server under another account")
def test_root_runs_the_server_as_the_account_of_the_wheel(directory: Path) -> None:
    account = pgserver.ensure_account("pgserver")
    with embedded_server(directory):
        pid = (directory / "postgres/postmaster.pid").read_text().split()[0]
        assert Path(f"/proc/{pid}").stat().st_uid == account.pw_uid
