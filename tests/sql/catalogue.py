"""Reading the catalogue of a migrated database."""

from __future__ import annotations

from typing import Any

OURS = "n.nspname in ('retail', 'guard', 'audit', 'analytics', 'migrations')"
"""Condition for schemas of ours, n being pg_namespace."""


async def column(connection: Any, sql: str) -> list[Any]:
    """First column of every row."""
    return [row[0] for row in await connection.fetch(sql)]
