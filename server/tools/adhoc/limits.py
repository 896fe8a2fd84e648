"""How much SQL of the caller may ask for, beside its time and the database's own bounds (sql/0010, sql/0087)."""

from __future__ import annotations

# Longer texts are not even read.
MAX_LENGTH = 8_000
MAX_ROWS = 500
MAX_COLUMNS = 60

# Each keeps rows in memory while the query runs, at whatever depth it stands. A sort of single texts of 2,000 bytes
# (sql/0087) takes some 5 MB beyond work_mem (sql/0010), as PostgreSQL 18 counts little more than a pointer for each; a
# table that is sorted to be joined does, too. tests/security/test_ad_hoc_memory.py measures the promise, 64 MB in all.
MAX_SORTS = 8
MAX_WINDOWS = 12
MAX_TABLES = 12

# Longest format of to_char: one letter of it may become nine of the text.
MAX_FORMAT = 100
MAX_DIGITS = 100
MAX_EXPONENT = 308
