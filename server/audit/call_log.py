"""Writes the entries of tool calls: in batches, under a login that may append and nothing else.

A call only appends to a list in memory. Twice a second what has come together is copied into the database.
Nothing is lost when the server stops in good order; a crash loses what came after the last copy. While the
database does not take entries they are kept, as many as there is room for; then calls are refused before they
run, because a call that nobody can know of must not happen.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Self

from server.db.connection import CONNECTION_ERRORS
from server.db.driver import PostgresError
from server.db.queries import QueryFile
from server.db.urls import connect, opening
from server.errors import AuditUnavailableError, ConfigurationError
from server.monitoring.observer import NULL_OBSERVER, Observer

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
CAPACITY = 10_000
# Encoding a batch keeps the event loop busy for about two milliseconds.
_BATCH = 200
_TIMEOUT_SECONDS = 5.0
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.2, 5.0
# Calls that are cancelled when the server stops need a moment to end; then a database that does not answer is given up.
_SETTLE_SECONDS = 1.0
_LAST_WRITE_SECONDS = 3.0
# What the driver raises for a value that it cannot encode.
_ENCODING_ERRORS = (ValueError, TypeError, OverflowError)
# SQLSTATE classes of a row that the table does not take: data exception, integrity constraint violation.
_ROW_FAULTS = ("22", "23")

_SETTING = "RETAIL_AUDIT_DATABASE_URL"

QUERIES = QueryFile("server.audit")
LOGIN_RIGHTS = QUERIES.statement("login_rights")
ADD_PARTITIONS = QUERIES.statement("add_partitions")
SEAL_ENTRIES = QUERIES.statement("seal_entries")

COLUMNS = (
    "call_id",
    "called_at",
    "principal_id",
    "subject",
    "role",
    "store_id",
    "tool",
    "arguments",
    "row_count",
    "duration_ms",
    "outcome",
    "error_code",
    "transport",
    "customers",
)
Entry = tuple[Any, ...]
"""Values in the order of COLUMNS."""


class CallLog:
    """The way of entries into the database, open while the server runs.

    Args:
        dsn: URL of the database, logging in as mcp_audit.
        capacity: Most calls that are remembered, those under way included.
        observer: Who is told of the queue.
    """

    def __init__(self, dsn: str, *, capacity: int = CAPACITY, observer: Observer = NULL_OBSERVER) -> None:
        self._dsn = dsn
        self._capacity = capacity
        self._waiting: deque[Entry] = deque()
        self._under_way = 0
        self._some = asyncio.Event()
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._connection: Any = None
        self._task: asyncio.Task[None] | None = None
        self._written = True
        self._observer = observer

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            ConfigurationError: The log cannot be written, or the login may do more than append.
        """
        self._connection = await self._connect()
        with opening(_SETTING):
            rights = await self._connection.fetchrow(LOGIN_RIGHTS)
        if not rights["may_append"] or rights["may_more"]:
            await self._disconnect()
            raise ConfigurationError(
                f"The login {rights['login']} may {'do more than append' if rights['may_append'] else 'not append'} to "
                "the audit log. Use mcp_audit in RETAIL_AUDIT_DATABASE_URL."
            )
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(_tell_failure)
        self._observer.audit_opened(self)
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Write what is left, whatever interrupts the waiting for it."""
        assert self._task is not None
        cancelled: asyncio.CancelledError | None = None
        last = asyncio.create_task(self._finish(self._task))
        while not last.done():
            try:
                await asyncio.wait({last})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    @property
    def backend(self) -> int:
        """Process of the session that entries are written in, as the connection was told of it."""
        process: int = self._connection.get_server_pid()
        return process

    @property
    def waiting(self) -> int:
        """Entries that are not written yet."""
        return len(self._waiting)

    @property
    def capacity(self) -> int:
        """Most calls that are remembered, those under way included."""
        return self._capacity

    @property
    def written(self) -> bool:
        """False while the database takes no entries."""
        return self._written

    def reserve(self) -> None:
        """Set room aside for the entry of a call that begins; `leave` gives it back, for `append` to take.

        Raises:
            AuditUnavailableError: There is none: entries could not be written for a while.
        """
        if len(self._waiting) + self._under_way >= self._capacity:
            logger.error("A call was refused: the audit log takes no entries, and no more can be remembered")
            raise AuditUnavailableError
        self._under_way += 1

    def leave(self) -> None:
        """A call that was admitted has ended."""
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    def append(self, entry: Entry) -> None:
        """Take the entry of a call that has just ended."""
        self._waiting.append(entry)
        if len(self._waiting) == 1:
            self._some.set()
        elif len(self._waiting) == _BATCH:
            self._hurry.set()

    async def _finish(self, task: asyncio.Task[None]) -> None:
        if self._under_way:
            self._idle.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_SETTLE_SECONDS):
                    await self._idle.wait()
        self._stopping = True
        self._some.set()
        self._hurry.set()
        await asyncio.wait({task}, timeout=_LAST_WRITE_SECONDS)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await self._disconnect()
        if self._waiting:
            logger.critical("The entries of %d tool calls are lost: the audit log took none", len(self._waiting))
            self._observer.audit_lost(len(self._waiting))

    async def _run(self) -> None:
        retry = _FIRST_RETRY_SECONDS
        while self._waiting or not self._stopping:
            await self._some.wait()
            if self._written:
                await self._pause(FLUSH_SECONDS)
            try:
                await self._write()
            except (*CONNECTION_ERRORS, ConfigurationError) as error:
                if self._written:
                    logger.error(  # noqa: TRY400 - the driver's text may hold values
                        "The audit log cannot be written (%s, SQLSTATE %s); trying again, %d entries wait",
                        type(error).__name__,
                        getattr(error, "sqlstate", "none"),
                        len(self._waiting),
                    )
                self._written = False
                await self._disconnect()
                await self._pause(retry)
                retry = min(retry * 2, _LAST_RETRY_SECONDS)
            else:
                if not self._written:
                    logger.warning("The audit log is written again")
                self._written = True
                retry = _FIRST_RETRY_SECONDS

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when there is a whole batch or the server stops."""
        if self._stopping:
            # Of several attempts to write the last entries, the second and later ones wait a little.
            await asyncio.sleep(0 if self._written else _FIRST_RETRY_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        self._hurry.clear()

    async def _write(self) -> None:
        """Copy everything that waits."""
        while self._waiting:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            await self._store(list(islice(self._waiting, _BATCH)))
        if not self._stopping:
            self._some.clear()

    async def _store(self, entries: Sequence[Entry]) -> None:
        """Copy the first of those that wait; one that the table does not take does not keep the others out."""
        try:
            await self._copy(entries)
            self._forget(entries)
        except (PostgresError, *_ENCODING_ERRORS) as error:
            if isinstance(error, PostgresError) and not str(error.sqlstate).startswith(_ROW_FAULTS):
                raise
            if len(entries) == 1:
                await self._store_without_details(entries[0])
                self._forget(entries)
                return
            middle = len(entries) // 2
            await self._store(entries[:middle])
            await self._store(entries[middle:])

    async def _store_without_details(self, entry: Entry) -> None:
        values = dict(zip(COLUMNS, entry, strict=True))
        logger.error("The entry of call %s does not fit the audit log; details are left out", values["call_id"])
        values |= {"arguments": '{"(not kept)": true}', "customers": None, "row_count": None, "subject": None}
        try:
            await self._copy([tuple(values.values())])
        except (PostgresError, *_ENCODING_ERRORS) as error:
            if isinstance(error, PostgresError) and not str(error.sqlstate).startswith(_ROW_FAULTS):
                raise
            logger.critical("The entry of call %s to %s is lost", values["call_id"], values["tool"])
            self._observer.audit_lost(1)

    def _forget(self, entries: Sequence[Entry]) -> None:
        for _ in entries:
            self._waiting.popleft()

    async def _copy(self, entries: Sequence[Entry]) -> None:
        await self._connection.copy_records_to_table(
            "tool_call", schema_name="audit", columns=COLUMNS, records=entries, timeout=_TIMEOUT_SECONDS
        )

    async def _connect(self) -> Any:
        return await connect(self._dsn, _SETTING, application_name="retail-mcp audit", command_timeout=_TIMEOUT_SECONDS)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("The writer of the audit log ended with %s; restart the server", type(error).__name__)
