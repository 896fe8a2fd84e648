"""A PostgreSQL server of this program's own: made, started and stopped with PostgreSQL's own programs.

Everything that it takes from the environment elsewhere is decided here: its locale, who may connect, where its socket
and its log are.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from server.errors import ConfigurationError

SUPERUSER = "postgres"
# Nobody but the operating-system user of this process, under whatever database role, and nobody over the network.
PG_HBA = "# Written by retail-mcp.\nlocal all all peer map=retail\n"
_PG_IDENT = '# Written by retail-mcp.\nretail "{}" all\n'
# Crash recovery reads at most max_wal_size of log, one gigabyte by default.
_START_SECONDS = 120
# After that, what still runs is ended where it stands: some queries cannot be interrupted.
_STOP_SECONDS = 10
_LOOK_SECONDS = 0.05
# Case and order are PostgreSQL's own, the same on every machine. The system's locale only tells the parser of full
# text search which characters are letters: without one in UTF-8 it takes every quotation mark for a letter.
_LOCALE = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
_CHARACTER_TYPES = ("C.UTF-8", "en_US.UTF-8", "C")
# LANG and others that name a locale which the machine lacks, PGPORT and others that would change the server, and the
# secrets of this program.
_NOT_PASSED_ON = ("LC_", "LANG", "PG", "RETAIL_")
# Neither the shell of pg_ctl, nor PostgreSQL's list of socket directories, nor a URL gives these a meaning.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")
# initdb hands its own path to a shell in double quotes.
_SHELL_SPECIAL = re.compile(r'["$`\\\n]')
# Of a Unix socket on macOS, the least of all systems; Linux allows 107.
_LONGEST_SOCKET_PATH = 103
_SOCKET_DIR_PREFIX = "retail-mcp-"
_PORT = 5432


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a running server can be reached.

    Attributes:
        socket_dir: Directory of its Unix socket.
        port: Number in the socket's name.
    """

    socket_dir: Path
    port: int

    @property
    def socket(self) -> Path:
        """The socket itself."""
        return self.socket_dir / f".s.PGSQL.{self.port}"


class Postmaster:
    """The server on one data directory. Whoever calls a method holds the lock of the directory.

    Args:
        programs: Directory of initdb, pg_ctl and postgres.
        version: Major version of these.
        data: The data directory; its parent exists.
        account: Operating-system user that the server runs under; None for the one of this process.

    Attributes:
        log: What the server writes; one that was never started has none.
    """

    def __init__(self, programs: Path, version: int, data: Path, account: pwd.struct_passwd | None = None) -> None:
        self._programs = programs
        self._version = version
        self._data = data
        self._account = account
        self.log = data / "log"

    def ensure_running(self) -> Listening:
        """Join the server that runs, or start it; make its data directory first where there is none.

        Raises:
            ConfigurationError: It does not start.
        """
        if not (self._data / "PG_VERSION").exists():
            self._initialize()
        self._check_version()
        return self._running() or self._start()

    def is_running(self) -> bool:
        """Whether there is a server, even one that is just starting. Needs no lock."""
        state = self._state()
        if state is not None:
            return self._is_postmaster(state.pid)
        # One whose file somebody removed ends itself within a minute; a second one beside it would spoil the data.
        return self._has_process()

    def start_again(self, socket_dir: Path) -> None:
        """Start a server that ended although it is used; never make a new, empty one.

        Args:
            socket_dir: Where its users look for its socket.

        Raises:
            ConfigurationError: It does not start.
            OSError: Its data directory is gone.
        """
        self._check_version()
        if self._running() is None:
            self._start(socket_dir)

    def stop(self) -> None:
        """End the server and all its sessions; nothing that was committed is lost."""
        state = self._state()
        if state is None:
            return
        for mode in ("fast", "immediate"):
            if not self._run("pg_ctl", "stop", "--wait", f"--timeout={_STOP_SECONDS}", f"--mode={mode}"):
                break
        _remove_socket_dir(state.listening.socket_dir)

    def _initialize(self) -> None:
        """Make the data directory in one step: one that is there is complete."""
        unfinished = self._data.with_name(f"{self._data.name}.unfinished")
        for character_type in _CHARACTER_TYPES:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(mode=0o700)
            if self._account is not None:
                os.chown(unfinished, self._account.pw_uid, self._account.pw_gid)
            failure = self._run(
                "initdb",
                f"--username={SUPERUSER}",
                # Until it is restricted below, nobody at all.
                "--auth=reject",
                *_LOCALE,
                f"--lc-ctype={character_type}",
                data=unfinished,
            )
            if "locale" not in failure:
                break
        if failure:
            raise ConfigurationError(f"The embedded PostgreSQL cannot make its database below {self._data}: {failure}")
        unfinished.rename(self._data)

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != str(self._version):
            raise ConfigurationError(
                f"{self._data} holds a database of PostgreSQL {found}, and this installation has {self._version}. Set "
                "RETAIL_DATA_DIR to another directory, or move the database with pg_upgrade."
            )

    def _running(self) -> Listening | None:
        """The server that another process started; None when there is none."""
        deadline = time.monotonic() + _START_SECONDS
        while (state := self._state()) is not None:
            if state.is_ready and _answers(state.listening):
                return state.listening
            if not self._is_postmaster(state.pid):
                return None
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"The embedded PostgreSQL runs (process {state.pid}) but does not answer. See {self.log}, and end "
                    "that process before the next start."
                )
            time.sleep(_LOOK_SECONDS)
        return None

    def _start(self, socket_dir: Path | None = None) -> Listening:
        socket_dir = self._socket_dir(self._clear_after_crash() or socket_dir)
        self._restrict_logins()
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_dir),
            "port": str(_PORT),
            # Where its size is bounded.
            "log_destination": "stderr",
            "logging_collector": "off",
        }
        settings = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in options.items())
        failure = self._run(
            "pg_ctl",
            "start",
            "--wait",
            f"--timeout={_START_SECONDS}",
            f"--log={self.log.name}",
            # pg_ctl would put the directory between double quotes itself, in which a shell still reads `$`.
            f"--options=-D {shlex.quote(str(self._data))} {settings}",
        )
        state = self._state()
        if failure or state is None:
            raise ConfigurationError(f"The embedded PostgreSQL did not start. {self.log} says why; its data is intact.")
        return state.listening

    def _restrict_logins(self) -> None:
        (self._data / "pg_hba.conf").write_text(PG_HBA)
        owner = _account_name(os.geteuid()).replace('"', '""')
        (self._data / "pg_ident.conf").write_text(_PG_IDENT.format(owner))

    def _clear_after_crash(self) -> Path | None:
        """Remove what a server left that ended without a farewell.

        Returns:
            Where its socket was; None when there was no such server.
        """
        state = self._state()
        if state is None:
            return None
        # PostgreSQL believes in a server as soon as any process has the old one's number, which after a restart of the
        # machine or of a container one often has.
        if psutil.pid_exists(state.pid) and not self._has_process():
            for file in (self._data / "postmaster.pid", Path(f"{state.listening.socket}.lock")):
                file.unlink(missing_ok=True)
        return state.listening.socket_dir

    def _socket_dir(self, before: Path | None) -> Path:
        """The data directory, so that everybody who shares it finds the socket; else one with a name that does.

        The one of before where there still is one: somebody may have its name in a URL.
        """
        if _is_usable(self._data):
            return self._data
        if before is not None:
            if self._is_own(before):
                return before
            _remove_socket_dir(before)
        for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - private
            place = Path(parent)
            # A name of eight characters more is made below.
            if not parent or not _is_usable(place / f"{_SOCKET_DIR_PREFIX}12345678"):
                continue
            with suppress(OSError):
                made = Path(tempfile.mkdtemp(prefix=_SOCKET_DIR_PREFIX, dir=place))
                if self._account is None:
                    return made
                os.chown(made, self._account.pw_uid, self._account.pw_gid)
                if all(directory.stat().st_mode & 1 for directory in made.parents):
                    return made
                made.rmdir()
        raise ConfigurationError(
            f"The embedded PostgreSQL finds no directory for its socket: {self._data} has too long a name, or one with "
            "special characters, and neither XDG_RUNTIME_DIR nor /tmp can be used. Set RETAIL_DATA_DIR to a short path."
        )

    def _is_own(self, directory: Path) -> bool:
        """Whether it is one that `_socket_dir` made, and not a stranger's of that name."""
        try:
            found = directory.lstat()
        except OSError:
            return False
        owner = os.geteuid() if self._account is None else self._account.pw_uid
        is_private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        return directory.name.startswith(_SOCKET_DIR_PREFIX) and is_private and found.st_uid == owner

    def _has_process(self) -> bool:
        return any(map(self._is_postmaster, psutil.pids()))

    def _is_postmaster(self, pid: int) -> bool:
        """Whether a process works in this data directory, as PostgreSQL's do."""
        try:
            return Path(psutil.Process(pid).cwd()) == self._data
        except (psutil.Error, OSError):
            return False

    def _state(self) -> _State | None:
        """What the server's own file says; None when there is no such file, or it is just being made or removed."""
        try:
            lines = os.fsdecode((self._data / "postmaster.pid").read_bytes()).splitlines()
            # The directory on the second line may hold any character.
            return _State(int(lines[0]), lines[-1].strip() == "ready", Listening(Path(lines[-4]), int(lines[-5])))
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _run(self, program: str, *arguments: str, data: Path | None = None) -> str:
        """Run a program to its end.

        Returns:
            What it complained of, in one line; empty when it did what it should.
        """
        if _SHELL_SPECIAL.search(str(self._programs)):
            raise ConfigurationError(
                f"PostgreSQL's programs lie in {self._programs}, a name that a shell would misread. Install retail-mcp "
                "below a directory whose name has no quotation mark, $, ` or backslash."
            )
        directory = data or self._data
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
        # A file, as the server would keep a pipe open.
        with tempfile.TemporaryFile() as complaints:
            done = subprocess.run(  # noqa: S603 - programs of the installation
                [self._programs / program, *arguments],
                env={**kept, "PGDATA": str(directory), "LC_ALL": "C"},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                # Ctrl-C is for this process, which ends the server in order.
                start_new_session=True,
                check=False,
                user=self._account and self._account.pw_uid,
                group=self._account and self._account.pw_gid,
                extra_groups=self._account and [],
            )
            complaints.seek(0)
            said = complaints.read().decode(errors="replace")
        return "" if done.returncode == 0 else " ".join(said.split()) or f"{program} failed"


@dataclass(frozen=True, slots=True)
class _State:
    pid: int
    is_ready: bool
    listening: Listening


def _answers(listening: Listening) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_STOP_SECONDS)
        try:
            probe.connect(str(listening.socket))
        except OSError:
            return False
        return True


def _is_usable(socket_dir: Path) -> bool:
    path = str(socket_dir)
    return bool(_PLAIN_PATH.fullmatch(path)) and len(f"{path}/.s.PGSQL.{_PORT}") <= _LONGEST_SOCKET_PATH


def _remove_socket_dir(directory: Path) -> None:
    """Remove one that was made for the socket alone."""
    if directory.name.startswith(_SOCKET_DIR_PREFIX):
        shutil.rmtree(directory, ignore_errors=True)


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise ConfigurationError(
            f"The embedded PostgreSQL needs a user that the system knows by name, and number {uid} has none. Run as "
            "another user, or set RETAIL_DATABASE_URL to a database of yours."
        ) from None
