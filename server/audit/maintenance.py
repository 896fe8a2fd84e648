"""What the audit log needs from time to time: seals, and partitions for the months to come."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from server.audit.call_log import ADD_PARTITIONS, SEAL_ENTRIES
from server.db.connection import CONNECTION_ERRORS
from server.db.urls import connect
from server.errors import ConfigurationError
from server.process.background import background, repeat

logger = logging.getLogger(__name__)

SEAL_SECONDS = 60.0
# Entries of each log under one seal; below the statement timeout of mcp_audit by far.
SEAL_ENTRIES_AT_ONCE = 10_000


@asynccontextmanager
async def audit_maintenance(dsn: str) -> AsyncIterator[None]:
    """Seal the log every minute while the block runs; of several servers whichever comes first does it.

    Args:
        dsn: URL of the database, logging in as mcp_audit.
    """
    async with background(repeat(partial(_maintain, dsn), lambda: SEAL_SECONDS)):
        yield


async def seal_all(connection: Any) -> int | None:
    """Seal every entry that is ready.

    Returns:
        How many were sealed; None while somebody else is sealing.
    """
    total = 0
    while sealed := await connection.fetchval(SEAL_ENTRIES, SEAL_ENTRIES_AT_ONCE):
        total += sealed
    return total if sealed is not None else None


async def _maintain(dsn: str) -> None:
    try:
        connection = await connect(
            dsn, "RETAIL_AUDIT_DATABASE_URL", application_name="retail-mcp audit", command_timeout=15
        )
        try:
            await connection.execute(ADD_PARTITIONS)
            await seal_all(connection)
        finally:
            connection.terminate()
    except (*CONNECTION_ERRORS, ConfigurationError) as error:
        reason = error if isinstance(error, ConfigurationError) else type(error).__name__
        logger.warning("The audit log could not be sealed (%s); trying again in a minute", reason)
