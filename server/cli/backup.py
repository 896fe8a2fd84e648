"""Commands that back the database up and bring it back."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from server.config import Settings, load_settings
from server.console.numbers import whole
from server.db.embedded import DATABASE_NAME
from server.db.operator import SETTING, admin_connection, operator_errors
from server.db.urls import of_database
from server.errors import ConfigurationError, InvalidInputError
from server.operations.admin.keys import install_key
from server.operations.backup.archive import TableState, manifest_of, outdated, read_manifest, remove
from server.operations.backup.job import BackupJob
from server.operations.deployment import Deployment, open_deployment, prepare_embedded

Switch = Annotated[bool, Parameter(negative=())]


def backup(
    directory: Path,
    *,
    verify: Switch = False,
    keep_days: Annotated[int | None, whole(gte=1, lte=36_500)] = None,
    upload: str | None = None,
) -> None:
    """Back the whole database up while it is in use: a dump, and a manifest of what must be in it.

    The signing key is not in it: keep RETAIL_CONTEXT_KEY where secrets are kept. Tokens are in it as hashes.

    Args:
        directory: Where to keep backups; it is made if need be.
        verify: Restore it at once into a database that is dropped again, and compare every table.
        keep_days: Then delete backups of this database that are older, but never the last good one.
        upload: Command to run at the end, with the paths of dump and manifest as its last arguments.
    """
    command = [] if upload is None else _words(upload)
    settings = load_settings()
    with open_deployment(settings) as deployment, operator_errors():
        if deployment.embedded:
            asyncio.run(prepare_embedded(deployment))
        job = BackupJob(deployment.require_admin_url(), settings.pg_bin)
        dump = asyncio.run(job.make(directory))
        print(f"{dump} ({dump.stat().st_size:,} bytes)")  # noqa: T201
        if verify:
            _tell_verified(asyncio.run(job.verify(dump)).tables)
    if command:
        _upload(command, dump)
    if keep_days is not None:
        database = read_manifest(dump).database
        for old in outdated(directory, database, timedelta(days=keep_days), datetime.now(UTC)):
            remove(old)
            print(f"deleted {old}")  # noqa: T201


def restore(file: Path, *, database: str, keep_tokens: Switch = False) -> None:
    """Restore a backup into a database that is new or empty, on the server of RETAIL_ADMIN_DATABASE_URL.

    The embedded server serves its database `retail` alone: restore into that of a new RETAIL_DATA_DIR.

    A database that holds tables or is in use is refused. Bearer tokens are revoked: some may have been revoked after
    the backup was made. RETAIL_CONTEXT_KEY is installed if it is set.

    Args:
        file: The dump.
        database: Name of the database to restore into.
        keep_tokens: Leave tokens valid that were so when the backup was made.
    """
    settings = load_settings()
    with open_deployment(settings) as deployment, operator_errors():
        job = _job(settings, deployment)
        asyncio.run(_restore(job, deployment, file, database, keep_tokens=keep_tokens))
        next_step = _next_step(deployment, database)
    print(  # noqa: T201
        f"Restored into {database}, and every table is as it was. Next: {next_step}, and erase customers again who "
        "were erased after the backup: retail-mcp customer erase-again LIST."
    )


def verify_backup(file: Path) -> None:
    """Restore a backup into a database that is dropped again, and compare every table with the manifest.

    Args:
        file: The dump.
    """
    settings = load_settings()
    with open_deployment(settings) as deployment, operator_errors():
        _tell_verified(asyncio.run(_job(settings, deployment).verify(file)).tables)


def _job(settings: Settings, deployment: Deployment) -> BackupJob:
    """Of what needs no database of ours: a new embedded server has none yet."""
    url = deployment.require_admin_url()
    return BackupJob(of_database(url, "postgres", SETTING) if deployment.embedded else url, settings.pg_bin)


def _next_step(deployment: Deployment, database: str) -> str:
    if not deployment.embedded:
        return (
            "point the server's URLs at it, set passwords with retail-mcp migrate --set-password if the server is new"
        )
    if database == DATABASE_NAME:
        return "start the server on this RETAIL_DATA_DIR, issue tokens"
    return f"to serve it, restore into the database {DATABASE_NAME} of a new RETAIL_DATA_DIR, issue tokens"


async def _restore(job: BackupJob, deployment: Deployment, file: Path, database: str, *, keep_tokens: bool) -> None:
    await job.restore(file, database, keep_tokens=keep_tokens)
    if deployment.context_key is not None:
        async with admin_connection(job.url_of(database)) as connection:
            await install_key(connection, deployment.context_key)
    else:
        print("RETAIL_CONTEXT_KEY is not set: install a key before a server starts.", file=sys.stderr)  # noqa: T201


def _tell_verified(tables: list[TableState]) -> None:
    rows = sum(table.rows for table in tables)
    print(f"verified: {len(tables)} tables with {rows:,} rows, their policies, grants and triggers")  # noqa: T201


def _words(command: str) -> list[str]:
    """The words of a command as a shell would split them; looked at before anything is done."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise InvalidInputError("--upload is no command: it is empty, or a quotation mark has no partner.")
    return words


def _upload(command: Sequence[str], dump: Path) -> None:
    arguments = [*command, str(dump), str(manifest_of(dump))]
    try:
        done = subprocess.run(arguments, check=False)  # noqa: S603 - the operator's own command
    except OSError as error:
        raise ConfigurationError(
            f"The upload command cannot be run: {error.strerror}. The backup is in {dump}."
        ) from None
    if done.returncode != 0:
        raise ConfigurationError(
            f"The upload command failed with exit code {done.returncode}. The backup is in {dump}."
        )
