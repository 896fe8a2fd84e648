"""Fixtures of what grows beyond one process and one database."""

from __future__ import annotations

from tests.sql.conftest import migrated

__all__ = ["migrated"]
