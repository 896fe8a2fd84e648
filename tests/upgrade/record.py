"""Keep today's schema as that of the release that is about to be tagged: python -m tests.upgrade.record."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from server import __version__
from server.db.migrate import migrate
from server.db.operator import admin_connection
from server.operations.admin.keys import install_key
from tests.cluster import Cluster, running_cluster
from tests.sql.acting import retailer_on
from tests.support import CONTEXT_KEY
from tests.upgrade.filling import empty_tables, fill
from tests.upgrade.releases import RECORDED, Release, keep


async def record(cluster: Cluster, directory: Path) -> Release:
    """Make a database, fill it, keep it in a directory that is named like the release."""
    async with cluster.temporary_database() as name:
        retailer = retailer_on(cluster, name)
        async with admin_connection(retailer.admin_url) as connection:
            await migrate(connection)
            await install_key(connection, CONTEXT_KEY)
            await connection.execute(cluster.login_statement())
        await fill(retailer)
        if empty := await empty_tables(retailer):
            sys.exit(f"tests/upgrade/filling.py leaves these tables empty: {', '.join(sorted(empty))}")
        return await keep(retailer, directory)


def main() -> None:
    """Record the version that the source names, unless that was done before."""
    if ".dev" in __version__:
        sys.exit(f"{__version__} is not a release: set its version first (server/__init__.py and pyproject.toml).")
    directory = RECORDED / __version__
    if directory.exists():
        sys.exit(
            f"{__version__} is recorded. If it was never published, delete {directory} and run this again; "
            "else raise the version first (server/__init__.py and pyproject.toml)."
        )
    with running_cluster(None) as cluster:
        release = asyncio.run(record(cluster, directory))
    size = sum(file.stat().st_size for file in release.directory.iterdir())
    print(f"{release.directory} ({size:,} bytes): commit it, then tag v{release.version}")  # noqa: T201


if __name__ == "__main__":
    main()
