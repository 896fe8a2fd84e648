"""Ways to ask the tools: clients that are opened once, and lists that are read to their end."""

from __future__ import annotations

import json
import re
from contextlib import AsyncExitStack
from typing import Any

from fastmcp import Client

from server.calls.principal import Role
from tests.support import Retailer, answer

# What the clock adds to an answer.
_ELAPSED = re.compile(r'"elapsed_ms": ?\d+')


class Callers:
    """Opens one client per stores and role, and keeps it."""

    def __init__(self, retailer: Retailer, stack: AsyncExitStack) -> None:
        self._retailer = retailer
        self._stack = stack
        self._clients: dict[tuple[tuple[str, ...], Role], Client[Any]] = {}

    async def __call__(self, *stores: str, role: Role = "manager") -> Client[Any]:
        """The client that acts as this role in these stores."""
        if (stores, role) not in self._clients:
            client = self._retailer.client(stores, role=role)
            self._clients[stores, role] = await self._stack.enter_async_context(client)
        return self._clients[stores, role]


async def walk(client: Client[Any], tool: str, *, limit: int, **arguments: Any) -> list[dict[str, Any]]:
    """All rows of a list, page by page; fails where a page is not as its flags say."""
    rows: list[dict[str, Any]] = []
    cursor = None
    seen: set[str] = set()
    while True:
        page = await answer(client, tool, limit=limit, **arguments, **({"cursor": cursor} if cursor else {}))
        rows += page["rows"]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
        if cursor is None:
            assert len(page["rows"]) <= limit
            return rows
        assert len(page["rows"]) == limit
        assert cursor not in seen
        seen.add(cursor)


async def whole_text(client: Client[Any], tool: str, **arguments: Any) -> str:
    """Everything that a caller gets back, refusals included, as one text."""
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    told = json.dumps(result.structured_content) + "".join(part.text for part in result.content)
    return _ELAPSED.sub("", told)
