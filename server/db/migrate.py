"""Applies the files of `sql/`: the versioned ones once each, the repeatable ones whenever they have changed.

Versioned files make what holds data: roles, schemas, tables, and the functions that tables are defined with. A release
freezes them. Repeatable files make everything else, each from nothing and over what is there: functions, views,
triggers, policies and grants. They come last, in one order and one transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Any

import asyncpg

from server.db.queries import QueryFile
from server.db.requirements import check_requirements
from server.errors import ConfigurationError, UnavailableError

logger = logging.getLogger(__name__)

# Any constant that no other program uses as an advisory lock of this database.
_LOCK = 4_830_117_220_261_120
# Who waits for a table makes everybody wait who comes after. This is less than any login of the server waits for a
# lock (sql/repeatable/0010_role_settings.sql), so that no call fails because it stands in line behind a migration.
LOCK_TIMEOUT_MILLISECONDS = 400
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0
DEFAULT_PATIENCE_SECONDS = 600

QUERIES = QueryFile("server.db", "migrate.sql")
_LEDGER = QUERIES.statement("create_ledger")
_LEDGER_GRANTS = QUERIES.statement("grant_ledger")
_APPLIED = QUERIES.statement("applied")
_RECORD = QUERIES.statement("record")
_FORGET = QUERIES.statement("forget")
_OLDEST_TRANSACTION = QUERIES.statement("oldest_transaction")
_WAS_ANOTHER_VERSION = QUERIES.statement("was_another_version")

# What they do depends on PostgreSQL's version. A dump carries what the old one made of them, or nothing.
FILES_OF_THE_SERVERS_VERSION = ("versioned/0037_new_ids.sql", "repeatable/0095_builtin_functions.sql")

_VERSIONED = "versioned"
_REPEATABLE = "repeatable"


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One file of `sql/`.

    Attributes:
        name: Its path there: `versioned/0040_tables.sql`.
        sql: Its text.
    """

    name: str
    sql: str

    @property
    def is_repeatable(self) -> bool:
        """Whether it is applied again when it has changed."""
        return self.name.startswith(f"{_REPEATABLE}/")

    @property
    def sha256(self) -> str:
        """Checksum that the ledger keeps."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def schema_files() -> list[SchemaFile]:
    """The files of `sql/` in the order in which they apply: versioned ones, then repeatable ones, each by number."""
    return [
        SchemaFile(f"{directory}/{entry.name}", entry.read_text(encoding="utf-8"))
        for directory in (_VERSIONED, _REPEATABLE)
        for entry in sorted(resources.files("sql").joinpath(directory).iterdir(), key=lambda entry: entry.name)
        if re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", entry.name)
    ]


def pending_files(files: Sequence[SchemaFile], applied: dict[str, str]) -> list[SchemaFile]:
    """Compare the code's files with a database's ledger.

    Args:
        files: What this version of the code has.
        applied: Checksum by file name, as the database's ledger tells.

    Returns:
        Files to apply, in order: versioned ones that the database lacks, and repeatable ones that it has not in this
        form.

    Raises:
        ConfigurationError: The database is newer than the code, or has a versioned file in another form: that of a
            development version, or of one that was changed after it was applied.
    """
    if any("/" not in name for name in applied):
        raise ConfigurationError(
            "The database has the schema of an older development version, which cannot be upgraded; nothing was "
            "changed. Start with another RETAIL_DATA_DIR for a new demo database, or point the server at a new one."
        )
    unknown = sorted(name for name in set(applied) - {file.name for file in files} if name.startswith(f"{_VERSIONED}/"))
    if unknown:
        raise ConfigurationError(
            f"The database is newer than this server: it has {unknown[-1]}, which this version does not know. "
            "Upgrade the server, or point it at the right database."
        )
    for file in files:
        if not file.is_repeatable and applied.get(file.name, file.sha256) != file.sha256:
            raise ConfigurationError(
                f"sql/{file.name} changed after it was applied to this database; nothing was changed here. Put changes "
                "in a new file, or start with another RETAIL_DATA_DIR for a new demo database."
            )
    return [file for file in files if applied.get(file.name) != file.sha256]


async def migrate(
    connection: Any, files: Sequence[SchemaFile] | None = None, *, patience_seconds: float = DEFAULT_PATIENCE_SECONDS
) -> list[str]:
    """Bring a database up to this version's schema, while it is in use.

    Safe to run at the same time from several processes: the second waits, then finds nothing to do.
    Each versioned file is one transaction together with its ledger row, and so are all repeatable files together. Where
    others hold what a file changes, it gives way and is tried again. After pg_upgrade, what depends on PostgreSQL's
    version is set again.

    Args:
        connection: asyncpg connection of a superuser or of a role with CREATEROLE that owns the database.
        files: Files to apply; those of `sql/` by default.
        patience_seconds: How long to try a file that others are in the way of.

    Returns:
        Names of the files that were applied now.

    Raises:
        ConfigurationError: See `pending_files` and `check_requirements`.
        UnavailableError: Others held what a file changes for all that time.
    """
    files = schema_files() if files is None else files
    await check_requirements(connection)
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_LEDGER)
        applied = {row["file_name"]: row["sha256"] for row in await connection.fetch(_APPLIED)}
        pending = pending_files(files, applied)
        for file in pending:
            if not file.is_repeatable:
                await when_free(connection, f"sql/{file.name}", partial(_apply, connection, [file]), patience_seconds)
        if repeatable := [file for file in pending if file.is_repeatable]:
            names = ", ".join(f"sql/{file.name}" for file in repeatable)
            await when_free(connection, names, partial(_apply, connection, repeatable), patience_seconds)
        await connection.execute(_FORGET, [file.name for file in files])
        await connection.execute(_LEDGER_GRANTS)
        if await connection.fetchval(_WAS_ANOTHER_VERSION):
            for file in files:
                if file.name in FILES_OF_THE_SERVERS_VERSION:
                    work = partial(connection.execute, file.sql)
                    await when_free(connection, f"sql/{file.name}", work, patience_seconds)
    finally:
        await connection.execute("select pg_advisory_unlock($1)", _LOCK)
    return [file.name for file in pending]


async def when_free(connection: Any, what: str, work: Callable[[], Awaitable[Any]], patience_seconds: float) -> None:
    """Do something to tables in one transaction, and give way to whoever uses them until nobody does.

    Args:
        connection: The connection that `work` uses.
        what: What is done, for the message.
        work: Does it.
        patience_seconds: How long to try.

    Raises:
        UnavailableError: Others held the tables for all that time.
    """
    deadline = time.monotonic() + patience_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MILLISECONDS}")
                await work()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            oldest = await _oldest_transaction(connection)
            if time.monotonic() + pause > deadline:
                raise UnavailableError(
                    f"{what} could not be applied within {patience_seconds:g} s, because others hold what it changes; "
                    f"{oldest}. What came before it is applied, nothing of it is. Let that end, or end it with "
                    "pg_terminate_backend, and run again: retail-mcp migrate"
                ) from None
            logger.warning("%s waits for what others hold; %s", what, oldest)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            return


async def _apply(connection: Any, files: Sequence[SchemaFile]) -> None:
    for file in files:
        await connection.execute(_RECORD, file.name, file.sha256)
        await connection.execute(file.sql)


async def _oldest_transaction(connection: Any) -> str:
    found = await connection.fetchrow(_OLDEST_TRANSACTION)
    if found is None:
        return "none of them is in a transaction any more"
    return f"the oldest transaction is {found['seconds']} s old, of process {found['pid']} ({found['who']})"
