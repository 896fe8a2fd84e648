"""What reading a caller's SQL costs grows no faster than the text: it is read on the event loop, before any limit.

Steps are counted, not timed: bytecodes that Python runs in the scanner, the gate and the outline.
"""

from __future__ import annotations

import gc
import itertools
import random
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import pytest

from server.errors import InvalidInputError
from server.tools.adhoc.gate import checked
from server.tools.adhoc.lexer import NotSqlError, tokens
from server.tools.adhoc.redaction import outline

# Long enough that a square would show beside what each text costs anyway.
SMALL = 160
# Characters that begin something, and one each of those that are alike.
CHARACTERS = "+-*/<|('\"$.,:[1a "
IN_OPERATORS_AND_QUOTES = "+-*/<|'\"$"
SOUP = (
    "select", "from", "where", "with", "as", "(", ")", "[", "]", ",", ".", "::", ";", "+", "-", "--x\n", "/*", "*/",
    "'t'", "'", '"n"', '"', "$$", "$a$", "e'\\n'", "1", "1e5", "sales", "s", "union all", "case", "end", "over",
    "order by", "join", "on", "cast(", "count(", "array[", "operator(pg_catalog.+)", "int", "interval", "<>", "|",
    "&&&", "++++", "\n",
)  # fmt: skip
# What a long query may repeat, with what stands before and behind.
REPEATED = {
    "fields": ("select 1", ", sku", " from products"),
    "fields of a table": ("select 1", ", p.sku", " from products p"),
    "sums": ("select 1", " + 1", ""),
    "negations": ("select ", "- ", "1"),
    "casts": ("select 1", "::int", ""),
    "calls": ("select 1", ", lower(sku)", " from products"),
    "subqueries": ("select 1", ", (select 1)", ""),
    "set operations": ("select 1", " union all select 1", ""),
    "names of WITH": ("with a as (select 1 as x)", ", b as (select x from a)", " select 1 from a"),
    "different names of WITH": ("with a0 as (select 1 as x)", ", a{n} as (select x from a0)", " select 1 from a0"),
    "tables": ("select 1 from products p", ", products p{n}", ""),
    "joins": ("select 1 from products p", " join products p{n} on true", ""),
    "conditions": ("select 1 from products where true", " and sku = 'x'", ""),
    "calls of a field named like its table": ("select 1 from (select 1 as u) u", ", unnest(u) u{n}", ""),
    "aliases": ("select 1", ", sku as a{n}", " from products"),
    "values": ("values (1)", ", (1)", ""),
    "cases": ("select case when true then 1", " when sku = 'x' then 2", " end from products"),
    "windows": ("select 1 from products window w as ()", ", w{n} as (w)", ""),
    "comments": ("select 1", " /* a */", ""),
    "nested comments": ("select 1 ", "/*", ""),
    "lines of comments": ("select 1", " --\n", ""),
    "orders": ("select 1 from products order by 1", ", sku", ""),
    "texts": ("select 'x'", " 'x'", ""),
    "brackets": ("select array[1", ", 1", "]"),
    "lists": ("select 1 from products where sku in ('x'", ", 'x'", ")"),
    "unclosed parentheses": ("select 1 from ", "(", ""),
    "operators": ("select 1 ", "operator(pg_catalog.+) ", "1"),
    "subscripts": ("select tags", "[1]", " from products"),
    "dots": ("select a", ".a", ""),
}


def scanned(sql: str) -> None:
    """The scanner alone."""
    try:
        tokens(sql)
    except NotSqlError:
        return


def gated(sql: str) -> None:
    """The gate with its scanner."""
    try:
        checked(sql)
    except InvalidInputError:
        return


def steps(work: Callable[[str], Any], sql: str) -> int:
    """Bytecodes that this takes."""
    count = 0

    def step(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return step

    before = sys.gettrace()
    # What the collector has others do would count, too.
    gc.disable()
    sys.settrace(step)
    try:
        work(sql)
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def grows_too_fast(work: Callable[[str], Any], text: Callable[[int], str]) -> bool:
    """Whether twice the text takes clearly more than twice the steps."""
    once, twice = steps(work, text(SMALL)), steps(work, text(2 * SMALL))
    return twice > 2.2 * once + 500


READERS = pytest.mark.parametrize("work", [scanned, gated, outline], ids=["scanner", "gate", "outline"])


def slow_patterns(work: Callable[[str], Any], patterns: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        pattern
        for pattern in map("".join, patterns)
        if grows_too_fast(work, lambda n, pattern=pattern: "select " + pattern * (n // len(pattern)))
    ]


@READERS
@pytest.mark.parametrize("length", [1, 2])
def test_a_repeated_pattern_takes_as_many_steps_as_it_is_long(work: Callable[[str], Any], length: int) -> None:
    assert slow_patterns(work, itertools.product(CHARACTERS, repeat=length)) == []


def test_a_repeated_pattern_of_three_takes_as_many_steps_as_it_is_long() -> None:
    """Of the scanner alone: the others read its tokens one after the other."""
    assert slow_patterns(scanned, itertools.product(IN_OPERATORS_AND_QUOTES, repeat=3)) == []


@READERS
@pytest.mark.parametrize("name", REPEATED)
def test_a_repeated_part_takes_as_many_steps_as_there_are(work: Callable[[str], Any], name: str) -> None:
    before, part, behind = REPEATED[name]
    assert not grows_too_fast(work, lambda n: before + "".join(part.replace("{n}", str(i)) for i in range(n)) + behind)


@READERS
def test_any_mixture_takes_at_most_so_many_steps_per_character(work: Callable[[str], Any]) -> None:
    """Not once beside twice, as a quotation mark more or less makes another text of it."""
    choose = random.Random(7)
    for _ in range(100):
        soup = "select " + " ".join(choose.choices(SOUP, k=4 * SMALL))
        assert steps(work, soup) <= 150 * len(soup), soup


def test_a_field_is_looked_up_in_all_tables_once_for_any_number_of_names() -> None:
    """Both grow here: the tables of FROM, and the arguments that name a field of another table than their own."""

    def text(n: int) -> str:
        tables = "".join(f", products p{number}" for number in range(n))
        return f"select 1 from (select 1 as u) t, (select 2 as x) u{tables}, unnest({'u, ' * n}u)"

    assert not grows_too_fast(gated, text)


def test_steps_beyond_the_linear_are_noticed() -> None:
    def square(text: str) -> None:
        for _ in text:
            for _ in text:
                pass

    assert grows_too_fast(square, lambda n: "x" * n)
    assert not grows_too_fast(lambda text: [ord(each) for each in text], lambda n: "x" * n)
