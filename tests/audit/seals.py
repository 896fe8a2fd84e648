"""Sealing and verifying a log, and touching it as somebody who may do anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from server.db.operator import admin_connection
from server.operations.admin.audit import seal
from server.operations.admin.audit_verification import Verification, verify
from tests.support import Retailer

# The hash over a row's new content, as a forger who knows the method makes it.
REHASHED = "sha256(convert_to((to_jsonb(t) - 'row_hash')::text, 'UTF8'))"


@asynccontextmanager
async def unguarded(retailer: Retailer) -> AsyncIterator[Any]:
    """A superuser who has switched the triggers off."""
    async with admin_connection(retailer.admin_url) as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute("set timezone = 'UTC'")
        yield connection


async def verified(retailer: Retailer, *digests: str) -> Verification:
    async with admin_connection(retailer.admin_url) as connection:
        return await verify(connection, digests)


async def sealed(retailer: Retailer) -> None:
    async with admin_connection(retailer.admin_url) as connection:
        await seal(connection)
