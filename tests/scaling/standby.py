"""A primary of the test's own and a hot standby that follows it, from the embedded server's programs."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from server.db.embedded import embedded_server
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.operations.admin.keys import install_key
from server.operations.databases import Connections
from tests.cluster import Cluster
from tests.security.crashes import data_directory
from tests.sql.acting import TwoStores, retailer_on, two_filled_stores
from tests.support import CONTEXT_KEY, Retailer
from tests.transport.shop import eventually

SECONDS = 200
_PORT = 5432


@dataclass(frozen=True)
class Followed:
    """Two stores on a primary, and the standby.

    Attributes:
        world: The primary.
        standby: URL of the standby for mcp_user.
        standby_admin: The same for a superuser.
    """

    world: TwoStores
    standby: str
    standby_admin: str
    _program: _Program

    @property
    def retailer(self) -> ReplicatedRetailer:
        """The primary, whose server reads from the standby."""
        return ReplicatedRetailer(self.world.retailer.admin_url, self.world.retailer.app_url, self.standby)

    async def caught_up(self) -> None:
        """Wait until the standby has everything that the primary has now."""
        position = await self.world.retailer.value("select pg_current_wal_lsn()::text")
        async with admin_connection(self.standby_admin) as connection:

            async def there() -> bool:
                return bool(await connection.fetchval("select pg_last_wal_replay_lsn() >= $1::text::pg_lsn", position))

            await eventually(there, SECONDS)

    async def pause(self) -> None:
        """Let the standby stay where it is."""
        async with admin_connection(self.standby_admin) as connection:
            await connection.execute("select pg_wal_replay_pause()")

            async def paused() -> bool:
                return await connection.fetchval("select pg_get_wal_replay_pause_state()") == "paused"

            await eventually(paused, SECONDS)

    async def resume(self) -> None:
        """Let the standby follow again."""
        async with admin_connection(self.standby_admin) as connection:
            await connection.execute("select pg_wal_replay_resume()")
        await self.caught_up()

    async def kill(self) -> None:
        """End the standby as a crash does."""
        await asyncio.to_thread(self._program.kill)

    async def start(self) -> None:
        """Start it again."""
        await asyncio.to_thread(self._program.start)
        await self.caught_up()


@dataclass(frozen=True)
class ReplicatedRetailer(Retailer):
    replica_url: str

    @property
    def connections(self) -> Connections:
        """What the server needs to serve it, the replica included."""
        own = super().connections
        return Connections(
            own.database_url,
            own.auth_database_url,
            own.audit_database_url,
            own.context_key,
            sql_database_url=own.sql_database_url,
            replica_database_url=self.replica_url,
        )


class _Program:
    """The standby's processes."""

    def __init__(self, bin_dir: Path, data: Path, sockets: Path, user: str) -> None:
        self._bin, self._data, self._sockets = bin_dir, data, sockets
        self._as_user: dict[str, Any] = {"user": user, "extra_groups": []} if os.geteuid() == 0 else {}

    def copy(self, primary_socket: Path, port: int) -> None:
        """Take a base backup that follows its primary."""
        self._run(
            "pg_basebackup", "-D", self._data, "-h", primary_socket, "-p", port, "-U", "postgres", "-R", "-c", "fast"
        )

    def start(self) -> None:
        options = f"-k {self._sockets} -p {_PORT} -c listen_addresses='' -c max_standby_streaming_delay=1s"
        self._run("pg_ctl", "start", "-w", "-t", SECONDS, "-D", self._data, "-o", options, "-l", self._data / "log")

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def kill(self) -> None:
        postmaster = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=SECONDS)
        (self._data / "postmaster.pid").unlink()

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [self._bin / program, *map(str, arguments)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._data.parent,
            **self._as_user,
        )


@asynccontextmanager
async def followed_stores() -> AsyncIterator[Followed]:
    """Two filled stores on such a pair, which goes at the end."""
    with data_directory() as directory, embedded_server(directory) as server:
        retailer = retailer_on(Cluster(server.dsn("postgres", "postgres"), None), "postgres")
        async with admin_connection(retailer.admin_url) as connection:
            await migrate(connection)
            await install_key(connection, CONTEXT_KEY)
            postmaster = psutil.Process(int((server.socket_dir / "postmaster.pid").read_text().split()[0]))
            user = postmaster.username()
            await _let_follow(connection, user)
        world = await two_filled_stores(retailer)

        standby = directory / "standby"
        standby.mkdir()
        shutil.chown(standby, user)
        program = _Program(Path(postmaster.exe()).parent, standby / "data", standby, user)
        await asyncio.to_thread(program.copy, server.socket_dir, server.port)
        await asyncio.to_thread(program.start)
        try:
            url = f"postgresql://{{}}@/postgres?host={standby}&port={_PORT}"
            followed = Followed(world, url.format("mcp_user"), url.format("postgres"), program)
            await followed.caught_up()
            yield followed
        finally:
            await asyncio.to_thread(program.stop)


async def _let_follow(connection: Any, user: str) -> None:
    """Let the operating-system user of the standby read the primary's log."""
    hba, ident = [Path(await connection.fetchval(f"show {name}_file")) for name in ("hba", "ident")]
    with hba.open("a") as file:
        file.write("local replication all peer map=retail\n")
    with ident.open("a") as file:
        file.write(f"retail {user} postgres\n")
    await connection.execute("select pg_reload_conf()")
