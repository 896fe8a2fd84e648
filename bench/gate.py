"""What reading the longest SQL of a caller costs: on the event loop, before the query runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from rich.console import Console
from rich.table import Table

from server.errors import InvalidInputError
from server.tools.adhoc.gate import checked
from server.tools.adhoc.lexer import NotSqlError, tokens
from server.tools.adhoc.limits import MAX_LENGTH
from server.tools.adhoc.redaction import outline

_REPEATS = 5
# What stands before, what is repeated up to the longest text, and what stands behind.
_TEXTS = {
    "a plain report": ("select sku", ", price", " from products"),
    "plus signs": ("select ", "+", "1"),
    "plus and minus": ("select ", "+-", "1"),
    "plus signs in reach of an operator": ("select ", "+" * 62 + " ", "1"),
    "comments": ("select 1", "/**/", ""),
    "parentheses": ("select ", "(", "1"),
    "sums": ("select 1", "+1", ""),
    "calls": ("select 1", ",lower(sku)", " from products"),
    "subqueries": ("select 1", ",(select 1)", ""),
    "set operations": ("select 1", " union select 1", ""),
    "conditions": ("select 1 from products where true", " and sku=brand", ""),
    "tables": ("select 1 from products", ",products", ""),
    "names of WITH": ("with a as (select 1)", ",a as (select 1)", " select 1"),
}


def gate() -> None:
    """Milliseconds that the scanner, the gate and the audit's outline take for a text of 8,000 characters."""
    table = Table("text", "scanner", "gate", "outline", title=f"milliseconds for {MAX_LENGTH:,} characters")
    for name, (before, part, behind) in _TEXTS.items():
        sql = before + part * ((MAX_LENGTH - len(before) - len(behind)) // len(part)) + behind
        table.add_row(name, *(f"{_milliseconds(read, sql):.1f}" for read in (tokens, checked, outline)))
    Console().print(table)


def _milliseconds(read: Callable[[str], object], sql: str) -> float:
    """The least of several runs; a text that is refused took as long as it was read."""
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        with suppress(InvalidInputError, NotSqlError):
            read(sql)
        taken.append(time.perf_counter() - began)
    return min(taken) * 1000
