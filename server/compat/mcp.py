"""The Python SDK of the protocol: types that it does not export, and what it tells in no other way."""

from __future__ import annotations

from contextvars import Context
from typing import Any

import mcp_types
from mcp import MCPError
from mcp.shared._stream_protocols import ReadStream, WriteStream

__all__ = ["ReadStream", "WriteStream", "context_of", "is_before_initialize"]

# Its other refusals of parameters are errors of pydantic.
_BEFORE_INITIALIZE = "Invalid request parameters"


def context_of(stream: ReadStream[Any]) -> Context | None:
    """The context in which the message that was read last was sent; over HTTP it knows the caller.

    The SDK's streams have it in an attribute that is not part of their type.

    Fails in: tests/transport/test_sse.py::test_the_answers_are_those_of_streamable_http
    """
    context: Context | None = getattr(stream, "last_context", None)
    return context


def is_before_initialize(error: MCPError) -> bool:
    """Whether the SDK refuses a request because the connection was not initialized; only its text says so.

    Fails in: tests/transport/test_falling_back.py::test_a_request_before_the_handshake_is_told_what_comes_first
    """
    return (error.code, error.message) == (mcp_types.INVALID_PARAMS, _BEFORE_INITIALIZE)
