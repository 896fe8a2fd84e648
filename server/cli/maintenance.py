"""The command that keeps the database in shape."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from server.audit.call_log import ADD_PARTITIONS
from server.cli.operator import as_operator
from server.console.progress import status
from server.operations.admin.maintenance import IndexReport, Maintained, examine_indexes
from server.operations.admin.maintenance import maintain as run_maintenance


def maintain(*, rebuild_all: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Vacuum and analyse every table, rebuild indexes that need it, make the audit log's next parts, name idle indexes.

    Everything runs while stores are in use. To drop old months of the audit log, run `audit retain`.

    Args:
        rebuild_all: Rebuild every index, for example after an upgrade of the operating system's collations.
    """
    with status() as show:

        async def work(connection: Any) -> tuple[Maintained, list[IndexReport]]:
            await connection.execute(ADD_PARTITIONS)
            done = await run_maintenance(connection, rebuild_all=rebuild_all, progress=show)
            return done, await examine_indexes(connection)

        done, reports = as_operator(work)
    print(f"{done.tables} tables vacuumed and analysed, {len(done.rebuilt)} indexes rebuilt.")  # noqa: T201
    for name in done.left:
        print(f"{name} was in use for too long and is left as it was; run this again later.")  # noqa: T201
    for report in reports:
        print(f"{report.name}: {report.reason}")  # noqa: T201
