"""What the gate lets through, held against PostgreSQL itself: its grammar, and what it makes of the names.

The grammar tells every function, type, operator and table that a text has, whichever way it is written. The database
tells which function a name behind a dot becomes, as it looks names up: each text is made a view, and the functions of
the stored tree must be those that sql/0095 leaves to the login.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Any

import asyncpg
import pytest

from server.db.operator import admin_connection
from server.errors import InvalidInputError
from server.tools.adhoc import expressions, reader, scope, tables
from server.tools.adhoc.expressions import Expressions, Place
from server.tools.adhoc.gate import checked
from server.tools.adhoc.scope import Reference
from server.tools.adhoc.vocabulary import BOUNDED_FUNCTIONS, FUNCTIONS
from tests.cluster import Cluster
from tests.security.ad_hoc import attacks
from tests.security.grammar import compared
from tests.security.texts_of_sql import changed, composed
from tests.unit.test_ad_hoc_gate import BAD, GOOD, NAME_AS_FUNCTION

_OF_FUNCTIONS = re.compile(r":(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)")
_OF_TYPES = re.compile(r":(?:consttype|vartype|funcresulttype|opresulttype|resulttype|aggtype|wintype) (\d+)")
# Other forms of these names take types that the gate does not offer, or are small.
_LISTED = list(FUNCTIONS - BOUNDED_FUNCTIONS)
# A field that is a row, but not the argument of an aggregate: COUNT may have any.
_WHOLE_ROW = re.compile(r"(?<!:args \(){TARGETENTRY :expr {(VAR :varno \d+ :varattno 0|ROW) ")
_FUNCTIONS = """
    select p.oid::int8 as oid, p.oid::regprocedure::text as name from pg_catalog.pg_proc p
    where not has_function_privilege('mcp_sql', p.oid, 'execute') and p.proname <> all ($1)
"""
_TYPES = """
    select t.oid::int8 as oid, t.typname::text as name from pg_catalog.pg_type t
    where t.typtype <> 'c' and t.typnamespace <> 'pg_catalog'::regnamespace
      or t.typname ~ '^_?(reg|oid|xml|pg_|acl|xid|cid|tid)'
"""
_TREE = "select ev_action::text from pg_catalog.pg_rewrite where ev_class = 'pg_temp.answer'::regclass"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    known = [*GOOD.values(), *BAD.values(), *(attack.sql for attack in attacks())]
    known += [sql.format(name=name) for sql in NAME_AS_FUNCTION.values() for name in ("md5", '"regclass"')]
    return [*known, *composed(5_500, seed=1), *changed(known, 5_000, seed=2)]


@pytest.fixture(scope="module")
async def parser(cluster: Cluster, template: str) -> AsyncIterator[Any]:
    """A connection that looks names up like mcp_sql, and may make views."""
    async with cluster.temporary_database(template) as name, admin_connection(cluster.admin_url(name)) as connection:
        await connection.execute("set search_path = analytics, pg_catalog, pg_temp")
        yield connection


def let_through(texts: Iterable[str]) -> list[str]:
    passed = []
    for text in texts:
        try:
            passed.append(checked(text))
        except InvalidInputError:
            continue
    return passed


async def looked_up(connection: Any, texts: Iterable[str]) -> tuple[int, dict[str, str]]:
    """How many texts PostgreSQL understands, and those in which a name becomes what it must not."""
    functions = {row["oid"]: row["name"] for row in await connection.fetch(_FUNCTIONS, _LISTED)}
    types = {row["oid"]: row["name"] for row in await connection.fetch(_TYPES)}
    understood, faults = 0, {}
    for text in texts:
        transaction = connection.transaction()
        await transaction.start()
        try:
            # As the server wraps it, so that fields may share a name.
            await connection.execute(f"create temporary view answer as select 1 as one from (\n{text}\n) as answer")
            tree = await connection.fetchval(_TREE)
        except asyncpg.PostgresError:
            continue
        finally:
            await transaction.rollback()
        understood += 1
        wrong = [functions[oid] for oid in map(int, _OF_FUNCTIONS.findall(tree)) if oid in functions]
        wrong += [types[oid] for oid in map(int, _OF_TYPES.findall(tree)) if oid in types]
        wrong += ["a whole row"] if _WHOLE_ROW.search(tree) else []
        if wrong:
            faults[text] = wrong[0]
    return understood, faults


async def faults_of(connection: Any, texts: Iterable[str]) -> dict[str, str]:
    passed = let_through(texts)
    return (await compared(passed)).faults or (await looked_up(connection, passed))[1]


async def test_the_grammar_finds_nothing_that_is_not_listed(texts: list[str]) -> None:
    found = await compared(let_through(texts))

    assert found.faults == {}
    assert found.read > 2_000
    assert len(found.lost) < 10


async def test_no_name_becomes_a_function_a_type_or_a_row(texts: list[str], parser: Any) -> None:
    understood, faults = await looked_up(parser, let_through(texts))

    assert faults == {}
    assert understood > 1_000


class Everything(frozenset[str]):
    """A list with every word on it."""

    def __contains__(self, word: object) -> bool:
        return True

    def __ror__(self, other: object) -> Everything:
        return self


class EveryTable(dict[str, frozenset[str]]):
    """Views of every name."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> frozenset[str]:
        return frozenset()


def any_type(self: Expressions) -> None:
    self.identifier()
    while self.accept("."):
        self.identifier()


def any_piece(self: Expressions, place: Place, operand: bool) -> bool:
    if not self.accept("."):
        return PIECE(self, place, operand)
    self.identifier()
    return True


def unanswered(left: Any, references: Iterable[Reference], every: Any = None) -> list[Reference]:
    return []


PIECE = Expressions.piece
# What is taken out of the gate, and what stands in its place.
REMOVALS: dict[str, list[tuple[Any, str, Any]]] = {
    "functions": [(expressions, "FUNCTIONS", Everything()), (tables, "FUNCTIONS", Everything())],
    "types of casts": [(Expressions, "type", any_type)],
    "types of literals": [(expressions, "_BEFORE_TEXT", Everything()), (expressions, "TYPES", Everything())],
    "operators": [(expressions, "OPERATORS", Everything())],
    "tables": [(tables, "VIEWS", EveryTable(tables.VIEWS))],
    "dots behind values": [(Expressions, "piece", any_piece)],
    "fields of tables": [(scope, "answered_by", unanswered), (tables, "answered_by", unanswered)],
    "what IS asks": [(Expressions, "_asked", lambda self: None)],
    "words that are no names": [(reader, "_REFUSED_WORDS", frozenset())],
    "keywords that are names": [(Expressions, "_is_name", lambda self, word, operand: False)],
}


@pytest.mark.parametrize("removed", REMOVALS.values(), ids=REMOVALS)
async def test_it_is_noticed_when_a_check_is_taken_out(
    texts: list[str], parser: Any, monkeypatch: pytest.MonkeyPatch, removed: list[tuple[Any, str, Any]]
) -> None:
    for owner, name, instead in removed:
        monkeypatch.setattr(owner, name, instead)

    assert await faults_of(parser, texts[:1_000]) != {}
