"""How many rows an import goes through, counted by the database, so that growth shows without a clock."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
import pytest

_EXPLAIN: Final = "explain (analyze, timing off, format json) "
_EXPLAINABLE: Final = re.compile(r"(?:\s*--[^\n]*\n)*\s*(?:with|select|insert|update|delete)\b")
_OF_RETAIL: Final = re.compile(r"(?:\s*--[^\n]*\n)*\s*analyze retail\.")
_FETCHED: Final = """
select coalesce(sum(t.seq_tup_read + coalesce(t.idx_tup_fetch, 0)), 0)::bigint
from pg_stat_xact_user_tables t
"""


class Work(Counter[str]):
    """Rows by statement: each row that a node of its plan gave or threw away."""

    def add_plan(self, name: str, plan: Any) -> None:
        """Add the rows of an explained plan."""
        self[name] += round(_rows(json.loads(plan)[0]["Plan"]))


def _rows(node: dict[str, Any]) -> float:
    each = sum(
        node.get(key, 0)
        for key in (
            "Actual Rows",
            "Rows Removed by Filter",
            "Rows Removed by Join Filter",
            "Rows Removed by Index Recheck",
        )
    )
    return float(each * node["Actual Loops"]) + sum(_rows(child) for child in node.get("Plans", ()))


def _counting(work: Work) -> type[asyncpg.Connection]:
    class Counting(asyncpg.Connection):
        """Runs each statement twice: first explained, and taken back."""

        async def execute(self, query: str, *args: Any, **others: Any) -> Any:
            # An import may not depend on it: a login that does not own the tables cannot analyze them.
            if _OF_RETAIL.match(query):
                return "ANALYZE"
            await self._explained(query, args)
            return await super().execute(query, *args, **others)

        async def fetch(self, query: str, *args: Any, **others: Any) -> Any:
            await self._explained(query, args)
            return await super().fetch(query, *args, **others)

        async def fetchrow(self, query: str, *args: Any, **others: Any) -> Any:
            await self._explained(query, args)
            return await super().fetchrow(query, *args, **others)

        async def fetchval(self, query: str, *args: Any, **others: Any) -> Any:
            await self._explained(query, args)
            return await super().fetchval(query, *args, **others)

        async def _explained(self, query: str, args: tuple[Any, ...]) -> None:
            if not self.is_in_transaction() or not _EXPLAINABLE.match(query):
                return
            before = await super().fetchval(_FETCHED)
            undone = self.transaction()
            await undone.start()
            plan = await super().fetchval(_EXPLAIN + query, *args)
            await undone.rollback()
            name = _first_words(query)
            work.add_plan(name, plan)
            # What triggers and functions do shows here alone.
            work[f"{name} (tables)"] += await super().fetchval(_FETCHED) - before

    return Counting


def _first_words(query: str) -> str:
    statement = re.sub(r"--[^\n]*\n", "", query)
    return " ".join(statement.split())[:60]


@contextmanager
def counted() -> Iterator[Work]:
    """Count the rows of the imports in the block."""
    work = Work()
    connect = asyncpg.connect

    async def counting_connect(*args: Any, **others: Any) -> Any:
        return await connect(*args, connection_class=_counting(work), **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.db.loading.asyncpg.connect", counting_connect)
        yield work


async def counted_body(connection: Any, function: str, **arguments: Any) -> Work:
    """Count the rows of the one statement that a PL/pgSQL function is, run with these arguments and taken back."""
    body, names, types = await connection.fetchrow(
        "select prosrc, proargnames, proargtypes::regtype[]::text[] from pg_proc where oid = to_regproc($1)", function
    )
    statement = re.search(r"^begin\n(.*);\nend$", body.strip(), re.MULTILINE | re.DOTALL)[1]
    for place, (name, kind) in enumerate(zip(names, types, strict=True), start=1):
        statement = re.sub(rf"\b{name}\b", f"${place}::{kind}", statement)
    work = Work()
    undone = connection.transaction()
    await undone.start()
    work.add_plan(function, await connection.fetchval(_EXPLAIN + statement, *(arguments[name] for name in names)))
    await undone.rollback()
    return work
