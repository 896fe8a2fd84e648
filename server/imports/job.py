"""The import: read, check, stage and merge a file in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from server.db.driver import PostgresError
from server.db.loading import connected
from server.db.loading import may_skip_triggers as check_role
from server.imports.checking import Checker
from server.imports.errors import ImportFileError, RejectedRowsError
from server.imports.faults import FieldRow
from server.imports.fields.timestamps import DateOrder
from server.imports.kind import Kind, OutcomeT_co
from server.imports.layouts import AUTO, Layouts
from server.imports.reading.source import SourceFile, open_source
from server.imports.rejects import RejectFile
from server.imports.stores import Store, TargetStore, find_or_open, wait_for_turn

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
        skip_rejected: Whether rows in order are loaded although others are not.
        rejects: Where rejected rows are listed; None for beside the file.
        dry_run: Whether everything is to be undone at the end.
        layout: Name of the file's layout, AUTO to recognise it.
        mapping: Columns that a person named for fields of ours.
        date_order: How the file writes days.
    """

    target: TargetStore
    skip_rejected: bool = False
    rejects: Path | None = None
    dry_run: bool = False
    layout: str = AUTO
    mapping: Mapping[str, str] = field(default_factory=dict)
    date_order: DateOrder = "ymd"


@dataclass(frozen=True, slots=True)
class ImportReport(Generic[OutcomeT_co]):
    """What an import did.

    Attributes:
        merged: Records by what became of them, or would have.
        store_opened: Whether the store is new.
        rejected: Number of rejected rows.
        reject_file: Where they are listed.
        examples: The first faults, described.
        refused: Whether this was a dry run of what would be refused because of the rejected rows.
        ignored: Names of columns and keys that say nothing to us.
        notices: What a person should know of a foreign layout, with the number of cases.
        seconds: From reading the file to the commit.
    """

    merged: OutcomeT_co
    store_opened: bool
    rejected: int
    reject_file: Path
    examples: list[str]
    refused: bool
    ignored: list[str]
    notices: dict[str, int]
    seconds: float


class _Undo(Exception):
    """Ends the transaction of a dry run."""


async def import_file(
    admin_dsn: str, file: Path, kind: Kind[OutcomeT_co], options: ImportOptions, *, report: Report | None = None
) -> ImportReport[OutcomeT_co]:
    """Load a file into a store; afterwards it is there as a whole, or nothing has changed.

    Args:
        admin_dsn: Login of a superuser or a role with BYPASSRLS.
        file: CSV, JSON or JSON lines.
        kind: What it holds.
        options: How.
        report: Is told the phase, rows done and rows in all, None while that is unknown.

    Raises:
        ImportFileError: The file cannot be read as a whole.
        RejectedRowsError: Rows are not in order and `skip_rejected` is not set, or none is in order.
        RejectFileError: They cannot be listed.
        NotFoundError: There is no such open store.
        OptionError: The store is not as the options say, or the mapping does not fit the file.
        InvalidInputError: The store cannot be opened.
        LoadError: The database cannot be reached, has no schema, or stopped the import.
        LoadError: Row level security binds the role.
    """
    started = time.perf_counter()
    source = open_source(file, kind.noun)
    layouts = Layouts(kind.vocabulary, kind.foreign, options.layout, options.mapping)
    reject_file = options.rejects or file.with_name(f"{file.name}.rejected.csv")
    async with connected(admin_dsn, job="import", unit="A file", session=_SESSION) as connection:
        await check_role(connection)
        with RejectFile(reject_file, file) as rejects:
            work = _Import(connection, source, layouts, kind, options, rejects, report or _noop)
            with suppress(_Undo):
                async with connection.transaction():
                    merged = await work.run()
                    if options.dry_run:
                        raise _Undo
        rejects.remove_old()
        seconds = time.perf_counter() - started
        if merged.changed and not options.dry_run:
            # The import stands without; autovacuum does the same later.
            with suppress(PostgresError):
                await kind.refresh_statistics(connection)
    return ImportReport(
        merged=merged,
        store_opened=work.store_opened,
        rejected=rejects.rows,
        reject_file=reject_file,
        examples=rejects.examples,
        refused=bool(rejects.rows) and not options.skip_rejected,
        ignored=[*source.ignored, *layouts.ignored],
        notices=dict(layouts.notices),
        seconds=seconds,
    )


class _Import(Generic[OutcomeT_co]):
    """One run within one transaction."""

    def __init__(
        self,
        connection: Any,
        source: SourceFile,
        layouts: Layouts,
        kind: Kind[OutcomeT_co],
        options: ImportOptions,
        rejects: RejectFile,
        report: Report,
    ) -> None:
        self.store_opened = False
        self._connection = connection
        self._source = source
        self._layouts = layouts
        self._kind = kind
        self._options = options
        self._rejects = rejects
        self._report = report

    async def run(self) -> OutcomeT_co:
        self._report("Waiting for its turn", 0, None)
        await wait_for_turn(self._connection)
        store, self.store_opened = await find_or_open(self._connection, self._options.target)
        checker = Checker(
            self._rejects,
            self._layouts.own,
            self._layouts.ignored,
            {
                "currency": store.currency,
                "time_zone": store.time_zone,
                "date_order": self._options.date_order,
                **self._kind.context,
            },
        )
        await self._kind.stage(self._connection, store, checker, self._counted(self._layouts.rows(self._source)))
        await self._reject_invalid(store, checker)
        self._rejects.finish()
        self._refuse_unless_loadable(checker)
        self._report("Writing", checker.accepted, None)
        merged = await self._kind.merge(self._connection, store, checker)
        self._report("Done", checker.accepted, checker.accepted)
        return merged

    async def _reject_invalid(self, store: Store, checker: Checker) -> None:
        self._report("Comparing", checker.accepted, None)
        faults = await self._kind.find_invalid(self._connection, store, checker)
        if faults:
            # The rows themselves were not kept: they are read once more.
            rows = self._source.rows(self._layouts)
            checker.reject_accepted(FieldRow(row, {}, faults[row.number]) for row in rows if row.number in faults)

    def _refuse_unless_loadable(self, checker: Checker) -> None:
        rejected, accepted = self._rejects.rows, checker.accepted
        if rejected and (accepted == 0 or not (self._options.skip_rejected or self._options.dry_run)):
            way_out = "" if accepted == 0 else ", or add --skip-rejected to load the others without them"
            examples = "".join(f"\n  {example}" for example in self._rejects.examples)
            raise RejectedRowsError(
                f"{rejected:,} of {accepted + rejected:,} rows were rejected, so nothing was loaded. "
                f"All of them, with their corrections, are in {self._rejects.path}. Correct them{way_out}. "
                f"The first faults:{examples}"
            )
        if accepted == 0:
            raise ImportFileError(f"{self._source.path} names no {self._kind.noun}. Nothing was changed.")

    def _counted(self, rows: Iterable[FieldRow]) -> Iterator[FieldRow]:
        for number, row in enumerate(rows):
            if number % _ROWS_PER_REPORT == 0:
                self._report("Reading", number, self._source.estimated_rows(number))
            yield row


def _noop(phase: str, done: int, total: int | None) -> None:
    """Stand in for a report that nobody asked for."""
