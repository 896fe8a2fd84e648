"""What the SDK decides for a whole connection of stdio or HTTP+SSE, although the specification decides it per request.

Streamable HTTP has no connection in this sense: there each request is served as what it is.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from contextvars import Context
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastmcp import FastMCP
from mcp.server.models import InitializationOptions
from mcp.shared.message import SessionMessage
from mcp_types import PROTOCOL_VERSION_META_KEY, JSONRPCNotification, JSONRPCRequest

from server.compat.fastmcp import Serve, serve_connections_by
from server.compat.mcp import ReadStream, WriteStream, context_of
from server.transport.messages import refusal_of, refusal_of_message

_Item = SessionMessage | Exception


def let_discover_settle_nothing(server: FastMCP[Any]) -> None:
    """Accept `initialize` until a request of 2026-07-28 other than server/discover has come, as streamable HTTP does.

    The SDK settles the version of a connection by its first request. A client that asks server/discover first, and
    gives up before a starting server has answered, could then not fall back to `initialize` on the same connection.
    So server/discover is answered on a connection of its own, and the first other request settles the version of
    this one.
    """
    serve_connections_by(server, _with_discoveries_apart)


def _with_discoveries_apart(serve: Serve) -> Serve:
    async def run(
        read_stream: ReadStream[_Item],
        write_stream: WriteStream[SessionMessage],
        initialization_options: InitializationOptions,
        raise_exceptions: bool,
    ) -> None:
        to_discover, discover = anyio.create_memory_object_stream[tuple[Context | None, _Item]](math.inf)
        async with write_stream, discover, anyio.create_task_group() as group:
            group.start_soon(
                serve, _Discoveries(discover), _Shared(write_stream), initialization_options, raise_exceptions
            )
            async with to_discover:
                await serve(
                    _WithoutDiscoveries(read_stream, to_discover, write_stream),
                    _Shared(write_stream),
                    initialization_options,
                    raise_exceptions,
                )

    return run


class _Reading(ABC):
    """Messages as the SDK reads them, one after the other.

    Attributes:
        last_context: Context in which the message that was read last was sent: over HTTP it knows the caller.
    """

    last_context: Context | None = None

    @abstractmethod
    async def receive(self) -> _Item:
        """The next message, or why what came is none.

        Raises:
            EndOfStream: There is no more.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """End the reading."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _Item:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _WithoutDiscoveries(_Reading):
    """A connection's messages but for its server/discover, and with an answer to what is no message."""

    def __init__(
        self,
        inner: ReadStream[_Item],
        discoveries: MemoryObjectSendStream[tuple[Context | None, _Item]],
        answers: WriteStream[SessionMessage],
    ) -> None:
        self._inner = inner
        self._discoveries = discoveries
        self._answers = answers

    async def receive(self) -> _Item:
        while True:
            item = await self._inner.receive()
            self.last_context = context_of(self._inner)
            refusal = refusal_of(item) if isinstance(item, Exception) else refusal_of_message(item.message)
            if refusal is not None:
                # The SDK would leave it unanswered, and its client waiting.
                await self._answers.send(SessionMessage(refusal))
            if refusal is not None or isinstance(item, Exception):
                continue
            if _is_discover(item):
                self._discoveries.send_nowait((self.last_context, item))
                continue
            if isinstance(item.message, JSONRPCNotification) and item.message.method == "notifications/cancelled":
                # It may be meant for either.
                self._discoveries.send_nowait((self.last_context, item))
            return item

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Discoveries(_Reading):
    """The server/discover of a connection."""

    def __init__(self, inner: MemoryObjectReceiveStream[tuple[Context | None, _Item]]) -> None:
        self._inner = inner

    async def receive(self) -> _Item:
        self.last_context, item = await self._inner.receive()
        return item

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Shared:
    """Where two write, of whom neither closes it."""

    def __init__(self, inner: WriteStream[SessionMessage]) -> None:
        self._inner = inner

    async def send(self, item: SessionMessage, /) -> None:
        await self._inner.send(item)

    async def aclose(self) -> None:
        """Leave it to the connection."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it to the connection."""


def _is_discover(item: SessionMessage) -> bool:
    """Whether the message is what 2026-07-28 begins with; without its version in _meta it is nothing of the kind."""
    request = item.message
    if not isinstance(request, JSONRPCRequest) or request.method != "server/discover":
        return False
    meta = (request.params or {}).get("_meta")
    return isinstance(meta, dict) and PROTOCOL_VERSION_META_KEY in meta
