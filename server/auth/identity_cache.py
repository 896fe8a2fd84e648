"""Identities remembered for a few seconds, and forgotten the moment the database announces a change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from contextlib import AsyncExitStack
from typing import Any, Generic, Self, TypeVar

from cachetools import TTLCache

from server.db.connection import CONNECTION_ERRORS
from server.db.urls import connect
from server.errors import ConfigurationError
from server.process.background import background, repeat

logger = logging.getLogger(__name__)

CHANNEL = "retail_identity"  # guard.announce_change() in sql/repeatable/0030_guard.sql
# Bounds what a network that swallows announcements can do. Rows are safe regardless: the database checks
# token, principal and access again for every store that is entered.
_SECONDS = 5.0
_IDENTITIES = 4096
_RETRY_SECONDS = 1.0

Identity = TypeVar("Identity")


class IdentityCache(Generic[Identity]):
    """Answers of identity look-ups, kept only while this process hears of changes.

    Without a connection that listens, nothing is remembered and every call looks its identity up.

    Args:
        dsn: URL of the database, logging in as mcp_auth.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._known: TTLCache[Hashable, Identity] = TTLCache(_IDENTITIES, _SECONDS)
        self._listening = False
        self._background = AsyncExitStack()
        self.generation = 0

    async def __aenter__(self) -> Self:
        await self._background.enter_async_context(background(repeat(self._listen, lambda: _RETRY_SECONDS)))
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._background.aclose()

    def get(self, key: Hashable) -> Identity | None:
        """What is remembered under a key."""
        return self._known.get(key)

    def put(self, key: Hashable, identity: Identity, generation: int) -> None:
        """Remember an identity, unless something changed since its look-up began in `generation`."""
        if self._listening and generation == self.generation:
            self._known[key] = identity

    def forget(self, *_: object) -> None:
        """Forget everybody."""
        self.generation += 1
        self._known.clear()

    async def _listen(self) -> None:
        try:
            await self._listen_until_lost()
        except (*CONNECTION_ERRORS, ConfigurationError) as error:
            reason = error if isinstance(error, ConfigurationError) else type(error).__name__
            logger.warning("Identities are looked up for every call: cannot listen (%s)", reason)

    async def _listen_until_lost(self) -> None:
        connection: Any = await connect(self._dsn, "RETAIL_AUTH_DATABASE_URL", application_name="retail-mcp identities")
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self.forget)
            self._listening = True
            await lost.wait()
        finally:
            self._listening = False
            self.forget()
            connection.terminate()
