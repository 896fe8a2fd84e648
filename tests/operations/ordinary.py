"""An ordinary PostgreSQL: its programs started by hand, over TCP, with passwords."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.db.embedded import embedded_programs

PASSWORD = "of-the-superuser"
SUPERUSER = "postgres"
_SOMEBODY = "nobody"


@dataclass(frozen=True)
class Ordinary:
    """A PostgreSQL server that is the test's to stop.

    Attributes:
        programs: Directory of its programs.
        data: Its data directory.
        port: Where it listens on the loopback interface.
        options: Settings of its command line.
        environment: Variables of its processes.
    """

    programs: Path
    data: Path
    port: int
    options: Mapping[str, str]
    environment: Mapping[str, str]

    def url(self, database: str = "postgres", login: str = f"{SUPERUSER}:{PASSWORD}") -> str:
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {"port": str(self.port), "unix_socket_directories": "", **self.options}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self.data.parent / "log"
        try:
            self._control("start", f"--options={options}", f"--log={log}")
        except AssertionError as error:
            raise AssertionError(log.read_text()) from error

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `immediate` is a crash, after which it recovers when it is started."""
        self._control("stop", f"--mode={mode}")

    def _control(self, command: str, *arguments: str) -> None:
        run(self.environment, self.programs / "pg_ctl", command, f"--pgdata={self.data}", "--wait", *arguments)


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory in which the server's own user can read; pytest closes all below its own."""
    with tempfile.TemporaryDirectory(prefix="retail-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@contextmanager
def ordinary_server(environment: Mapping[str, str] | None = None, **options: str) -> Iterator[Ordinary]:
    """A new cluster, started; it and its files go at the end.

    Args:
        environment: Variables of its processes.
        options: Settings, as on the command line of `postgres`.
    """
    environment = environment or {}
    with open_directory() as directory:
        programs = _reachable_programs(directory)
        home = directory / "home"
        home.mkdir()
        if os.geteuid() == 0:
            shutil.chown(home, _SOMEBODY)
        password = directory / "password"
        password.write_text(PASSWORD)
        run(
            environment,
            programs / "initdb",
            f"--pgdata={home / 'data'}",
            f"--username={SUPERUSER}",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        server = Ordinary(programs, home / "data", free_port(), options, environment)
        server.start()
        try:
            yield server
        finally:
            if (server.data / "postmaster.pid").exists():
                server.stop("immediate")


def run(environment: Mapping[str, str], *command: str | Path) -> None:
    """Run a program of PostgreSQL's, which refuses to be run by root."""
    done = subprocess.run(
        command,
        user=_SOMEBODY if os.geteuid() == 0 else None,
        stdin=subprocess.DEVNULL,
        # No pipes: a server that it starts would keep them open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C", **environment},
        check=False,
    )
    assert done.returncode == 0, [str(part) for part in command]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _reachable_programs(directory: Path) -> Path:
    """The wheel's programs, copied where they lie below a directory that others may not enter."""
    programs = embedded_programs()
    assert programs is not None
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o005 == 0o005 for parent in programs.parents):
        return programs
    package = programs.parents[1]
    # The programs find their libraries by their place relative to the package.
    for part in (programs.parent, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, directory / part.relative_to(package.parent), symlinks=True)
    return directory / programs.relative_to(package.parent)
