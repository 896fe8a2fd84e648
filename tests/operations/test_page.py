"""docs/operations.md is followed word for word, on an ordinary PostgreSQL, so that it cannot go stale."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from server.db.migrate import schema_files
from tests.operations.ordinary import PASSWORD, SUPERUSER, Ordinary, free_port, ordinary_server
from tests.transport.processes import ROOT, environment
from tests.transport.shop import eventually
from tests.upgrade.next_release import APPLIED, next_source

# Two dozen processes start one after the other: on a busy machine that takes its time.
pytestmark = [pytest.mark.operations, pytest.mark.timeout(700)]

PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STAYS_BY_HAND = {"bash", ""}
SECTIONS = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##+ |\Z)", PAGE, re.MULTILINE | re.DOTALL))
OPERATOR = "A shell for the operator"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def blocks(section: str, language: str = "sh") -> list[str]:
    return [text for found, text in FENCE.findall(SECTIONS[section]) if found == language]


@dataclass(frozen=True)
class Machine:
    """Where the page is followed: its places are below a directory of the test's own."""

    directory: Path
    database: Ordinary
    port: int

    def here(self, text: str) -> str:
        """The page's text with this machine's places."""
        for place, own in {
            "/opt/retail-mcp/.venv/bin/python": sys.executable,
            "/opt/retail-mcp/.venv/bin": str(Path(sys.executable).parent),
            "/etc/retail-mcp": f"{self.directory}/etc",
            "/var/backups/retail": f"{self.directory}/backups",
            "8000": str(self.port),
        }.items():
            text = text.replace(place, own)
        return text

    @property
    def environment(self) -> dict[str, str]:
        """What the page has you export first, and the programs of the wheel."""
        return environment(
            PATH=f"{Path(sys.executable).parent}:{self.database.programs}:{os.environ['PATH']}",
            PGHOST="127.0.0.1",
            PGPORT=str(self.database.port),
            PGUSER=SUPERUSER,
            PGPASSWORD=PASSWORD,
        )

    async def follow(self, *sections: str, database: Ordinary | None = None) -> str:
        """Run the blocks of sections as `run` does."""
        return await self.run(*(block for section in sections for block in blocks(section)), database=database)

    async def run(self, *commands: str, database: Ordinary | None = None, source: Path = ROOT) -> str:
        """Run commands in one shell that stops at the first failure, as an operator would.

        Args:
            commands: As the page has them.
            database: Another PostgreSQL than the first one.
            source: The code, of another release.
        """
        script = "\n".join(commands)
        env = self.environment | {"PYTHONPATH": f"{source}:{ROOT}"}
        if database is not None:
            env["PGPORT"] = str(database.port)
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            self.here(script),
            cwd=self.directory,
            env=env,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 600)
        finally:
            if process.returncode is None:
                # With the command that it waits for.
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        assert process.returncode == 0, f"{script}\n{out.decode()}\n{err.decode()}"
        return out.decode()

    @asynccontextmanager
    async def service(self, source: Path = ROOT) -> AsyncIterator[None]:
        """What systemd would do with the page's unit."""
        (unit,) = blocks("The server as a service", "ini")
        keys = dict(line.split("=", 1) for line in self.here(unit).splitlines() if "=" in line and line[0] != "#")
        own = dict(line.split("=", 1) for line in _lines(Path(keys["EnvironmentFile"])))
        process = await asyncio.create_subprocess_exec(
            *keys["ExecStart"].split(),
            cwd=keys["WorkingDirectory"],
            env=environment(**own, PYTHONPATH=f"{source}:{ROOT}"),
            stdout=DEVNULL,
            stderr=PIPE,
        )
        try:
            await eventually(self.is_ready, 60)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            _, err = await asyncio.wait_for(process.communicate(), int(keys["TimeoutStopSec"]))
        assert process.returncode == 0, err.decode()

    async def is_ready(self) -> bool:
        """Whether the server says so."""
        async with httpx2.AsyncClient(timeout=30) as http:
            try:
                return (await http.get(f"http://127.0.0.1:{self.port}/ready")).status_code == 200
            except httpx2.TransportError:
                return False


@contextmanager
def bare_machine() -> Iterator[Machine]:
    with ordinary_server() as database, tempfile.TemporaryDirectory(prefix="retail-test-") as directory:
        yield Machine(Path(directory), database, free_port())


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """One for the life of an installation: the tests below are its years, in this order."""
    with bare_machine() as machine:
        yield machine


def test_every_block_is_run_or_says_that_it_is_not() -> None:
    languages = {language for language, _ in FENCE.findall(PAGE)}
    assert languages <= {"sh", "ini"} | STAYS_BY_HAND
    followed = {
        *("The database", "Two files of settings", OPERATOR, "Schema, key, passwords", "The first store"),
        *("The first token", "The server as a service", "2. Daily operation", "3. Upgrade", "4. Going back"),
        *("5. When the machine is lost", "Without a superuser"),
    }
    assert {section for section in SECTIONS if blocks(section)} == followed


async def test_installation(machine: Machine) -> None:
    await machine.follow("The database", "Two files of settings")
    assert {path.stat().st_mode & 0o077 for path in (machine.directory / "etc").iterdir()} == {0}
    assert f"applied {schema_files()[-1].name}" in await machine.follow(OPERATOR, "Schema, key, passwords")
    await machine.follow(OPERATOR, "The first store")
    assert "LAMP-1" in await machine.follow(OPERATOR, "The first token")


async def test_daily_operation(machine: Machine) -> None:
    async with machine.service():
        assert '"status":"ready"' in await machine.follow(OPERATOR, "The server as a service")
        assert "tables vacuumed and analysed" in await machine.follow(OPERATOR, "2. Daily operation")


async def test_upgrade(machine: Machine, tmp_path: Path) -> None:
    upcoming = next_source(tmp_path)
    before, after = blocks("3. Upgrade")
    async with machine.service():
        await machine.run(*blocks(OPERATOR), before)
        # What stands between the two, by hand, puts the next release in place.
        told = await machine.run(*blocks(OPERATOR), after, source=upcoming)
        assert [f"applied {file.name}" for file in APPLIED] == [line for line in told.splitlines() if "applied" in line]
        assert await machine.is_ready()
    async with machine.service(upcoming):
        pass


async def test_going_back(machine: Machine) -> None:
    """To the release before, which would refuse the schema of the next one."""
    assert "Our Seattle store" in await machine.follow(OPERATOR, "4. Going back")
    async with machine.service():
        pass


async def test_the_machine_is_lost(machine: Machine) -> None:
    with ordinary_server() as other:
        for file in ("server.env", "operator.env"):
            path = machine.directory / "etc" / file
            settings = path.read_text(encoding="utf-8").replace("/retail_before", "/retail")
            path.write_text(settings.replace(f":{machine.database.port}/", f":{other.port}/"), encoding="utf-8")
        await machine.follow("5. When the machine is lost", database=other)
        assert "LAMP-1" in await machine.follow(OPERATOR, "The first token", database=other)
        async with machine.service():
            pass


async def test_what_needs_no_superuser_needs_none() -> None:
    with bare_machine() as machine:
        await machine.follow("Without a superuser", "Two files of settings")
        for file in ("server.env", "operator.env"):
            path = machine.directory / "etc" / file
            settings = path.read_text(encoding="utf-8").replace("/retail\n", "/retail_managed\n")
            path.write_text(settings.replace(f"{SUPERUSER}:{PASSWORD}@", "retail_admin:choose-one@"), encoding="utf-8")
        await machine.follow(OPERATOR, "Schema, key, passwords", "The first store")
        assert "LAMP-1" in await machine.follow(OPERATOR, "The first token")
        maintained = await machine.run(*blocks(OPERATOR), "retail-mcp maintain")
        assert "tables vacuumed and analysed" in maintained
        async with machine.service():
            assert '"status":"ready"' in await machine.follow(OPERATOR, "The server as a service")


def test_places_of_the_page_are_told_apart() -> None:
    """A page that wrote somewhere else would write on the machine that runs the tests."""
    written = re.findall(
        r"(?<![\w.#:])/(?:etc|var|opt|tmp)/[\w./-]*",
        "".join(block for section in SECTIONS for block in blocks(section)),
    )
    assert written
    known = ("/etc/retail-mcp", "/var/backups/retail", "/opt/retail-mcp/.venv/bin")
    assert [place for place in written if not place.startswith(known)] == []
