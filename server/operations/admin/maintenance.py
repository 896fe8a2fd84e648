"""What no function of the database can do: VACUUM, and rebuilding indexes while they are in use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from server.db.driver import LockNotAvailableError, PostgresLogMessage
from server.db.queries import QueryFile
from server.errors import ConfigurationError

QUERIES = QueryFile("server.operations.admin", "maintenance.sql")
_TABLES = QUERIES.statement("tables_to_vacuum")
_TO_REBUILD = QUERIES.statement("indexes_to_rebuild")
_UNUSED = QUERIES.statement("unused_indexes")
_DUPLICATES = QUERIES.statement("duplicate_indexes")
_RECORD = QUERIES.statement("record_maintenance")

# A smaller index is read in a moment, however bloated.
_LEAST_BYTES = 8 << 20
# Waiting longer for a writer's lock would hold up the writers behind this one.
_LOCK_TIMEOUT = "10s"


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What is said of an index.

    Attributes:
        name: Qualified.
        reason: Why it is named.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done.

    Attributes:
        tables: Tables that were vacuumed and analysed.
        rebuilt: Indexes that were rebuilt.
        left: Indexes that somebody held locked for too long; the next run tries again.
    """

    tables: int
    rebuilt: tuple[str, ...]
    left: tuple[str, ...]


async def maintain(connection: Any, *, rebuild_all: bool, progress: Callable[[str], None]) -> Maintained:
    """Vacuum and analyse every table, then rebuild the indexes that need it, one by one, while all are in use.

    Args:
        connection: An admin connection, in no transaction.
        rebuild_all: Rebuild every index, for example after an upgrade of the operating system's collations.
        progress: Told each step before it begins.

    Raises:
        ConfigurationError: The login owns neither the tables nor the database.
    """
    await connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'")
    tables = await connection.fetch(_TABLES)
    skipped = _Notices()
    connection.add_log_listener(skipped)
    for table in tables:
        progress(f"vacuum {table['name']}")
        # Names come from the catalogue, quoted there.
        await connection.execute(f"vacuum (analyze, skip_locked) {table['name']}")
    connection.remove_log_listener(skipped)
    if skipped.not_permitted:
        raise ConfigurationError(
            f"The login of RETAIL_ADMIN_DATABASE_URL may not vacuum {skipped.not_permitted} of {len(tables)} tables. "
            "Use a superuser, or grant it pg_maintain."
        )
    rebuilt, left = [], []
    for index in await connection.fetch(_TO_REBUILD, 0 if rebuild_all else _LEAST_BYTES):
        progress(f"rebuild {index['name']}")
        try:
            await connection.execute(f"reindex index concurrently {index['name']}")
            rebuilt.append(index["name"])
        except LockNotAvailableError:
            left.append(index["name"])
    done = Maintained(len(tables), tuple(rebuilt), tuple(left))
    await connection.execute(_RECORD, json.dumps({"tables": done.tables, "rebuilt": rebuilt, "left": left}))
    return done


async def examine_indexes(connection: Any) -> list[IndexReport]:
    """Indexes that cost writes and space for nothing, as far as statistics tell."""
    reports = {
        row["name"]: f"never used since statistics began, {row['bytes']:,} bytes"
        for row in await connection.fetch(_UNUSED)
    } | {
        row["name"]: f"{row['covered_by']} begins with the same columns" for row in await connection.fetch(_DUPLICATES)
    }
    return [IndexReport(name, reason) for name, reason in reports.items()]


class _Notices:
    """Counts warnings that a table was left out because the login may not."""

    def __init__(self) -> None:
        self.not_permitted = 0

    def __call__(self, _: Any, message: PostgresLogMessage) -> None:
        self.not_permitted += "permission denied" in message.message
