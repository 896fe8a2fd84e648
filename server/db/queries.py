"""Named SQL beside the code that runs it, bound to the model of its rows.

A query file is plain SQL in blocks:

    -- name: list_low_stock
    -- Comment lines describe purpose, parameters and order.
    select ...

A block may have parts that are left out where they are not needed, so that one text serves several statements:

    -- if PART or OTHER_PART
    and p.price <= $2
    -- else
    ...
    -- end
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from itertools import product
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter

Row = TypeVar("Row", bound=BaseModel)

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\s*$", re.MULTILINE)
_PART = re.compile(r"^ *-- if (\w+(?: or \w+)*)\n(.*?)(?:^ *-- else\n(.*?))?^ *-- end\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, eq=False)
class Query(Generic[Row]):
    """One SQL statement, its name for logs, and the model that each of its rows becomes."""

    name: str
    sql: str
    row: type[Row]
    rows: TypeAdapter[list[Row]]


class QueryFile:
    """The blocks of one .sql file, each to be bound once to its row model.

    Args:
        package: Package that holds the file, usually the caller's `__package__`.
        file_name: Name of the file in that package.

    Raises:
        ValueError: Two blocks share a name.
    """

    def __init__(self, package: str, file_name: str = "queries.sql") -> None:
        self.source = f"{package}/{file_name}"
        text = resources.files(package).joinpath(file_name).read_text(encoding="utf-8")
        parts = _NAME.split(text)[1:]
        names = parts[0::2]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.source} names a query twice")
        self._unbound = dict(zip(names, parts[1::2], strict=True))
        self.queries: list[Query[Any]] = []
        self.statements: dict[str, str] = {}

    @property
    def unbound(self) -> tuple[str, ...]:
        """Names of blocks that no query uses."""
        return tuple(self._unbound)

    def statement(self, name: str) -> str:
        """Take a block as plain SQL, for operator's work on the raw connection; raises like `query`."""
        sql = self._unbound.pop(name).strip()
        self.statements[name] = sql
        return sql

    def query(self, name: str, row: type[Row]) -> Query[Row]:
        """Bind a block to the model of its rows.

        Raises:
            KeyError: The file has no such block, or it is bound already.
        """
        rows = TypeAdapter(list[row])  # type: ignore[valid-type]
        bound = Query(name, self._unbound.pop(name).strip(), row, rows)
        self.queries.append(bound)
        return bound

    def variants(self, name: str, row: type[Row]) -> Mapping[frozenset[str], Query[Row]]:
        """Bind a block that has optional parts once for each choice of them, by the parts that are in.

        Raises:
            KeyError: See `query`.
        """
        whole = self._unbound.pop(name).strip()
        parts = sorted({part for match in _PART.finditer(whole) for part in match[1].split(" or ")})
        rows = TypeAdapter(list[row])  # type: ignore[valid-type]
        bound = {}
        for choice in product((False, True), repeat=len(parts)):
            chosen = frozenset(part for part, is_in in zip(parts, choice, strict=True) if is_in)
            sql = _PART.sub(partial(_kept, chosen), whole)
            bound[chosen] = Query("_with_".join([name, *sorted(chosen)]), sql, row, rows)
        self.queries.extend(bound.values())
        return bound


def _kept(chosen: frozenset[str], part: re.Match[str]) -> str:
    """What is left of a part: its text, or what stands there instead."""
    return part[2] if chosen.intersection(part[1].split(" or ")) else part[3] or ""
