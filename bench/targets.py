"""What answers calls: the server over either transport, and asyncpg without a server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from pgvector.asyncpg import register_vector

from bench.cases import STORE, Case
from bench.database import Retailer
from bench.processes import free_port, python_child, wait_until_ready
from bench.wire import (
    CallFailedError,
    HttpConnection,
    StdioConnection,
    call_body,
    check_success,
    http_request,
    structured_content,
)
from server.tenancy.context_token import ContextSigner

HTTP, STDIO, ASYNCPG = "HTTP", "stdio", "asyncpg"


class Target(Protocol):
    """Something that answers calls.

    Attributes:
        name: What the table says.
        pid: Process whose CPU time counts.
    """

    name: str
    pid: int

    async def call(self, case: Case, turn: int, client: int) -> None:
        """Make one call of a case, as one of several clients.

        Raises:
            CallFailedError, asyncpg.PostgresError: It did not succeed.
        """
        ...

    async def check(self, case: Case) -> None:
        """Make every call of a case and look into the answers; raises like `call`."""
        ...


class HttpTarget:
    """A server over HTTP, one keep-alive connection per client."""

    name = HTTP

    def __init__(self, pid: int, port: int, token: str | None, connections: list[HttpConnection]) -> None:
        self.pid = pid
        self._port = port
        self._token = token
        self._connections = connections
        self._requests: dict[str, list[bytes]] = {}

    def _requests_of(self, case: Case) -> list[bytes]:
        if case.name not in self._requests:
            self._requests[case.name] = [
                http_request(case.tool, call.arguments, self._port, self._token) for call in case.calls
            ]
        return self._requests[case.name]

    async def call(self, case: Case, turn: int, client: int) -> None:
        """See `Target`."""
        requests = self._requests_of(case)
        check_success(await self._connections[client].send(requests[turn % len(requests)]))

    async def check(self, case: Case) -> None:
        """See `Target`."""
        for request in self._requests_of(case):
            _check_answer(case, await self._connections[0].send(request))


class StdioTarget:
    """A server over its standard input and output, which all clients share."""

    name = STDIO

    def __init__(self, pid: int, connection: StdioConnection) -> None:
        self.pid = pid
        self._connection = connection
        self._requests: dict[str, list[bytes]] = {}

    def _requests_of(self, case: Case) -> list[bytes]:
        if case.name not in self._requests:
            self._requests[case.name] = [call_body(case.tool, call.arguments, 0) for call in case.calls]
        return self._requests[case.name]

    async def call(self, case: Case, turn: int, client: int) -> None:
        """See `Target`."""
        requests = self._requests_of(case)
        check_success(await self._connection.call(requests[turn % len(requests)]))

    async def check(self, case: Case) -> None:
        """See `Target`."""
        for request in self._requests_of(case):
            _check_answer(case, await self._connection.call(request))


class AsyncpgTarget:
    """The baseline: the tool's statements in the tool's transaction and store context, nothing else.

    One connection per client, prepared statements kept, rows fetched and left as they are.
    """

    name = ASYNCPG

    def __init__(self, connections: list[Any], token: Callable[[], str]) -> None:
        self.pid = os.getpid()
        self._connections = connections
        self._token = token

    async def call(self, case: Case, turn: int, client: int) -> None:
        """See `Target`."""
        await self._fetch(case, turn, self._connections[client])

    async def check(self, case: Case) -> None:
        """See `Target`."""
        for turn in range(len(case.calls)):
            if not await self._fetch(case, turn, self._connections[0]):
                raise CallFailedError(f"{case.name}: the baseline finds nothing")

    async def _fetch(self, case: Case, turn: int, connection: Any) -> list[Any]:
        rows: list[Any] = []
        async with connection.transaction(readonly=True):
            for statement in case.calls[turn % len(case.calls)].statements:
                rows = await connection.fetch(statement.sql, *statement.parameters(self._token))
        return rows


def _check_answer(case: Case, reply: bytes) -> None:
    check_success(reply)
    if not case.is_answer(structured_content(reply)):
        raise CallFailedError(f"{case.name}: an answer, but not the expected one: {reply[:300]!r}")


@asynccontextmanager
async def asyncpg_target(
    retailer: Retailer, token: str, clients: int, *, for_sql: bool = False
) -> AsyncIterator[AsyncpgTarget]:
    """Open the baseline's connections, each as the server opens its own: for the tools, or for SQL of callers."""
    principal = await retailer.principal(token)
    url = retailer.login_url("mcp_sql") if for_sql else retailer.app_url
    connections: list[Any] = []
    try:
        for _ in range(clients):
            connection = await asyncpg.connect(url, timeout=5, command_timeout=12)
            connections.append(connection)
            if not for_sql:
                await register_vector(connection)
        signer = ContextSigner(retailer.context_key)
        yield AsyncpgTarget(connections, partial(signer.sign, principal.principal_id, STORE))
    finally:
        for connection in connections:
            await connection.close(timeout=5)


@asynccontextmanager
async def http_target(
    environment: dict[str, str] | None, token: str | None, clients: int, directory: Path, *, module: str = "server"
) -> AsyncIterator[HttpTarget]:
    """Start a server over HTTP: ours, or what a module makes of it, with an environment; the bare one without."""
    port = free_port()
    command = ["bench.bare_server", str(port)] if environment is None else [module, "http"]
    variables = {**(environment or {}), "RETAIL_HOST": "127.0.0.1", "RETAIL_PORT": str(port)}
    async with python_child("-m", *command, environment=variables, directory=directory) as process:
        await wait_until_ready(port, process)
        connections = [HttpConnection(port) for _ in range(clients)]
        try:
            yield HttpTarget(process.pid, port, token, connections)
        finally:
            for connection in connections:
                connection.close()


@asynccontextmanager
async def stdio_target(
    environment: dict[str, str] | None, token: str | None, directory: Path
) -> AsyncIterator[StdioTarget]:
    """Start a server over stdio: ours with an environment, the bare one without."""
    command = ["bench.bare_server"] if environment is None else ["server", "stdio"]
    variables = {**(environment or {}), **({"RETAIL_TOKEN": token} if token else {})}
    async with python_child("-m", *command, environment=variables, directory=directory) as process:
        connection = StdioConnection(process)
        try:
            yield StdioTarget(process.pid, connection)
        finally:
            await connection.close()
