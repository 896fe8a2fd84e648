"""PgBouncer in transaction mode before the cluster of a run: the way that mcp_user takes with --pgbouncer."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

from tests.cluster import LOGINS, Cluster

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""Debian puts it where ordinary users do not look."""

_PORTS: set[int] = set()
_START_SECONDS = 30
# Few sessions for many connections, so that they change hands all the time.
_CONFIGURATION = """\
[databases]
* = {database}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = {auth}
auth_file = {users}
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 400
server_idle_timeout = 5
ignore_startup_parameters = {ignored}
"""


@dataclass(frozen=True)
class PooledCluster(Cluster):
    """A cluster whose databases mcp_user reaches through a pooler.

    Attributes:
        port: Where that listens.
    """

    port: int = 0

    def app_url(self, database: str) -> str:
        """URL of a database for mcp_user."""
        parts = urlsplit(super().app_url(database))
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{self.port}", query=""))


@contextmanager
def pooled(cluster: Cluster, *, sessions: int = 4, ignored: str = "extra_float_digits") -> Iterator[PooledCluster]:
    """Put PgBouncer before a cluster.

    Args:
        cluster: What it leads to.
        sessions: Most sessions of a database that it opens.
        ignored: Settings of a session that it takes and forgets; others it refuses.
    """
    assert PROGRAM is not None
    directory = Path(tempfile.mkdtemp(prefix="retail-pgbouncer-"))
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        users = "".join(f'"{login}" "{cluster.password or ""}"\n' for login in LOGINS)
        (directory / "users").write_text(users)
        (directory / "ini").write_text(
            _CONFIGURATION.format(
                database=_database(cluster),
                port=port,
                auth="trust" if cluster.password is None else "plain",
                users=directory / "users",
                sessions=sessions,
                ignored=ignored,
            )
        )
        user = _run_as(cluster)
        if os.geteuid() == 0:
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, user)
        if cluster.password is None:
            _let_in(cluster, user)
        command = [PROGRAM, *(("-u", user) if os.geteuid() == 0 else ()), str(directory / "ini")]
        with _kept_running(command, directory / "log"):
            _wait_for(port, directory / "log")
            _PORTS.add(port)
            try:
                yield PooledCluster(cluster.url, cluster.password, port)
            finally:
                _PORTS.discard(port)
    finally:
        shutil.rmtree(directory)


@contextmanager
def _kept_running(command: list[str], log: Path) -> Iterator[None]:
    """Run a program, and again whenever it ends, as a service manager does.

    PgBouncer 1.18 ends itself at times when many queries are cancelled at once ("why waiting client in client_proto").
    """
    stopping = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        while not stopping.is_set():
            with log.open("ab") as output:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            running[:] = [process]
            process.wait()
            stopping.wait(0.05)

    keeper = threading.Thread(target=run)
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        while keeper.is_alive():
            for process in running:
                process.kill()
            keeper.join(0.1)


def is_pooled(url: str) -> bool:
    """Whether a URL leads through a PgBouncer of this run."""
    parts = urlsplit(url)
    return parts.hostname == "127.0.0.1" and parts.port in _PORTS


def _let_in(cluster: Cluster, user: str) -> None:
    """Let PgBouncer's operating-system user log in as the server does, on the embedded database."""
    data = _data(cluster)
    with (data / "pg_ident.conf").open("a") as file:
        file.writelines(f"retail {user} {login}\n" for login in LOGINS)
    os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGHUP)


def _run_as(cluster: Cluster) -> str:
    """The user that it runs under: not root, and one that reaches the socket of the embedded server."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    return "nobody" if cluster.password is not None else _data(cluster).owner()


def _data(cluster: Cluster) -> Path:
    """Directory of the embedded server."""
    return Path(parse_qs(urlsplit(cluster.url).query)["host"][0])


def _database(cluster: Cluster) -> str:
    """Where the cluster is, as PgBouncer wants to be told."""
    parts = urlsplit(cluster.url)
    query = parse_qs(parts.query)
    host, port = query.get("host", [parts.hostname])[0], query.get("port", [parts.port or 5432])[0]
    return f"host={host} port={port}"


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
