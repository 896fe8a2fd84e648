"""Commands about the audit log."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import App

from server.cli.operator import as_operator
from server.console.numbers import whole
from server.errors import InvalidInputError
from server.operations.admin.audit import Kind, export, retain, seal
from server.operations.admin.audit_verification import verify

app = App(name="audit", help="Seal, verify, export and shorten the audit log.")

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_FOUND = 1
_SHOWN = 100


@app.command(name="seal")
def seal_() -> None:
    """Seal all entries that are complete, and print the newest digest as JSON: keep it outside of the database."""
    newest = as_operator(seal)
    print(newest.as_json() if newest is not None else "The audit log is empty.")  # noqa: T201


@app.command(name="verify")
def verify_(*, against: str | None = None) -> None:
    """Check every entry and seal; exit code 1 and the entries concerned if something was changed.

    Args:
        against: A digest that was kept elsewhere, or a file with some, as `audit seal` prints them.
    """
    digests = _digests(against) if against is not None else []
    result = as_operator(lambda connection: verify(connection, digests))
    for finding in result.findings[:_SHOWN]:
        print(finding)  # noqa: T201
    if len(result.findings) > _SHOWN:
        print(f"... and {len(result.findings) - _SHOWN} more")  # noqa: T201
    for digest in result.missing_digests:
        print(f"The log does not lead up to {digest}: it was rewritten, or is another one.")  # noqa: T201
    counts = ", ".join(f"{count} {log}" for log, count in sorted(result.entries.items())) or "no entries"
    print(f"{counts}; {result.seals} seals; {result.unsealed} entries not sealed yet")  # noqa: T201
    if result.digest is not None:
        print(f"head: seal {result.seal_id} {result.digest}")  # noqa: T201
    if not result.sound:
        sys.exit(_FOUND)


@app.command(name="export")
def export_(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    store: str | None = None,
    kind: Kind | None = None,
    customer: UUID | None = None,
) -> None:
    """Print entries as JSON, one a line, oldest first.

    Args:
        since: Only entries written at this time or later; UTC unless it names a zone.
        until: Only entries written before this time.
        store: Only entries about this store.
        kind: Only tool calls, changes of rows, or what operators did.
        customer: Only entries about this customer: who looked, and what was changed.
    """
    as_operator(
        lambda connection: export(
            connection,
            sys.stdout.write,
            kind=kind,
            since=_with_zone(since),
            until=_with_zone(until),
            store=store,
            customer=customer,
        )
    )


@app.command(name="retain")
def retain_(*, months: Annotated[int, whole(gte=1, lte=1200)]) -> None:
    """Drop tool calls and changes of rows that are older than so many whole months.

    Args:
        months: Months that are kept besides the present one.
    """
    dropped = as_operator(lambda connection: retain(connection, months))
    for part in dropped:
        print(f"dropped audit.{part.partition_name} with {part.row_count} entries")  # noqa: T201
    if not dropped:
        print("Nothing is that old.")  # noqa: T201


def _digests(against: str) -> list[str]:
    if _DIGEST.fullmatch(against):
        return [against]
    try:
        found = _DIGEST.findall(Path(against).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        found = []
    if not found:
        raise InvalidInputError(
            "--against is neither a digest of 64 hexadecimal digits nor a file that has one. Pass what "
            "retail-mcp audit seal printed, or a file of such lines."
        )
    return found


def _with_zone(timestamp: datetime | None) -> datetime | None:
    return timestamp.replace(tzinfo=UTC) if timestamp is not None and timestamp.tzinfo is None else timestamp
