"""Fixtures of what grows beyond one process and one database."""

from __future__ import annotations

from tests.sql.conftest import migrated
from tests.transport.conftest import both, seattle, two_stores

__all__ = ["both", "migrated", "seattle", "two_stores"]
