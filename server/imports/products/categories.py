"""The categories that a file names, found in the tree that all stores share or added to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.db.queries import QueryFile

Path = tuple[str, ...]

QUERIES = QueryFile("server.imports.products", "categories.sql")
_FIND_OR_CREATE = QUERIES.statement("find_or_create_categories")


async def category_ids(connection: Any, paths: Iterable[Path]) -> tuple[dict[Path, int], int]:
    """Find or create the categories of these paths, level by level.

    Returns:
        The id of each path, and how many categories are new.
    """
    known: dict[Path, int] = {}
    created: set[int] = set()
    # In the order of the file, in which the first spelling of a new name is the one that stands.
    pending = dict.fromkeys(path[:level] for path in paths for level in range(1, len(path) + 1))
    for level in range(1, max(map(len, pending), default=0) + 1):
        wanted = [path for path in pending if len(path) == level]
        parents = [known[path[:-1]] if level > 1 else None for path in wanted]
        for row in await connection.fetch(_FIND_OR_CREATE, parents, [path[-1] for path in wanted]):
            known[wanted[row["place"] - 1]] = row["category_id"]
            if row["is_new"]:
                created.add(row["category_id"])
    return known, len(created)
