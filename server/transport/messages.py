"""What is no message of JSON-RPC, and the answer to it: before the SDK reads it, which would repeat it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeGuard

from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    jsonrpc_message_adapter,
)
from mcp_types.methods import SPEC_CLIENT_METHODS
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.authentication import BaseUser, UnauthenticatedUser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.middleware.protocol_errors import ProtocolError, log_refusal
from server.transport.standard_input import TRUNCATED

_NOT_JSON = "The message is not JSON."
_NO_MESSAGE = "This is no message of JSON-RPC 2.0: neither a request, nor a notification, nor an answer."

_TOO_LONG = "This message has more bytes than RETAIL_MAX_REQUEST_BYTES allows. Nothing was run."
MAX_PARTS = 10_000
_TOO_MANY_PARTS = (
    f"This message has too many parts: at most {MAX_PARTS} commas and opening brackets are read. No request needs a "
    "tenth of them."
)
_NO_ID = "id must be a string or a whole number. A notification, which is not answered, has none."


class OnlyMessages:
    """An ASGI layer that lets only messages of JSON-RPC through to the SDK.

    Args:
        app: What to serve.
        paths: Where messages are posted.
    """

    def __init__(self, app: ASGIApp, paths: tuple[str, ...]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer 400 with an error of JSON-RPC.

        The layer before has read the body and bounded it, but for who is not known: they are refused unread.
        """
        caller: BaseUser = scope.get("user", UnauthenticatedUser())
        if not caller.is_authenticated or scope["method"] != "POST" or not scope["path"].startswith(self._paths):
            await self._app(scope, receive, send)
            return
        first = await receive()
        if first["type"] == "http.request" and not first.get("more_body", False):
            refusal = refusal_of_text(first.get("body", b""))
            if refusal is not None:
                response = Response(_written(refusal), status_code=400, media_type="application/json")
                await response(scope, receive, send)
                return
        await self._app(scope, _after(first, receive), send)


def refusal_of_text(text: bytes) -> JSONRPCError | None:
    """The answer to a text that is no message or has too many parts; None to any other.

    Parts are counted before the text is parsed. To refuse each of 350,000 wrong items, as many as a mebibyte holds,
    takes more than a second, for which everybody else waits. Commas within texts are counted too: SQL of a caller, of
    8,000 characters at most, cannot have too many.
    """
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_PARTS:
        return _refusal(INVALID_REQUEST, _TOO_MANY_PARTS)
    try:
        message = from_json(text)
    except ValueError:
        return _refusal(PARSE_ERROR, _NOT_JSON)
    if isinstance(message, list):
        return _refusal(INVALID_REQUEST, "Send one message at a time; batches are not served.")
    if not isinstance(message, dict):
        return _refusal(INVALID_REQUEST, _NO_MESSAGE)
    known = message.get("id")
    has_id = is_id(known)
    # Some serializers write every member: a notification with a null is one all the same.
    notifies = known is None and str(message.get("method")).startswith("notifications/")
    if "method" in message and "id" in message and not has_id and not notifies:
        return _refusal(INVALID_REQUEST, _NO_ID)
    if notifies:
        message = {name: value for name, value in message.items() if name != "id"}
    try:
        jsonrpc_message_adapter.validate_python(message, by_name=False)
    except ValidationError:
        return _refusal(INVALID_REQUEST, _fault(message), known if has_id else None)
    return None


def refusal_of_message(message: JSONRPCMessage) -> JSONRPCError | None:
    """The answer to a request without a proper id, which the SDK takes for a notification; None to any other message.

    Of a line that the SDK has read nobody can say whether it had an id of null or none at all. No notification has the
    name of a request, so neither is left without an answer.
    """
    if isinstance(message, JSONRPCNotification) and message.method in SPEC_CLIENT_METHODS:
        return _refusal(INVALID_REQUEST, _NO_ID)
    return None


def refusal_of(error: Exception) -> JSONRPCError | None:
    """The answer to a line of which the SDK says that it is no message; None if it is empty."""
    if not isinstance(error, ValidationError):
        return _refusal(INVALID_REQUEST, _NO_MESSAGE)
    fault = error.errors(include_url=False)[0]
    if fault["type"] != "json_invalid":
        return _refusal(INVALID_REQUEST, _NO_MESSAGE)
    line = str(fault["input"]).rstrip()
    if line.endswith(TRUNCATED):
        known = first_members(line.removesuffix(TRUNCATED)).get("id")
        return _refusal(INVALID_REQUEST, _TOO_LONG, known if is_id(known) else None)
    return _refusal(PARSE_ERROR, _NOT_JSON) if line else None


def first_members(text: str | bytes) -> dict[str, Any]:
    """The members of a JSON object that was cut somewhere, without the last one, which may be incomplete."""
    with suppress(ValueError):
        message = from_json(text, allow_partial="trailing-strings")
        if isinstance(message, dict) and message:
            message.popitem()
            return message
    return {}


def _fault(message: dict[str, Any]) -> str:
    if message.get("jsonrpc") != "2.0":
        return 'jsonrpc must be "2.0".'
    if "method" in message:
        if not isinstance(message["method"], str):
            return "method must be a string."
        return "params must be an object."
    return _NO_MESSAGE


def is_id(value: object) -> TypeGuard[str | int]:
    """Whether a request may have this id. JSON's true is Python's 1."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def _refusal(code: int, text: str, request_id: str | int | None = None) -> JSONRPCError:
    log_refusal("", ProtocolError(text, code=code))
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=text))


def _written(refusal: JSONRPCError) -> str:
    # JSON-RPC wants the id of a request that has none to be null, not left out.
    return refusal.model_dump_json(exclude_unset=True)


def _after(first: Message, receive: Receive) -> Receive:
    """Receive the message that was read already, then what follows."""
    read = [first]

    async def again() -> Message:
        return read.pop() if read else await receive()

    return again
