"""Applies the numbered files of `sql/` in order, once each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from server.db.queries import QueryFile
from server.errors import ConfigurationError

# Any constant that no other program uses as an advisory lock of this database.
_LOCK = 4_830_117_220_261_120

QUERIES = QueryFile("server.db", "migrate.sql")
_LEDGER = QUERIES.statement("create_ledger")
_LEDGER_GRANTS = QUERIES.statement("grant_ledger")
_APPLIED = QUERIES.statement("applied")
_RECORD = QUERIES.statement("record")


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One file of `sql/`."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Checksum that the ledger keeps."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def schema_files() -> list[SchemaFile]:
    """The files of `sql/` in the order in which they apply."""
    return [
        SchemaFile(entry.name, entry.read_text(encoding="utf-8"))
        for entry in sorted(resources.files("sql").iterdir(), key=lambda entry: entry.name)
        if re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", entry.name)
    ]


def pending_files(files: Sequence[SchemaFile], applied: dict[str, str]) -> list[SchemaFile]:
    """Compare the code's files with a database's ledger.

    Args:
        files: What this version of the code has.
        applied: Checksum by file name, as the database's ledger tells.

    Returns:
        Files that the database still lacks, in order.

    Raises:
        ConfigurationError: The database is newer than the code, or a file changed after it was applied.
    """
    unknown = sorted(set(applied) - {file.name for file in files})
    if unknown:
        raise ConfigurationError(
            f"The database is newer than this server: it has {unknown[-1]}, which this version does not know. "
            "Upgrade the server, or point it at the right database."
        )
    for file in files:
        if applied.get(file.name, file.sha256) != file.sha256:
            raise ConfigurationError(
                f"sql/{file.name} changed after it was applied to this database. Put changes in a new file; "
                "a demo database is rebuilt by deleting its data directory (RETAIL_DATA_DIR) and starting again."
            )
    return [file for file in files if file.name not in applied]


async def migrate(connection: Any, files: Sequence[SchemaFile] | None = None) -> list[str]:
    """Bring a database up to this version's schema.

    Safe to run at the same time from several processes: the second waits, then finds nothing to do.
    Each file is one transaction together with its ledger row.

    Args:
        connection: asyncpg connection of a superuser or of a role with CREATEROLE that owns the database.
        files: Files to apply; those of `sql/` by default.

    Returns:
        Names of the files that were applied now.

    Raises:
        ConfigurationError: See `pending_files`.
    """
    files = schema_files() if files is None else files
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_LEDGER)
        applied = {row["file_name"]: row["sha256"] for row in await connection.fetch(_APPLIED)}
        pending = pending_files(files, applied)
        for file in pending:
            async with connection.transaction():
                await connection.execute(_RECORD, file.name, file.sha256)
                await connection.execute(file.sql)
        await connection.execute(_LEDGER_GRANTS)
    finally:
        await connection.execute("select pg_advisory_unlock($1)", _LOCK)
    return [file.name for file in pending]
