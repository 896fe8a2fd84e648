"""The real program in a process of its own."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from server.cli.app import app
from server.console.running import run as server_command
from tests.support import CONTEXT_KEY, Retailer

ROOT = Path(__file__).parents[2]
SERVER = ("-m", "server")


@dataclass(frozen=True)
class Finished:
    """What a process left behind."""

    code: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    """Only what a process needs to run, and these."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    # Warnings would go to standard error, which tests read.
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "HOME": "/nonexistent", **variables}


def for_server(retailer: Retailer, **variables: str) -> dict[str, str]:
    """Environment of a server on this database."""
    return environment(**(retailer.server_environment | variables))


def for_operator(retailer: Retailer, **variables: str) -> dict[str, str]:
    """Environment of an operator of this database."""
    own = {"RETAIL_ADMIN_DATABASE_URL": retailer.admin_url, "RETAIL_CONTEXT_KEY": CONTEXT_KEY}
    return environment(**(own | variables))


@asynccontextmanager
async def running(directory: Path, env: dict[str, str], *arguments: str) -> AsyncIterator[Process]:
    """The program, killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *SERVER,
        *arguments,
        cwd=directory,
        env=env,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        # The list of tools is one line.
        limit=1_048_576,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        # Reads what is left, so that no pipe stays open.
        await process.communicate()


async def run(directory: Path, env: dict[str, str], *arguments: str, seconds: float = 60) -> Finished:
    """Run a command to its end."""
    async with running(directory, env, *arguments) as process:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
        assert process.returncode is not None
        return Finished(process.returncode, out.decode(), err.decode())


async def run_here(env: dict[str, str], *arguments: str) -> Finished:
    """Run a command as `run` does, in this process: a second faster. Not for serving, and not two at once."""

    def call() -> int:
        try:
            server_command(app, list(arguments))
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, env),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = await asyncio.to_thread(call)
    return Finished(code, out.getvalue(), err.getvalue())
