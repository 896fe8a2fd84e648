"""A hot standby that answers the reads of tools while it is near enough to the primary.

Who may enter a store is the primary's to say, for every call (server/tenancy/store_scope.py). This knows whether the
standby can be asked at all: once a second it compares how far the two have come.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import AsyncExitStack
from typing import NamedTuple, Self

from pydantic import BaseModel

from server.config import Settings
from server.db.pool import Database
from server.db.queries import QueryFile
from server.db.routes import DatabaseRoute, check_routes
from server.errors import ConfigurationError, DatabaseUnavailableError, ReplicaBehindError, RetailError
from server.monitoring.observer import NULL_OBSERVER, Observer
from server.process.background import background, repeat

logger = logging.getLogger(__name__)

SETTING = "RETAIL_REPLICA_DATABASE_URL"
LOOK_SECONDS = 1.0
# Positions of the primary that are remembered: enough to tell that a lag is above any that may be allowed.
_POSITIONS = 4000


class _Primary(BaseModel):
    position: int
    database_name: str
    login: str
    cluster_id: int


class _Standby(BaseModel):
    position: int | None
    in_recovery: bool
    database_name: str
    login: str
    cluster_id: int


QUERIES = QueryFile("server.db", "replica.sql")
PRIMARY_POSITION = QUERIES.query("primary_position", _Primary)
REPLICA_POSITION = QUERIES.query("replica_position", _Standby)


class Fault(NamedTuple):
    """What keeps the standby from being asked, to follow its name in a sentence."""

    what: str
    details: str = ""

    def __str__(self) -> str:
        return self.what + self.details


class Replica:
    """The standby's pool, and whether it may be asked.

    Args:
        primary: The server's own pool.
        database: The standby's, opened by this.
        url: Where it leads.
        most_lag_seconds: How far behind the standby may be and still be asked.
        prepares: Whether the pool keeps prepared statements.

    Attributes:
        fault: What keeps it from being asked; None when nothing does.
        lag_seconds: Age of the oldest change that the standby lacked when it was last looked at; None where it did
            not answer.
        fallbacks: Calls that the standby could not answer and the primary did.
    """

    def __init__(
        self,
        primary: Database,
        database: Database,
        url: str,
        most_lag_seconds: float,
        *,
        prepares: bool,
    ) -> None:
        self._primary = primary
        self.database = database
        self._url = url
        self._most_lag = most_lag_seconds
        self._prepares = prepares
        # When the primary was at a position that the standby had not reached yet.
        self._ahead: deque[tuple[float, int]] = deque(maxlen=_POSITIONS)
        # What it lacked before the first look may be of any age.
        self._has_reached_any = False
        self._background = AsyncExitStack()
        self.fault: Fault | None = Fault("has not been looked at yet")
        self.lag_seconds: float | None = None
        self.fallbacks = 0

    @property
    def is_usable(self) -> bool:
        """Whether it answers, and is near enough."""
        return self.fault is None

    async def __aenter__(self) -> Self:
        """Look at it once, and from then on every second; one that is down is no reason not to start.

        Raises:
            ConfigurationError: It is not a standby of this database under this login.
        """
        await self.database.__aenter__()
        try:
            self._found(await self._fault_of())
        except BaseException:
            await self.database.__aexit__()
            raise
        await self._background.enter_async_context(
            background(repeat(self._watch, lambda: LOOK_SECONDS, pause_first=True))
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._background.aclose()
        await self.database.__aexit__()

    def failed(self, error: Exception) -> None:
        """A call could not be answered there; after a lost connection none is tried before the next look."""
        self.fallbacks += 1
        logger.info("A call that the replica could not answer goes to the primary (%s)", type(error).__name__)
        if isinstance(error, DatabaseUnavailableError) and not isinstance(error, ReplicaBehindError):
            self._found(Fault("dropped a connection"))

    async def _watch(self) -> None:
        try:
            fault = await self._fault_of()
        except ConfigurationError as error:
            fault = Fault("cannot be used", f": {error}")
        self._found(fault)

    def _found(self, fault: Fault | None) -> None:
        """Remember what is wrong, and tell the log when that is something else than before."""
        before, self.fault = self.fault, fault
        if fault is None and before is not None:
            logger.info("Reads go to the replica")
        elif fault is not None and (before is None or before.what != fault.what):
            logger.warning("Reads go to the primary: the replica %s", fault)

    async def _fault_of(self) -> Fault | None:
        """What keeps the standby from being asked; None when nothing does."""
        try:
            (primary,) = await self._primary.fetch(PRIMARY_POSITION)
        except RetailError:
            # Without the primary nobody is let in, so that it does not matter.
            return self.fault
        self._ahead.append((time.monotonic(), primary.position))
        try:
            (standby,) = await self.database.fetch(REPLICA_POSITION)
            self._check_kinship(primary, standby)
            if self.fault is not None:
                route = DatabaseRoute(self._url, await self.database.backend())
                await check_routes(self.database, {SETTING: route}, prepares=self._prepares)
        except ConfigurationError:
            raise
        except RetailError as error:
            self.lag_seconds = None
            return Fault("does not answer", f" ({type(error).__name__})")
        if not standby.in_recovery or standby.position is None:
            return Fault("is no standby any more, or never was")
        while self._ahead and self._ahead[0][1] <= standby.position:
            self._ahead.popleft()
            self._has_reached_any = True
        if not self._has_reached_any:
            return Fault("has yet to reach where the primary was when this server started")
        self.lag_seconds = time.monotonic() - self._ahead[0][0] if self._ahead else 0.0
        if self.lag_seconds > self._most_lag:
            allowed = f"RETAIL_REPLICA_MAX_LAG_SECONDS allows {self._most_lag:g}"
            return Fault("is too far behind", f": {self.lag_seconds:.0f} s ({allowed})")
        return None

    @staticmethod
    def _check_kinship(primary: _Primary, standby: _Standby) -> None:
        if (standby.cluster_id, standby.database_name) != (primary.cluster_id, primary.database_name):
            raise ConfigurationError(f"{SETTING} names another database than RETAIL_DATABASE_URL, not a standby of it.")
        if standby.login != primary.login:
            # Its policies hold for the login that was checked on the primary, and not for each.
            raise ConfigurationError(
                f"{SETTING} logs in as {standby.login}. It must be the login of RETAIL_DATABASE_URL, {primary.login}."
            )


def opened_replica(settings: Settings, url: str, primary: Database, observer: Observer = NULL_OBSERVER) -> Replica:
    """A replica as the operator set it up, to be entered.

    Args:
        settings: The operator's choices.
        url: Where it leads.
        primary: The server's own pool.
        observer: Who is told of it.
    """
    standby = Database(
        url,
        setting=SETTING,
        pool_size=settings.pool_size,
        pool_timeout_seconds=settings.pool_timeout_seconds,
        query_timeout_seconds=settings.query_timeout_seconds,
        statement_cache_size=settings.statement_cache_size,
        connected=False,
        name="replica",
        observer=observer,
    )
    return Replica(primary, standby, url, settings.replica_max_lag_seconds, prepares=settings.statement_cache_size > 0)
