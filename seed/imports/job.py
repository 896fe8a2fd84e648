"""The import: read, check, stage and merge a catalogue in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from seed.connection import connected
from seed.demo import may_skip_triggers as check_role
from seed.imports.checking import Checker
from seed.imports.errors import CatalogueFileError, RejectedRowsError
from seed.imports.merge import Merged, merge, prepare, refresh_statistics, stage
from seed.imports.rejects import RejectFile
from seed.imports.source import Catalogue, open_catalogue
from seed.imports.stores import TargetStore, currency_of

Item = TypeVar("Item")
Report = Callable[[str, int, int | None], None]

_ROWS_PER_REPORT = 500
_SESSION = {
    "application_name": "retail-mcp import",
    # An import that was killed must not go on, and keep the next one waiting.
    "client_connection_check_interval": "2s",
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import.

    Attributes:
        target: The store.
        partial: Whether the file is only a part of the range, so that products it does not name stay.
        skip_rejected: Whether rows in order are loaded although others are not.
        rejects: Where rejected rows are listed; None for beside the catalogue.
    """

    target: TargetStore
    partial: bool = False
    skip_rejected: bool = False
    rejects: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        merged: Products by what became of them.
        store_opened: Whether the store is new.
        rejected: Number of rejected rows.
        reject_file: Where they are listed.
        examples: The first faults, described.
        kept_missing: Whether rejected rows without a legible SKU kept it from telling what is missing.
        ignored: Names of columns and keys that say nothing to us.
        seconds: From reading the file to the commit.
    """

    merged: Merged
    store_opened: bool
    rejected: int
    reject_file: Path
    examples: list[str]
    kept_missing: bool
    ignored: list[str]
    seconds: float


async def import_products(
    admin_dsn: str, file: Path, options: ImportOptions, *, report: Report | None = None
) -> ImportReport:
    """Load a catalogue into a store; afterwards it is there as a whole, or nothing has changed.

    Args:
        admin_dsn: Login of a superuser or a role with BYPASSRLS.
        file: JSON or CSV.
        options: How.
        report: Is told the phase, rows done and rows in all, None while that is unknown.

    Raises:
        CatalogueFileError: The file cannot be read as a whole.
        RejectedRowsError: Rows are not in order and `skip_rejected` is not set.
        RejectFileError: They cannot be listed.
        NotFoundError: There is no such open store.
        OptionError: The store is there and is not as the options say.
        InvalidInputError: The store cannot be opened.
        DatabaseError: The database cannot be reached, has no schema, or stopped the import.
        RoleError: Row level security binds the role.
    """
    started = time.perf_counter()
    catalogue = open_catalogue(file)
    reject_file = options.rejects or file.with_name(f"{file.name}.rejected.csv")
    async with connected(admin_dsn, job="import", unit="A catalogue", session=_SESSION) as connection:
        await check_role(connection)
        with RejectFile(reject_file, file) as rejects:
            work = _Import(connection, catalogue, options, rejects, report or _tell_nobody)
            async with connection.transaction():
                merged = await work.run()
        rejects.remove_old()
        seconds = time.perf_counter() - started
        if merged.changed:
            # The import stands without; autovacuum does the same later.
            with suppress(asyncpg.PostgresError):
                await refresh_statistics(connection)
    return ImportReport(
        merged=merged,
        store_opened=work.store_opened,
        rejected=rejects.rows,
        reject_file=reject_file,
        examples=rejects.examples,
        kept_missing=work.kept_missing,
        ignored=list(catalogue.ignored),
        seconds=seconds,
    )


class _Import:
    """One run within one transaction."""

    def __init__(
        self, connection: Any, catalogue: Catalogue, options: ImportOptions, rejects: RejectFile, report: Report
    ) -> None:
        self.store_opened = False
        self.kept_missing = False
        self._connection = connection
        self._catalogue = catalogue
        self._options = options
        self._rejects = rejects
        self._report = report

    async def run(self) -> Merged:
        self._report("Waiting for its turn", 0, None)
        await prepare(self._connection)
        currency, self.store_opened = await currency_of(self._connection, self._options.target)
        checker = Checker(self._rejects, currency, self._catalogue.ignored)
        await stage(self._connection, checker.products(self._counted(self._catalogue.rows())))
        self._refuse_unless_loadable(checker)
        self.kept_missing = checker.has_nameless_rejects and not self._options.partial
        self._report("Writing", checker.accepted, None)
        merged = await merge(
            self._connection,
            self._options.target.store_id,
            keep_missing=self._options.partial or checker.has_nameless_rejects,
            rejected_skus=checker.rejected_skus,
        )
        self._report("Done", checker.accepted, checker.accepted)
        return merged

    def _refuse_unless_loadable(self, checker: Checker) -> None:
        rejected, accepted = self._rejects.rows, checker.accepted
        if rejected and (accepted == 0 or not self._options.skip_rejected):
            way_out = "" if accepted == 0 else ", or add --skip-rejected to load the others without them"
            examples = "".join(f"\n  {example}" for example in self._rejects.examples)
            raise RejectedRowsError(
                f"{rejected:,} of {accepted + rejected:,} rows were rejected, so nothing was loaded. "
                f"All of them, with their corrections, are in {self._rejects.path}. Correct them{way_out}. "
                f"The first faults:{examples}"
            )
        if accepted == 0:
            raise CatalogueFileError(f"{self._catalogue.path} names no products. Nothing was changed.")

    def _counted(self, rows: Iterable[Item]) -> Iterator[Item]:
        for number, row in enumerate(rows):
            if number % _ROWS_PER_REPORT == 0:
                self._report("Reading", number, None)
            yield row


def _tell_nobody(phase: str, done: int, total: int | None) -> None:
    """Stand in for a report that nobody asked for."""
