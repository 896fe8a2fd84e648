"""The files of a backup: a dump, and beside it a manifest that says what must be in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from server.errors import ConfigurationError
from server.process.private_files import write_private

DUMP_SUFFIX = ".dump"
_MANIFEST_SUFFIX = ".json"
_READ_BYTES = 1 << 20


class TableState(BaseModel):
    """A table as it must be after a restore."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    owner: str
    row_security: bool
    row_security_forced: bool
    policies: list[str]
    grants: list[str]
    triggers: int
    rows: int = 0


class FunctionCount(BaseModel):
    """How many functions an owner has that run with its rights, or with the caller's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str
    as_owner: bool
    functions: int


class Locale(BaseModel):
    """What decides the case, the order and the encoding of a database's text, as pg_database has it.

    Attributes:
        encoding: Such as UTF8.
        provider: Whose rules of case and order are used.
        collate: Order by the locales of the operating system.
        ctype: Letters by the locales of the operating system, which full text search reads whoever the provider is.
        locale: Name of the provider's locale; None of libc, which has the two above.
        icu_rules: Further rules of order; None without.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: str
    provider: Literal["libc", "icu", "builtin"]
    collate: str
    ctype: str
    locale: str | None
    icu_rules: str | None

    def __str__(self) -> str:
        names = dict.fromkeys(filter(None, (self.locale, self.collate, self.ctype)))
        return f"{self.provider} {', '.join(names)}"


class Manifest(BaseModel):
    """What is known of a backup.

    Attributes:
        database: Name of the database that it was made of.
        created_at: When the snapshot was taken, with zone.
        server_version: Of PostgreSQL, as a number such as 180004.
        sha256: Checksum of the dump.
        tables: Every table in the snapshot.
        functions: Every kind of function.
        locale: Of that database; None in manifests of earlier versions.
        verified_at: When a test restore last succeeded; None when none was tried.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: str
    created_at: datetime
    server_version: int
    sha256: str
    tables: list[TableState]
    functions: list[FunctionCount]
    locale: Locale | None = None
    verified_at: datetime | None = None


def new_dump(directory: Path, database: str, now: datetime) -> Path:
    """Path of a dump that is to be made, in a directory that is made for it, closed to others."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{directory} cannot be made: {error.strerror}. Name a directory to keep backups in."
        ) from None
    return directory / f"{database}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}{DUMP_SUFFIX}"


def manifest_of(dump: Path) -> Path:
    """Path of a dump's manifest."""
    return dump.with_suffix(_MANIFEST_SUFFIX)


def checksum(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(dump: Path, manifest: Manifest) -> None:
    """Keep the manifest beside the dump; a reader finds the old one or the new one, never half."""
    write_private(manifest_of(dump), manifest.model_dump_json(indent=2))


def read_manifest(dump: Path) -> Manifest:
    """The manifest of a dump.

    Raises:
        ConfigurationError: There is no such backup, or its manifest cannot be read.
    """
    if not dump.is_file():
        raise ConfigurationError(f"There is no backup {dump}. Name the file that ends in {DUMP_SUFFIX}.")
    path = manifest_of(dump)
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{path} is missing or damaged. Without it nothing tells what {dump.name} must hold; pg_restore can still "
            "read the dump itself."
        ) from None


def check_dump(dump: Path, manifest: Manifest) -> None:
    """Compare a dump with its checksum.

    Raises:
        ConfigurationError: It is not the file that was written.
    """
    if checksum(dump) != manifest.sha256:
        raise ConfigurationError(
            f"{dump} is not the file that was written: its checksum differs. Use another backup, or a copy of this one."
        )


def outdated(directory: Path, database: str, keep: timedelta, now: datetime) -> list[Path]:
    """Dumps of a database that are older than they need be kept, oldest first.

    The newest backup that is whole never is among them, nor the newest that was verified: whatever their age.
    """
    backups = _readable(sorted(directory.glob(f"{database}-*{DUMP_SUFFIX}")))
    newest_first = sorted(backups, key=lambda backup: backup[1].created_at, reverse=True)
    keepers = {
        next((dump for dump, manifest in newest_first if checksum(dump) == manifest.sha256), None),
        next(
            (dump for dump, manifest in newest_first if manifest.verified_at and checksum(dump) == manifest.sha256),
            None,
        ),
    }
    return [
        dump for dump, manifest in reversed(newest_first) if now - manifest.created_at > keep and dump not in keepers
    ]


def remove(dump: Path) -> None:
    """Delete a backup: the dump first, so that no dump is left without its manifest."""
    dump.unlink()
    manifest_of(dump).unlink(missing_ok=True)


def _readable(dumps: Sequence[Path]) -> list[tuple[Path, Manifest]]:
    """Those with a manifest; what this program did not write it does not delete either."""
    found = []
    for dump in dumps:
        try:
            found.append((dump, read_manifest(dump)))
        except ConfigurationError:
            continue
    return found
