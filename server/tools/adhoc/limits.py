"""How much SQL of the caller may ask for, beside its time and the database's own bounds (sql/0010, sql/0087)."""

from __future__ import annotations

# Longer texts are not even read.
MAX_LENGTH = 8_000
MAX_ROWS = 500
MAX_COLUMNS = 60

# How often each may stand in one query, at any depth: each keeps rows in memory while the query runs. A sort of single
# long texts takes some 10 MB beyond work_mem (sql/0010), as PostgreSQL 18 counts little more than a pointer for each.
# The promise is 64 MB in all, and tests/security/test_ad_hoc_memory.py measures it.
MOST_OF = {"distinct": 4, "order": 12, "over": 12, "join": 16}
