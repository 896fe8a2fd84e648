"""Releases of the schema: what is kept of each, and how one is brought back."""

from __future__ import annotations

import asyncio
import lzma
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from server.db.migrate import SchemaFile, schema_files
from server.db.operator import admin_connection
from server.operations.admin.keys import install_key
from server.operations.backup.archive import manifest_of, read_manifest, remove
from server.operations.backup.job import BackupJob
from tests.support import CONTEXT_KEY, Retailer

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).parent / "releases"
_DUMP = "retail.dump"
_CHECKSUMS = "sql.sha256"


@dataclass(frozen=True)
class Release:
    """A release whose schema and some of whose data are kept.

    Attributes:
        directory: Named like the version, with a packed backup and the checksums of the files of `sql/`.
    """

    directory: Path

    @property
    def version(self) -> str:
        return self.directory.name

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))

    @property
    def files(self) -> dict[str, str]:
        """Checksum by name of each file that the release applies."""
        lines = (self.directory / _CHECKSUMS).read_text(encoding="utf-8").splitlines()
        return {name: sha256 for sha256, name in (line.split("  ") for line in lines)}

    @property
    def is_present(self) -> bool:
        """Whether the files of `sql/` are still those of this release."""
        return self.files == checksums(schema_files())

    async def restore(self, retailer: Retailer, workspace: Path) -> None:
        """Bring the release's database back, with the key that tests sign with and its tokens."""
        dump = workspace / _DUMP
        dump.write_bytes(lzma.decompress((self.directory / f"{_DUMP}.xz").read_bytes()))
        shutil.copy(manifest_of(self.directory / _DUMP), workspace)
        database = urlsplit(retailer.admin_url).path.lstrip("/")
        await BackupJob(retailer.admin_url).restore(dump, database, keep_tokens=True)
        async with admin_connection(retailer.admin_url) as connection:
            await install_key(connection, CONTEXT_KEY)

    def source(self, workspace: Path) -> Path | None:
        """The release's own code, to run beside this one; None where the repository has no tag of it.

        Of a release whose files of `sql/` are unchanged, today's code does.
        """
        if self.is_present:
            return ROOT
        if _git("rev-parse", "--quiet", "--verify", f"v{self.version}^{{commit}}").returncode != 0:
            return None
        archive = _git("archive", f"v{self.version}", "server", "seed", "sql")
        archive.check_returncode()
        subprocess.run(["tar", "-x", "-C", workspace], input=archive.stdout, check=True)
        # Else it would be merged with the files of today, which is how Python treats folders that are no package.
        (workspace / "sql" / "__init__.py").touch()
        return workspace


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)


def recorded() -> list[Release]:
    """Every release that was recorded, oldest first."""
    directories = RECORDED.iterdir() if RECORDED.is_dir() else ()
    return sorted((Release(directory) for directory in directories), key=lambda release: release.order)


def checksums(files: list[SchemaFile]) -> dict[str, str]:
    """Checksum by name."""
    return {file.name: file.sha256 for file in files}


async def keep(retailer: Retailer, directory: Path) -> Release:
    """Keep a database as that of the release that a directory is named after."""
    made = await BackupJob(retailer.admin_url).make(directory)
    packed = await asyncio.to_thread(lzma.compress, made.read_bytes(), preset=9)
    (directory / f"{_DUMP}.xz").write_bytes(packed)
    (directory / f"{_DUMP}.xz").chmod(0o644)
    manifest = read_manifest(made).model_copy(update={"database": "retail"})
    manifest_of(directory / _DUMP).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (directory / _CHECKSUMS).write_text(
        "".join(f"{sha256}  {name}\n" for name, sha256 in checksums(schema_files()).items()), encoding="utf-8"
    )
    remove(made)
    return Release(directory)
