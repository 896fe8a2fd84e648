"""Named SQL beside the code that runs it, bound to the model of its rows.

A query file is plain SQL in blocks:

    -- name: list_low_stock
    -- Comment lines describe purpose, parameters and order.
    select ...
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter

Row = TypeVar("Row", bound=BaseModel)

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\s*$", re.MULTILINE)


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
