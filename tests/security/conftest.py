"""Fixtures of the proofs: two stores alike in the database, and two neighbours behind the tools."""

from __future__ import annotations

from tests.sql.conftest import mcp, migrated, operator, own_stores, stores, two_stores
from tests.tools.conftest import neighbours

__all__ = ["mcp", "migrated", "neighbours", "operator", "own_stores", "stores", "two_stores"]
