"""PostgreSQL of another Debian than this machine's: its programs run below that Debian's root directory.

`scripts/make_postgresql_root.sh` makes the directory. Nothing of it is installed here: every process has a mount
namespace of its own, which ends with it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.db.embedded import embedded_programs

POSTGRESQL_ROOT = "RETAIL_TEST_POSTGRESQL_ROOT"
_USER = "nobody"
# A process sees this machine's devices, memory, processes and temporary files at their own places, the packages of
# this Python in /opt, and else the other Debian.
_PACKAGES = Path("/opt")
_ENTER = r"""
set -eu
root=$1 packages=$2 temporary=$3 user=$4
shift 4
mkdir -p "$root$temporary"
mount --bind "$temporary" "$root$temporary"
mount --bind "$packages" "$root/opt"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
exec chroot --userspec="$user" "$root" env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 TZ=UTC PGPASSWORD="${PGPASSWORD-}" \
  sh -c 'cd "$0" 2>/dev/null; exec "$@"' "$PWD" "$@"
"""
_PROGRAM = """#!/bin/sh
exec {} "$@"
"""


@dataclass(frozen=True)
class DebianPostgres:
    """PostgreSQL 17 below a root directory.

    Attributes:
        root: That directory.
    """

    root: Path

    @property
    def programs(self) -> Path:
        """Where its processes see the programs of PostgreSQL 17."""
        directory = self.root / "usr/lib/postgresql/17/bin"
        return Path("/") / directory.relative_to(self.root)

    @property
    def wheel_programs(self) -> Path:
        """Where its processes see the programs of the embedded server, which are of a newer major version."""
        programs = embedded_programs()
        assert programs is not None
        return _PACKAGES / programs.relative_to(_site_packages())

    def command(self, *command: str | Path, user: str = _USER) -> list[str]:
        """The command that runs another one there."""
        enter = ["unshare", "--mount", "sh", "-c", _ENTER, "sh", self.root, _site_packages(), tempfile.gettempdir()]
        return list(map(str, (*enter, user, *command)))

    def run(self, *command: str | Path, directory: Path = Path("/")) -> str:
        """Run a program to its end in a directory; what it prints."""
        done = subprocess.run(
            self.command(*command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def client_programs(self, directory: Path) -> Path:
        """Put its pg_dump and pg_restore into a directory, to be run from this machine; returns the directory."""
        for name in ("pg_dump", "pg_restore"):
            program = directory / name
            program.write_text(_PROGRAM.format(shlex.join(self.command(self.programs / name, user="root"))))
            program.chmod(0o755)
        return directory

    def make_cluster(self, data: Path, programs: Path, *options: str) -> None:
        """Make a data directory, into whose server this user logs in without a password."""
        self.run(
            programs / "initdb",
            f"--pgdata={data}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            "--no-sync",
            *options,
        )

    @contextmanager
    def running(self, data: Path, programs: Path, **settings: str) -> Iterator[str]:
        """Run a server on a data directory, which holds its socket; yields its superuser's URL."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(data), **settings}
        options = " ".join(f"-c {setting}='{value}'" for setting, value in settings.items())
        control = [programs / "pg_ctl", f"--pgdata={data}", "--wait"]
        log = data.with_suffix(".log")
        try:
            self.run(*control, "start", f"--options={options}", f"--log={log}")
        except AssertionError as error:
            raise AssertionError(log.read_text()) from error
        try:
            yield f"postgresql://postgres@/postgres?host={data}&port=5432"
        finally:
            self.run(*control, "stop", "--mode=fast")


def debian_postgres() -> DebianPostgres | None:
    """The one of RETAIL_TEST_POSTGRESQL_ROOT; None where no directory is named."""
    root = os.environ.get(POSTGRESQL_ROOT)
    return None if root is None else DebianPostgres(Path(root).resolve(strict=True))


@contextmanager
def open_workplace(parent: str | None = None) -> Iterator[Path]:
    """A directory for clusters, which the user that runs them owns.

    Args:
        parent: Where to make it: in memory, or else among the temporary files.
    """
    directory = Path(tempfile.mkdtemp(prefix="retail-test-", dir=parent))
    shutil.chown(directory, _USER)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _site_packages() -> Path:
    programs = embedded_programs()
    assert programs is not None
    return programs.parents[2]
