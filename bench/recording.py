"""What SQL a tool runs: taken down while the tool runs, so that the baseline runs exactly that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from fastmcp import Client

from bench.database import Retailer
from server.app import build
from server.auth.authenticator import AUTHENTICATE
from server.config import Settings
from server.db.ad_hoc import AdHocConnection, Table
from server.db.connection import StoreConnection
from server.db.queries import Query
from server.tenancy.store_context import EnteredStore


@dataclass(frozen=True)
class Statement:
    """One SQL statement with its parameters, an embedded query text among them.

    Attributes:
        sql: Its text.
        arguments: Its parameters; none where it enters a store.
        enters: Whether it enters a store, for which it takes a token that is no older than a minute.
    """

    sql: str
    arguments: tuple[Any, ...]
    enters: bool = False

    def parameters(self, token: Callable[[], str]) -> tuple[Any, ...]:
        """What to run it with."""
        return (token(),) if self.enters else self.arguments


@contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Take down the statements of the tools that run meanwhile, in this process."""
    statements: list[Statement] = []
    run, run_sql = StoreConnection.all, AdHocConnection.table

    async def take_down(self: StoreConnection, query: Query[Any], *arguments: object) -> list[Any]:
        if query.row is EnteredStore:
            statements.append(Statement(query.sql, (), enters=True))
        elif query is not AUTHENTICATE:
            statements.append(Statement(query.sql, arguments))
        return await run(self, query, *arguments)

    async def take_down_sql(self: AdHocConnection, sql: str, **limits: int) -> Table:
        statements.append(Statement(sql, ()))
        return await run_sql(self, sql, **limits)

    with patch.object(StoreConnection, "all", take_down), patch.object(AdHocConnection, "table", take_down_sql):
        yield statements


async def record(
    retailer: Retailer, token: str, tool: str, calls: Sequence[Mapping[str, Any]]
) -> list[tuple[Statement, ...]]:
    """Call a tool once per set of arguments, in this process, and return the statements of each call.

    Raises:
        fastmcp.exceptions.ToolError: A call failed.
    """
    found = []
    settings = Settings.model_validate({"token": token, "embeddings": "wordllama"})
    async with build(settings, retailer.connections, "stdio") as server, Client(server) as client:
        # What a server remembers, such as a store's model, is looked up by the first call alone.
        await client.call_tool(tool, dict(calls[0]))
        for arguments in calls:
            with recorded() as statements:
                await client.call_tool(tool, dict(arguments))
            found.append(tuple(statements))
    return found
