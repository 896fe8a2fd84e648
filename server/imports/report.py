"""What an import did, told to the person at the terminal."""

from __future__ import annotations

from pathlib import Path

from server.console.progress import stderr_console
from server.imports.errors import RejectedRowsError
from server.imports.job import ImportOptions, ImportReport
from server.imports.kind import Outcome
from server.imports.rejects import listed


def print_report(file: Path, options: ImportOptions, report: ImportReport[Outcome]) -> None:
    """Print what a person should know, the counts last.

    Raises:
        RejectedRowsError: It was a dry run of what would be refused.
    """
    if report.ignored:
        print_line(f"Ignored columns: {listed(report.ignored)}.")
    for notice, times in report.notices.items():
        print_line(f"{times:,} {notice}.")
    if report.rejected:
        print_line(f"Rejected rows are listed in {report.reject_file}. The first faults:")
        for example in report.examples:
            print_line(f"  {example}")
    for note in report.merged.notes():
        print_line(note)
    store_id = options.target.store_id
    opened = f"opened store {store_id}, " if report.store_opened else ""
    dry = "Dry run, nothing was changed. It would be: " if options.dry_run else ""
    print_line(
        f"{dry}{file.name} into {store_id}: {opened}{report.merged.summary()}, {report.rejected:,} rejected "
        f"in {report.seconds:.1f} s."
    )
    if options.dry_run and report.refused:
        raise RejectedRowsError(
            f"Without --dry-run nothing would be loaded, because {report.rejected:,} rows were rejected. "
            "Correct them, or add --skip-rejected to load the others without them."
        )


def print_line(line: str) -> None:
    """Print a line as it is."""
    stderr_console().print(line, markup=False, soft_wrap=True)
