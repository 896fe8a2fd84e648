"""The embedded server lives as long as somebody uses it, however its users end, and is taken over after a kill."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp import MCPError

from server.db.embedded import embedded_server, postmaster
from tests.embedded.processes import ended, postmasters_of, user_of
from tests.transport.processes import SERVER, environment, running
from tests.transport.shop import eventually
from tests.transport.test_stopping import DEMO_SECONDS, HELLO, address, stop

# The look at it comes every five seconds, and crash recovery is quick here.
AGAIN_SECONDS = 60
CATCHABLE = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "XCPU")


async def test_no_signal_that_can_be_caught_leaves_it_running(directory: Path) -> None:
    for name in CATCHABLE:
        async with user_of(directory) as process:
            assert len(postmasters_of(directory)) == 1
            process.send_signal(signal.Signals[f"SIG{name}"])
            assert await ended(process) != 0, name
        assert postmasters_of(directory) == [], name


async def test_a_signal_while_it_starts_leaves_nothing(directory: Path) -> None:
    """Sent at many moments of making and starting it, one after the other in the same directory."""
    for milliseconds in range(300, 2100, 300):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import pathlib, sys\nfrom server.db.embedded import embedded_server\n"
            "with embedded_server(pathlib.Path(sys.argv[1])): sys.stdin.read()",
            str(directory),
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
        )
        await asyncio.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGTERM)
        await ended(process)
        assert postmasters_of(directory) == []
    with embedded_server(directory):
        assert len(postmasters_of(directory)) == 1


async def test_a_second_signal_does_not_hinder_the_first(directory: Path) -> None:
    async with user_of(directory) as process:
        for _ in range(20):
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.01)
            if process.returncode is not None:
                break
        await ended(process)
    assert postmasters_of(directory) == []


async def test_the_last_of_several_stops_it(directory: Path) -> None:
    async with user_of(directory) as first, user_of(directory) as second, user_of(directory) as third:
        (postmaster,) = postmasters_of(directory)
        for process, how in ((first, signal.SIGHUP), (second, signal.SIGKILL)):
            process.send_signal(how)
            await ended(process)
            assert postmasters_of(directory) == [postmaster]
        third.send_signal(signal.SIGTERM)
        await ended(third)
        assert postmasters_of(directory) == []


async def test_after_a_kill_the_next_one_takes_it_over(directory: Path) -> None:
    async with user_of(directory) as first, user_of(directory) as second:
        (postmaster,) = postmasters_of(directory)
        first.kill()
        second.kill()
        await asyncio.gather(ended(first), ended(second))
    assert postmasters_of(directory) == [postmaster]
    with embedded_server(directory) as server:
        assert postmasters_of(directory) == [postmaster]
        connection = await asyncpg.connect(server.dsn("postgres", "postgres"))
        await connection.close()
    assert postmasters_of(directory) == []


async def test_several_that_start_at_once_share_one(directory: Path) -> None:
    async def use() -> None:
        async with user_of(directory) as process:
            assert len(postmasters_of(directory)) == 1
            assert process.stdin
            process.stdin.close()
            assert await ended(process) == 0

    await asyncio.gather(*(use() for _ in range(4)))
    assert postmasters_of(directory) == []


async def test_a_session_that_cannot_be_interrupted_does_not_keep_it_running(directory: Path) -> None:
    """Postgres asks its sessions to end, waits, and then ends them."""
    with embedded_server(directory) as server:
        connection = await asyncpg.connect(server.dsn("postgres", "postgres"))
        backend = psutil.Process(connection.get_server_pid())
        backend.suspend()
        began = time.monotonic()
    assert time.monotonic() - began < 60
    assert postmasters_of(directory) == []
    connection.terminate()


async def test_after_a_crash_of_postgres_it_starts_again(directory: Path) -> None:
    with embedded_server(directory):
        for pid in postmasters_of(directory):
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            for process in family:
                process.kill()
            psutil.wait_procs(family)
    with embedded_server(directory):
        assert len(postmasters_of(directory)) == 1


@pytest.mark.parametrize("name", ["plain", "with a blank"])
async def test_one_that_is_killed_under_its_users_is_started_again_where_they_look_for_it(
    directory: Path, name: str
) -> None:
    data_dir = directory / name

    async def is_another() -> bool:
        return postmasters_of(data_dir) not in ([], before)

    async def answers() -> bool:
        try:
            connection = await asyncpg.connect(url)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async with user_of(data_dir) as first, user_of(data_dir) as second:
        with embedded_server(data_dir) as server:
            url = server.dsn("postgres", "postgres")
        before = postmasters_of(data_dir)
        os.kill(before[0], signal.SIGKILL)
        await eventually(is_another, AGAIN_SECONDS)
        await eventually(answers, AGAIN_SECONDS)
        assert len(postmasters_of(data_dir)) == 1
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
            await ended(process)
    assert postmasters_of(data_dir) == []


async def test_one_that_gave_up_is_started_again(directory: Path) -> None:
    """As after a disk that was full: it leaves no file that names it."""

    async def is_another() -> bool:
        return postmasters_of(directory) not in ([], before)

    async with user_of(directory) as process:
        before = postmasters_of(directory)
        os.kill(before[0], signal.SIGINT)
        await eventually(is_another, AGAIN_SECONDS)
        process.send_signal(signal.SIGTERM)
        await ended(process)
    assert postmasters_of(directory) == []


async def test_callers_are_served_again_after_a_kill_of_postgres(directory: Path, tmp_path: Path) -> None:
    env = environment(RETAIL_DATA_DIR=str(directory / "data"), RETAIL_PORT="0")
    async with running(tmp_path, env) as process:
        url = await address(process, DEMO_SECONDS)
        tokens = json.loads((directory / "data/demo-tokens.json").read_text())
        (killed,) = postmasters_of(directory / "data")
        async with Client(f"{url}/mcp", auth=tokens[0]["token"]) as client:

            async def answers() -> bool:
                try:
                    await client.call_tool("list_categories", {})
                except (MCPError, ToolError) as error:
                    assert "not reachable right now" in str(error)
                    return False
                return True

            assert await answers()
            os.kill(killed, signal.SIGKILL)
            await eventually(answers, AGAIN_SECONDS)
        assert postmasters_of(directory / "data") != [killed]
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0
    assert postmasters_of(directory / "data") == []


def test_no_second_one_is_started_and_no_empty_one_is_made(directory: Path) -> None:
    with embedded_server(directory):
        file = directory / "postgres/postmaster.pid"
        aside = file.rename(file.with_name("aside"))
        assert postmaster(directory).is_running()
        aside.rename(file)
    (directory / "postgres/PG_VERSION").unlink()
    assert not postmaster(directory).is_running()
    with pytest.raises(FileNotFoundError):
        postmaster(directory).start_again(directory)


@pytest.mark.parametrize("name", ["plain", "with a blank"])
def test_a_number_that_another_process_has_now_is_no_server(directory: Path, name: str) -> None:
    """As after a restart of the machine or of a container, where numbers begin anew."""
    directory = directory / name
    with embedded_server(directory) as server:
        socket_dir = server.socket_dir
        lock = socket_dir / ".s.PGSQL.5432.lock"
        file = directory / "postgres/postmaster.pid"
        left = {file: file.read_text(), lock: lock.read_text()}
    owner = (directory / "postgres").stat().st_uid
    stranger = subprocess.Popen(["sleep", "300"], user=owner if os.geteuid() == 0 else None)
    try:
        if not socket_dir.exists():
            socket_dir.mkdir(mode=0o700)
            shutil.chown(socket_dir, owner)
        for path, text in left.items():
            path.write_text(text.replace(text.split()[0], str(stranger.pid), 1))
            shutil.chown(path, owner)
        with embedded_server(directory):
            assert len(postmasters_of(directory)) == 1
    finally:
        stranger.kill()
        stranger.wait()


async def test_sighup_stops_several_workers_and_a_stdio_server_cleanly(directory: Path, tmp_path: Path) -> None:
    env = environment(RETAIL_DATA_DIR=str(directory / "data"), RETAIL_PORT="0", RETAIL_WORKERS="2")
    async with running(tmp_path, env) as process:
        await address(process, DEMO_SECONDS)
        tokens = json.loads((directory / "data/demo-tokens.json").read_text())
        assert await stop(process, signal.SIGHUP) == 0
    assert postmasters_of(directory / "data") == []

    async with running(tmp_path, {**env, "RETAIL_TOKEN": tokens[0]["token"]}, "stdio") as process:
        assert process.stdin and process.stdout
        process.stdin.write(HELLO)
        await asyncio.wait_for(process.stdout.readline(), DEMO_SECONDS)
        process.send_signal(signal.SIGHUP)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert postmasters_of(directory / "data") == []


async def test_sighup_while_the_demo_is_made_leaves_nothing(directory: Path, tmp_path: Path) -> None:
    env = environment(RETAIL_DATA_DIR=str(directory / "data"), RETAIL_PORT="0")

    async def is_keyed() -> bool:
        return (directory / "data/context.key").exists()

    async with running(tmp_path, env) as process:
        await eventually(is_keyed, DEMO_SECONDS)
        await asyncio.sleep(0.5)
        assert postmasters_of(directory / "data")
        process.send_signal(signal.SIGHUP)
        await ended(process)
    assert postmasters_of(directory / "data") == []


async def test_nohup_is_respected(directory: Path, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *("nohup", sys.executable, *SERVER),
        cwd=tmp_path,
        env=environment(RETAIL_DATA_DIR=str(directory / "data"), RETAIL_PORT="0"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await address(process, DEMO_SECONDS)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.wait(), 1)
        assert await stop(process, signal.SIGTERM) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert postmasters_of(directory / "data") == []
