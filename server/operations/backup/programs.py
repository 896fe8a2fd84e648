"""PostgreSQL's own programs: where they are, and how they are run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from server.db.embedded import embedded_programs
from server.db.operator import SETTING
from server.db.urls import parsed
from server.errors import ConfigurationError

Program = Literal["pg_dump", "pg_restore"]


def find_program(name: Program, directory: Path | None, server_major: int) -> Path:
    """The program of PostgreSQL's client package, at least as new as the server.

    Args:
        name: Which one.
        directory: Where to look instead of PATH and the embedded server's package.
        server_major: Major version of the server.

    Raises:
        ConfigurationError: There is none, or all are older than the server.
    """
    places = [directory] if directory is not None else _places()
    found = {place / name: version for place in places if (version := _major_version(place / name)) is not None}
    for program, version in found.items():
        if version >= server_major:
            return program
    have = ", ".join(f"{program} is of version {version}" for program, version in found.items()) or (
        "none was found" if directory is None else f"there is none in {directory}"
    )
    raise ConfigurationError(
        f"{name} of PostgreSQL {server_major} or newer is needed; {have}. Install PostgreSQL's client programs, or "
        "name their directory in RETAIL_PG_BIN."
    )


def run_on_database(program: Path, arguments: Sequence[str], url: str) -> None:
    """Run a program against a database.

    Args:
        program: Its path.
        arguments: What it gets besides the database.
        url: The database; a password in it goes through the environment, where other users cannot read it.

    Raises:
        ConfigurationError: See `run_program`.
    """
    database = parsed(url, SETTING)
    secret = {"PGPASSWORD": database.password} if database.password else {}
    run_program(program, ["--no-password", f"--dbname={database.bare}", *arguments], secret)


def run_program(program: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end; what it writes to standard output.

    Args:
        program: Its path.
        arguments: What it gets.
        environment: Variables beside those of this process.

    Raises:
        ConfigurationError: It failed; the line in which it tells its error says why.
    """
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL's, and arguments that are ours
        [program, *arguments],
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if line]
        # The statement that failed stands below its error.
        reasons = [line for line in lines if "error:" in line.lower()] or lines or ["it gave no reason"]
        raise ConfigurationError(f"{program.name} failed with exit code {done.returncode}: {reasons[-1]}")
    return done.stdout


def _places() -> list[Path]:
    on_path, embedded = shutil.which("pg_dump"), embedded_programs()
    places = [Path(on_path).parent if on_path else None, embedded]
    return [place for place in places if place is not None]


def _major_version(program: Path) -> int | None:
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\) (\d+)", told)
    return int(version[1]) if version else None
