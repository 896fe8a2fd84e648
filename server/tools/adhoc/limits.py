"""How much SQL of the caller may ask for, beside its time and the database's own bounds (sql/0010, sql/0087)."""

from __future__ import annotations

# Longer texts are not even read.
MAX_LENGTH = 8_000
MAX_ROWS = 500
MAX_COLUMNS = 60
