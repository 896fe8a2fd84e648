"""An operator's work on the audit log: sealing it, exporting it, and dropping what is old."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from server.audit.maintenance import seal_all
from server.db.driver import LockNotAvailableError, PostgresError
from server.db.queries import QueryFile
from server.errors import InvalidInputError, UnavailableError

Kind = Literal["tool_call", "row_change", "operation"]

QUERIES = QueryFile("server.operations.admin", "audit.sql")
FIXED_OUTPUT = QUERIES.statement("fixed_output")
LAST_SEAL = QUERIES.statement("last_seal")
CLUSTER = QUERIES.statement("cluster")
SEALS = QUERIES.statement("seals")
DROPPED_MONTHS = QUERIES.statement("dropped_months")
LOGS: tuple[Kind, ...] = ("row_change", "tool_call", "operation")
MONTHS = {log: QUERIES.statement(f"months_of_{log}") for log in LOGS}
ENTRIES = {log: QUERIES.statement(f"entries_of_{log}") for log in LOGS}
_EXPORT = QUERIES.statement("export")
_RETAIN = QUERIES.statement("retain")

_ATTEMPTS, _ATTEMPT_SECONDS = 50, 0.1


@dataclass(frozen=True, slots=True)
class Seal:
    """The newest seal: what to keep elsewhere, to hold the log against later.

    Attributes:
        digest: SHA-256 in hex over the whole chain up to here.
    """

    seal_id: int
    sealed_at: datetime
    digest: str

    def as_json(self) -> str:
        """One line for a file that only grows."""
        return json.dumps({"seal_id": self.seal_id, "sealed_at": self.sealed_at.isoformat(), "digest": self.digest})


@dataclass(frozen=True, slots=True)
class Dropped:
    """A partition that is gone."""

    log: str
    partition_name: str
    row_count: int


async def seal(connection: Any) -> Seal | None:
    """Seal every entry that is ready.

    Returns:
        The newest seal, or None as long as the log is empty.

    Raises:
        UnavailableError: Somebody else kept on sealing.
    """
    for _ in range(_ATTEMPTS):
        if await seal_all(connection) is not None:
            return await last_seal(connection)
        await asyncio.sleep(_ATTEMPT_SECONDS)
    raise UnavailableError("Another process is sealing the audit log. Try again in a minute.")


async def last_seal(connection: Any) -> Seal | None:
    """The newest seal, or None where there is none."""
    row = await connection.fetchrow(LAST_SEAL)
    return Seal(**row) if row is not None else None


async def export(
    connection: Any,
    write: Callable[[str], object],
    *,
    kind: Kind | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    store: str | None = None,
    customer: UUID | None = None,
) -> None:
    """Write the entries that fit, oldest first, one JSON object a line.

    Args:
        connection: An admin connection.
        write: Takes each line.
        kind: Only this log.
        since: Only entries written at this time or later; with a zone.
        until: Only entries written before this time; with a zone.
        store: Only entries about this store.
        customer: Only entries about this customer: who looked, what was changed.
    """
    async with connection.transaction(readonly=True):
        await connection.execute(FIXED_OUTPUT)
        async for row in connection.cursor(_EXPORT, kind, since, until, store, customer, prefetch=1000):
            write(row[0] + "\n")


async def retain(connection: Any, months: int) -> list[Dropped]:
    """Drop what is older than so many whole months; the seals over it stay.

    Raises:
        InvalidInputError: No month would be kept.
        UnavailableError: Old entries cannot be sealed yet, or the log is in use.
    """
    if months < 1:
        raise InvalidInputError("At least one month has to be kept: pass --months 1 or more.")
    await seal(connection)
    try:
        async with connection.transaction():
            await connection.execute("set local lock_timeout = '10s'")
            return [Dropped(**row) for row in await connection.fetch(_RETAIN, months)]
    except LockNotAvailableError:
        raise UnavailableError(
            "The audit log is in use by a long transaction; nothing was dropped. Try again later."
        ) from None
    except PostgresError as error:
        if error.sqlstate != "RT003":
            raise
        raise UnavailableError(
            "Old entries are not sealed yet, because a transaction has been open since; nothing was dropped. "
            "End that transaction (see pg_stat_activity) and try again."
        ) from None
