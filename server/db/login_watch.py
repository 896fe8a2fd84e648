"""Whether the logins of a running server are still what it demanded of them when it started.

A login may change its own password and the settings of its own sessions, and PostgreSQL has no way to forbid it. So
whoever gets SQL to run as mcp_user can lift its time limits, or lock the server out, for good.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from server.db.ad_hoc import SETTING
from server.db.pool import Database
from server.db.startup_check import check_login, check_sql_login, check_time_limits
from server.errors import ConfigurationError, DatabaseError, RetailError
from server.monitoring.observer import NULL_OBSERVER, Observer
from server.process.background import background, repeat

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
# Invalid authorization, a wrong password among them. Source: PostgreSQL 18 documentation, appendix A.
_REFUSED_LOGIN = "28"
_LOCKED_OUT = (
    "{} no longer logs in: the password of that login was changed, or it was locked. Connections that are open go on. "
    "Run: retail-mcp migrate --set-password"
)


class LoginWatch:
    """Looks every minute.

    Args:
        opened: Makes a pool of the server's login. A session keeps the settings that it began with, so each look
            needs a new one.
        query_seconds: The time limit of a query that was asked for, or None.
        for_sql: Pool of the login that runs callers' SQL, or None.
        observer: Who is told.

    Attributes:
        fault: What a start would be refused with; None when it would not be.
    """

    def __init__(
        self,
        opened: Callable[[], Database],
        query_seconds: float | None = None,
        for_sql: Database | None = None,
        observer: Observer = NULL_OBSERVER,
    ) -> None:
        self.fault: str | None = None
        self._opened = opened
        self._query_seconds = query_seconds
        self._for_sql = for_sql
        self._observer = observer

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look again and again while the block runs."""
        self._observer.logins_checked(as_required=True)
        async with background(repeat(self.look, lambda: LOOK_SECONDS, pause_first=True)):
            yield

    async def look(self) -> None:
        """Look once, and tell the log when what is found is something else than before."""
        try:
            fault = await self._found()
        except RetailError:
            # The database is away or busy: it has said nothing of its logins.
            return
        before, self.fault = self.fault, fault
        self._observer.logins_checked(as_required=fault is None)
        if fault is not None and fault != before:
            logger.error("A login of the database was changed while the server runs; it goes on serving. %s", fault)
        elif fault is None and before is not None:
            logger.info("The logins of the database are as they must be again")

    async def _found(self) -> str | None:
        setting = "RETAIL_DATABASE_URL"
        try:
            async with self._opened() as database:
                await check_login(database)
                await check_time_limits(database, self._query_seconds)
                if self._for_sql is not None:
                    setting = SETTING
                    await check_sql_login(database, self._for_sql)
        except ConfigurationError as error:
            return str(error)
        except DatabaseError as error:
            if not error.sqlstate.startswith(_REFUSED_LOGIN):
                raise
            return _LOCKED_OUT.format(setting)
        return None
