"""Makes backups, restores them, and proves that they can be restored."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.db.locale import fault_in
from server.db.migrate import FILES_OF_THE_SERVERS_VERSION, schema_files
from server.db.operator import SETTING, admin_connection
from server.db.queries import QueryFile
from server.db.requirements import check_requirements
from server.db.urls import of_database, parsed
from server.errors import ConfigurationError
from server.operations.backup.archive import (
    FunctionCount,
    Manifest,
    TableState,
    check_dump,
    checksum,
    new_dump,
    read_manifest,
    write_manifest,
)
from server.operations.backup.destination import create_database, own_locale
from server.operations.backup.programs import find_program, run_on_database, run_program

logger = logging.getLogger(__name__)

QUERIES = QueryFile("server.operations.backup")
_TABLES = QUERIES.statement("backed_up_tables")
_FUNCTIONS = QUERIES.statement("backed_up_functions")
_IN_USE = QUERIES.statement("in_use")
_IS_EMPTY = QUERIES.statement("is_empty")
_NOTES_COLUMN_VERSIONS = QUERIES.statement("notes_column_versions")
_FORGET_TOKENS = QUERIES.statement("forget_tokens")

# Whoever holds the signing key can make a context of any store: it stays where the operator keeps secrets.
_LEFT_OUT = "guard.context_key"
# Roles and their membership in each other belong to the cluster, and grants on a database to no object in it: a dump
# has neither.
_FILES_BEFORE_A_DUMP = ("versioned/0010_roles.sql", "repeatable/0010_role_settings.sql")
_FILES_AFTER_A_DUMP = ("versioned/0020_schemas.sql", *FILES_OF_THE_SERVERS_VERSION)
_COLUMN_VERSION = "(pg_attver="
# Rights on PostgreSQL's own functions: another major version has others. The last of the files sets them.
_SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")
_MOST_TOLD = 10
_DATABASE_NAME = re.compile("[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class BackupJob:
    """Backups of one PostgreSQL server.

    Attributes:
        admin_url: Superuser URL of the database.
        programs: Directory of pg_dump and pg_restore; None to look for them.
    """

    admin_url: str
    programs: Path | None = None

    async def make(self, directory: Path) -> Path:
        """Write a dump and its manifest, both of one snapshot, while the database is in use.

        Returns:
            Path of the dump.

        Raises:
            ConfigurationError: The database, the directory or pg_dump is not to be had, or pg_dump failed.
        """
        database = _database(self.admin_url)
        async with (
            admin_connection(self.admin_url) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            version = _version(connection)
            program = find_program("pg_dump", self.programs, version // 10_000)
            snapshot = await connection.fetchval("select pg_export_snapshot()")
            created_at = await connection.fetchval("select now()")
            dump = new_dump(directory, database, created_at)
            unfinished = dump.with_suffix(".part")
            unfinished.touch(mode=0o600)
            try:
                await asyncio.to_thread(
                    run_on_database,
                    program,
                    [
                        "--format=custom",
                        f"--snapshot={snapshot}",
                        f"--exclude-table-data={_LEFT_OUT}",
                        *(f"--exclude-schema={schema}" for schema in _SYSTEM_SCHEMAS),
                        f"--file={unfinished}",
                    ],
                    self.admin_url,
                )
                if await connection.fetchval(_NOTES_COLUMN_VERSIONS):
                    await asyncio.to_thread(self._check_columns, unfinished, version, program)
                tables, functions = await _state(connection)
                locale = await own_locale(connection)
            except BaseException:
                unfinished.unlink()
                raise
        manifest = Manifest(
            database=database,
            created_at=created_at,
            server_version=version,
            sha256=await asyncio.to_thread(checksum, unfinished),
            tables=tables,
            functions=functions,
            locale=locale,
        )
        write_manifest(dump, manifest)
        unfinished.replace(dump)
        return dump

    async def restore(self, dump: Path, database: str, *, keep_tokens: bool = False) -> None:
        """Restore a backup into a database that is new or empty.

        Bearer tokens are revoked unless they are to be kept: some may have been revoked after the backup was made. A
        new database gets the locale of the one that was backed up.

        Raises:
            ConfigurationError: The backup is damaged or of a newer PostgreSQL, the database holds something, is in use
                or does not fit, or what came out is not what the manifest says.
        """
        if not _DATABASE_NAME.fullmatch(database):
            raise ConfigurationError("A database name is lower case letters, digits and _, and begins with a letter.")
        manifest = read_manifest(dump)
        check_dump(dump, manifest)
        await self._check_version(dump, manifest)
        created = await self._make_room(database, manifest)
        try:
            await self._fill(dump, manifest, database)
            async with admin_connection(self.url_of(database)) as connection:
                if not keep_tokens:
                    await connection.execute(_FORGET_TOKENS)
                # As it was; the way out is the operator's to choose.
                if fault := await fault_in(connection):
                    logger.warning("%s, and restore this backup into it", fault)
        except BaseException:
            # What is half restored looks like a database; nobody is to start a server on it.
            if created:
                await self._drop(database)
            raise

    async def verify(self, dump: Path) -> Manifest:
        """Restore a backup into a database that is dropped again, and compare every table with the manifest.

        Raises:
            ConfigurationError: See `restore`.
        """
        manifest = read_manifest(dump)
        check_dump(dump, manifest)
        await self._check_version(dump, manifest)
        async with self._scratch_database(manifest) as database:
            await self._fill(dump, manifest, database)
        verified = manifest.model_copy(update={"verified_at": datetime.now(UTC)})
        write_manifest(dump, verified)
        return verified

    def _check_columns(self, dump: Path, version: int, pg_dump: Path) -> None:
        """Refuse a dump with options of columns that no server takes, which an older pg_dump makes of such a server."""
        reader = find_program("pg_restore", self.programs, version // 10_000)
        if _COLUMN_VERSION in run_program(reader, ["--schema-only", "--file=-", str(dump)]):
            raise ConfigurationError(
                f"{pg_dump} is older than the server, PostgreSQL {version // 10_000}.{version % 10_000}: what it "
                "writes cannot be restored. Install the client programs of that version, or name their directory in "
                "RETAIL_PG_BIN."
            )

    async def _check_version(self, dump: Path, manifest: Manifest) -> None:
        """Refuse what was dumped from a newer major version, which this server need not understand."""
        async with admin_connection(self.admin_url) as connection:
            own = _version(connection) // 10_000
        if (newer := manifest.server_version // 10_000) > own:
            raise ConfigurationError(
                f"{dump.name} was made of PostgreSQL {newer}, and this server is PostgreSQL {own}: a newer version's "
                f"backup does not restore into an older one. Restore it into PostgreSQL {newer} or newer."
            )

    async def _fill(self, dump: Path, manifest: Manifest, database: str) -> None:
        url = self.url_of(database)
        files = {file.name: file.sql for file in schema_files()}
        async with admin_connection(url) as connection:
            program = find_program("pg_restore", self.programs, _version(connection) // 10_000)
            for name in _FILES_BEFORE_A_DUMP:
                await connection.execute(files[name])
        await asyncio.to_thread(run_on_database, program, ["--exit-on-error", "--single-transaction", str(dump)], url)
        async with admin_connection(url) as connection:
            for name in _FILES_AFTER_A_DUMP:
                await connection.execute(files[name])
            await connection.execute("analyze")
            tables, functions = await _state(connection)
        if faults := _differences(manifest, tables, functions):
            raise ConfigurationError(
                f"{dump.name} does not restore to what it was made of: {'; '.join(faults[:_MOST_TOLD])}"
                f"{f'; and {more} more' if (more := len(faults) - _MOST_TOLD) > 0 else ''}. Use another backup."
            )

    async def _make_room(self, database: str, manifest: Manifest) -> bool:
        """Make sure of an empty database that nobody uses and that fits; true when it was made here."""
        async with admin_connection(self.admin_url) as connection:
            found = await connection.fetchrow(_IN_USE, database)
            if not found["is_there"]:
                await create_database(connection, database, manifest.locale)
                return True
        if found["connections"]:
            raise ConfigurationError(
                f"The database {database} is in use by {found['connections']} others. Nothing was changed. Restore "
                "into another name and point the server at it, or stop what uses it."
            )
        async with admin_connection(self.url_of(database)) as connection:
            if not await connection.fetchval(_IS_EMPTY):
                raise ConfigurationError(
                    f"The database {database} holds tables already. Nothing was changed. Restore into a new name, or "
                    "drop that database first if nobody needs it."
                )
            await check_requirements(connection)
            if fault := await fault_in(connection):
                raise ConfigurationError(f"{fault}. Nothing was changed. Or restore into a new name.")
        return False

    @asynccontextmanager
    async def _scratch_database(self, manifest: Manifest) -> AsyncIterator[str]:
        name = f"retail_verify_{secrets.token_hex(6)}"
        async with admin_connection(self.admin_url) as connection:
            await create_database(connection, name, manifest.locale)
        try:
            yield name
        finally:
            await self._drop(name)

    async def _drop(self, database: str) -> None:
        async with admin_connection(self.admin_url) as connection:
            await connection.execute(f'drop database "{database}" with (force)')

    def url_of(self, database: str) -> str:
        """Superuser URL of another database of this server."""
        return of_database(self.admin_url, database, SETTING)


async def _state(connection: Any) -> tuple[list[TableState], list[FunctionCount]]:
    """Every table with its rows counted, and every kind of function, as this transaction sees them."""
    tables = []
    for record in await connection.fetch(_TABLES):
        state = dict(record)
        tables.append(TableState(rows=await connection.fetchval(state.pop("count_rows")), **state))
    return tables, [FunctionCount(**record) for record in await connection.fetch(_FUNCTIONS)]


def _differences(manifest: Manifest, tables: list[TableState], functions: list[FunctionCount]) -> list[str]:
    expected = {table.name: table for table in manifest.tables}
    # Left out on purpose.
    expected[_LEFT_OUT] = expected[_LEFT_OUT].model_copy(update={"rows": 0})
    found = {table.name: table for table in tables}
    faults = [f"{name} is missing" for name in expected.keys() - found.keys()]
    faults += [f"{name} is not in the manifest" for name in found.keys() - expected.keys()]
    for name in sorted(expected.keys() & found.keys()):
        faults += [
            f"{name} has another {field.replace('_', ' ')}"
            + (f" ({getattr(found[name], field)}, not {value})" if field == "rows" else "")
            for field, value in expected[name]
            if getattr(found[name], field) != value
        ]
    if functions != manifest.functions:
        faults.append("the functions differ")
    return faults


def _version(connection: Any) -> int:
    version = connection.get_server_version()
    # asyncpg counts the minor releases of PostgreSQL 10 and newer as its third number.
    return int(version.major) * 10_000 + int(version.micro)


def _database(url: str) -> str:
    name = parsed(url, SETTING).database
    if not name:
        raise ConfigurationError(f"{SETTING} names no database.")
    return name
