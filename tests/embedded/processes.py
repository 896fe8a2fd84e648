"""Processes that use one embedded server, and what is left of it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from tests.transport.processes import ROOT, environment

# Says that it has the server, and leaves when its input ends.
_USER = """
import pathlib, sys
from server.db.embedded import embedded_server
with embedded_server(pathlib.Path(sys.argv[1])) as server:
    print(server.socket_dir, flush=True)
    sys.stdin.read()
"""
START_SECONDS = 120
END_SECONDS = 30


@asynccontextmanager
async def user_of(data_dir: Path, *, through: tuple[str, ...] = (), **variables: str) -> AsyncIterator[Process]:
    """A process that uses the server below a directory; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(*through, sys.executable, "-c", _USER, str(data_dir)),
        cwd=ROOT,
        env=environment(**variables),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        assert process.stdout and process.stderr
        started = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        assert started, (await process.stderr.read()).decode()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: Process) -> int:
    """Its exit code, waited for."""
    await asyncio.wait_for(process.communicate(), END_SECONDS)
    assert process.returncode is not None
    return process.returncode


def postmasters_of(data_dir: Path) -> list[int]:
    """Processes of PostgreSQL that work below a directory and whose parents do not."""
    found = []
    for process in psutil.process_iter(["pid", "name"]):
        try:
            parent = process.parent()
            if _works_below(process, data_dir) and not (parent and _works_below(parent, data_dir)):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def _works_below(process: psutil.Process, data_dir: Path) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()) == data_dir / "postgres"
    except psutil.Error:
        return False
