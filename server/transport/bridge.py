"""Passes the messages of one stdio client on to a streamable HTTP server, each as a request of its own.

Nothing is understood on the way, so that the client gets what the server says: in either version of the protocol, the
server's own errors included.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import anyio
import httpx2
from anyio.abc import TaskGroup
from mcp.server.stdio import stdio_server
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
)
from mcp.shared.jsonrpc_dispatcher import cancelled_request_id_from_params
from mcp.shared.message import SessionMessage
from mcp_types import (
    INTERNAL_ERROR,
    PROTOCOL_VERSION_META_KEY,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from server.compat.mcp import ReadStream, WriteStream
from server.errors import ConfigurationError
from server.transport.address import checked_server_url
from server.transport.messages import refusal_of, refusal_of_message

logger = logging.getLogger(__name__)

# The server bounds how long a call takes; this ends the waiting for one that is gone without a word.
_TIMEOUT = httpx2.Timeout(10, read=300)
_EVENT_STREAM = "text/event-stream"
_HEADERS = {"accept": f"application/json, {_EVENT_STREAM}", "content-type": "application/json"}
# Said of the caller or the connection, whatever was asked: 400 and 404 may be answers of the protocol.
_BELOW_THE_PROTOCOL = frozenset(
    (
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
)
_UNREACHABLE = (
    "The server that this bridge leads to does not answer. Check that it runs at that address, then try the same "
    "call again."
)


class Bridge:
    """What lies between one client and the server.

    Args:
        http: Sends the requests, with the caller's token.
        url: The server's address.
        answers: To the client.
    """

    def __init__(self, http: httpx2.AsyncClient, url: str, answers: WriteStream[SessionMessage]) -> None:
        self._http = http
        self._url = url
        self._answers = answers
        self._under_way: dict[RequestId, anyio.CancelScope] = {}
        # What initialize settled; later versions say it with each request.
        self._version: str | None = None

    async def pass_on(self, messages: ReadStream[SessionMessage | Exception]) -> None:
        """Pass messages on until the client leaves; what is under way then is given up."""
        async with anyio.create_task_group() as group:
            async for item in messages:
                refusal = refusal_of(item) if isinstance(item, Exception) else refusal_of_message(item.message)
                if refusal is not None:
                    await self._answers.send(SessionMessage(refusal))
                elif isinstance(item, SessionMessage):
                    self._pass_on(item, group)
            group.cancel_scope.cancel()

    def _pass_on(self, item: SessionMessage, group: TaskGroup) -> None:
        message = item.message
        if isinstance(message, JSONRPCRequest):
            scope = self._under_way[message.id] = anyio.CancelScope()
            group.start_soon(self._ask, message, scope)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            # The server keeps no session that could tell it which request is meant: hanging up does.
            request_id = cancelled_request_id_from_params(message.params)
            if request_id is not None and request_id in self._under_way:
                self._under_way[request_id].cancel()
        # Without a session no other notification tells the server anything, and it asks nothing of the client.

    async def _ask(self, request: JSONRPCRequest, scope: anyio.CancelScope) -> None:
        with scope:
            try:
                await self._post(request)
            except httpx2.HTTPError as error:
                logger.warning("No answer from the server: %s", type(error).__name__)
                await self._fail(request, _UNREACHABLE)
        if self._under_way.get(request.id) is scope:
            del self._under_way[request.id]

    async def _post(self, request: JSONRPCRequest) -> None:
        body = request.model_dump_json(by_alias=True, exclude_unset=True)
        headers = _HEADERS | self._routing(request)
        async with self._http.stream("POST", self._url, content=body, headers=headers) as response:
            if response.status_code in _BELOW_THE_PROTOCOL:
                await response.aread()
                await self._fail(request, _told(response))
                return
            if response.headers.get("content-type", "").startswith(_EVENT_STREAM):
                answered = False
                async for event in httpx2.EventSource(response, max_event_size=None):
                    answered = (event.data != "" and await self._answer(request, event.data)) or answered
            else:
                await response.aread()
                answered = await self._answer(request, response.text)
            if not answered:
                await self._fail(request, _told(response))

    def _routing(self, request: JSONRPCRequest) -> dict[str, str]:
        """Headers that repeat what the message says, for what is between here and the server."""
        params = request.params or {}
        meta = params.get("_meta")
        version = meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None
        if request.method == "initialize" or not isinstance(version, str):
            settled = self._version if request.method != "initialize" else None
            return {MCP_PROTOCOL_VERSION_HEADER: settled} if settled else {}
        routing = {MCP_PROTOCOL_VERSION_HEADER: version, MCP_METHOD_HEADER: request.method}
        named = params.get(NAME_BEARING_METHODS.get(request.method, ""))
        if isinstance(named, str):
            routing[MCP_NAME_HEADER] = named
        return {name: encode_header_value(value) for name, value in routing.items()}

    async def _answer(self, request: JSONRPCRequest, text: str) -> bool:
        """Give the client a message of the server's, if it is one; true once its request is answered."""
        try:
            message = jsonrpc_message_adapter.validate_json(text, by_name=False)
        except ValidationError:
            return False
        if isinstance(message, JSONRPCError) and message.id is None:
            message = JSONRPCError(jsonrpc="2.0", id=request.id, error=message.error)
        if isinstance(message, JSONRPCResponse) and request.method == "initialize":
            self._version = message.result.get("protocolVersion")
        await self._answers.send(SessionMessage(message))
        return isinstance(message, JSONRPCResponse | JSONRPCError)

    async def _fail(self, request: JSONRPCRequest, text: str) -> None:
        """Answer instead of the server. Of a call a model learns only from a result."""
        message: JSONRPCResponse | JSONRPCError
        if request.method == "tools/call":
            result: dict[str, Any] = {"content": [{"type": "text", "text": text}], "isError": True}
            if MCP_METHOD_HEADER in self._routing(request):
                result["resultType"] = "complete"
            message = JSONRPCResponse(jsonrpc="2.0", id=request.id, result=result)
        else:
            message = JSONRPCError(jsonrpc="2.0", id=request.id, error=ErrorData(code=INTERNAL_ERROR, message=text))
        await self._answers.send(SessionMessage(message))


async def serve_bridge(url: str, token: str) -> None:
    """Serve standard input and output until the client leaves.

    Args:
        url: The server's address.
        token: Of the user that the client acts for.

    Raises:
        InvalidInputError: The address is none.
        ConfigurationError: The token can be none.
    """
    url = checked_server_url(url)
    if not (token.isascii() and token.isprintable()):
        raise ConfigurationError("RETAIL_TOKEN is no token: it has characters that no token has. Copy it once more.")
    headers = {"authorization": f"Bearer {token}"}
    try:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT) as http,
            stdio_server() as (messages, answers),
            # The transport ends when both are closed.
            answers,
            messages,
        ):
            await Bridge(http, url, answers).pass_on(messages)
    except* BrokenPipeError:
        logger.info("The client went away")


def _told(response: httpx2.Response) -> str:
    """What the server says of a request that it refused below the protocol."""
    try:
        refusal = JSONRPCError.model_validate_json(response.content)
    except (ValidationError, httpx2.StreamError):
        # Not the server's own words, but those of something before it.
        refusal = None
    if refusal is not None:
        return refusal.error.message
    if response.is_redirect:
        return "The server that this bridge leads to has another address. Ask the operator for it."
    return f"The server that this bridge leads to refused the request with HTTP status {response.status_code}."
