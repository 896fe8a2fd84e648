"""Every refusal over HTTP as a JSON-RPC error with the request's id, whichever layer refuses.

Clients read nothing else: those in Python show only such a body to their user, and Go's official one ends its session
for good after a refusal without the id of what it had asked. Status and headers stay as they were.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from mcp_types.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST
from pydantic_core import from_json
from starlette.types import Message, Receive, Scope, Send

from server.transport.messages import first_members, is_id

# As much of a body as uvicorn has read before anybody asks for it. An id further behind stays unknown.
_BODY_BYTES = 65_536
_BODY_SECONDS = 1.0
_ACCEPTED = 202
_REPLACED_HEADERS = frozenset({b"content-type", b"content-length"})
_NO_TOKEN = "A bearer token is needed: Authorization: Bearer TOKEN."  # noqa: S105 - says where one goes
_INVALID_ID = "The id of a request must be text or a whole number. Nothing was run."


class RefusalForm:
    """Carries one HTTP request and its answer, and gives the answer its form if it is a refusal.

    Args:
        scope: The request.
        receive: Where its body comes from.
        send: Where its answer goes.
        on_refusal: Called with the status of a refusal.
        invalid_token: What is said of a token that opens nothing; None for FastMCP's text, which is about logging in.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        on_refusal: Callable[[int], None],
        invalid_token: str | None,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._on_refusal = on_refusal
        self._invalid_token = invalid_token
        self._body: list[bytes] = []
        self._size = 0
        self._complete = False
        self._start: Message | None = None
        self._said: list[bytes] = []

    async def receive(self) -> Message:
        """The next piece of the request's body; the first ones are remembered."""
        message = await self._receive()
        if message["type"] == "http.request" and self._size < _BODY_BYTES:
            body: bytes = message.get("body", b"")
            self._body.append(body)
            self._size += len(body)
            self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on; a refusal as soon as it is complete."""
        if message["type"] == "http.response.start" and (
            message["status"] >= HTTPStatus.BAD_REQUEST or message["status"] == _ACCEPTED
        ):
            self._start = message
        elif self._start is None:
            # No refusal any more, though perhaps a long stream.
            self._body.clear()
            await self._send(message)
        else:
            self._said.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(self._start, b"".join(self._said))

    async def _finish(self, start: Message, said: bytes) -> None:
        refusal = None
        if start["status"] != _ACCEPTED:
            await self._read_on()
            refusal = self._refusal(start, said)
        elif self._is_misread_request():
            start["status"] = HTTPStatus.BAD_REQUEST
            refusal = _error(None, INVALID_REQUEST, _INVALID_ID)
        if refusal is not None:
            self._on_refusal(start["status"])
            said = json.dumps(refusal, separators=(",", ":")).encode()
            start["headers"] = [
                *(header for header in start["headers"] if header[0].lower() not in _REPLACED_HEADERS),
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(said)),
            ]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": said})

    async def _read_on(self) -> None:
        """Read the beginning of a body that nobody has asked for, as it mostly is here already."""
        if b"100-continue" in (value.lower() for name, value in self._scope["headers"] if name == b"expect"):
            # It would be sent for the sake of its id alone.
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_BODY_SECONDS):
                while not self._complete and self._size < _BODY_BYTES:
                    if (await self.receive())["type"] != "http.request":
                        return

    def _request(self) -> dict[str, Any]:
        """What is known of the JSON-RPC message: all of it, or its first members."""
        body = b"".join(self._body)
        if not self._complete or len(body) > _BODY_BYTES:
            return first_members(body[:_BODY_BYTES])
        with suppress(ValueError):
            message = from_json(body)
            if isinstance(message, dict):
                return message
        return {}

    def _is_misread_request(self) -> bool:
        """Whether the SDK took a request for a notification, because its id is none."""
        message = self._request()
        method = message.get("method")
        return (
            isinstance(method, str)
            # Some clients write an id of null into those.
            and not method.startswith("notifications/")
            and "id" in message
            and not is_id(message["id"])
        )

    def _refusal(self, start: Message, said: bytes) -> dict[str, Any]:
        request_id = self._request().get("id")
        if not is_id(request_id):
            request_id = None
        parsed = None
        with suppress(ValueError):
            parsed = from_json(said)
        if isinstance(parsed, dict) and "jsonrpc" in parsed:
            return parsed | {"id": request_id} if parsed.get("id") is None else parsed
        status: int = start["status"]
        code = INVALID_REQUEST if status < HTTPStatus.INTERNAL_SERVER_ERROR else INTERNAL_ERROR
        if not isinstance(parsed, dict):
            text = said.decode("utf-8", "replace") or (
                _NO_TOKEN if status == HTTPStatus.UNAUTHORIZED else HTTPStatus(status).phrase
            )
            return _error(request_id, code, text)
        kind = parsed.get("error")
        text = parsed.get("error_description") or HTTPStatus(status).phrase
        if kind == "invalid_token" and self._invalid_token is not None:
            text = self._invalid_token
            start["headers"] = [(name, _described(value, text)) for name, value in start["headers"]]
        return _error(request_id, code, text, kind)


def _described(challenge: bytes, text: str) -> bytes:
    return re.sub(rb'(error_description=)"[^"]*"', rb'\1"%s"' % text.encode(), challenge)


def _error(request_id: object, code: int, message: str, kind: object = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if kind is not None:
        error["data"] = {"error": kind}
    return {"jsonrpc": "2.0", "id": request_id, "error": error}
