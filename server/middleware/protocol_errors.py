"""The one place where errors of the protocol get their words, for every method and transport.

An error that we raise passes as it is. Whatever else ends a request keeps its code at most: its text and its data may
repeat what the caller sent, or name the libraries that this server is made of.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import mcp_types
from fastmcp import FastMCP
from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types.methods import SPEC_CLIENT_METHODS
from pydantic import ValidationError

from server.compat.fastmcp import add_outermost
from server.compat.mcp import is_before_initialize
from server.errors import NotAllowedError, RetailError, UnavailableError, UserError

logger = logging.getLogger(__name__)

_UNKNOWN_METHOD = "(unknown method)"
_WORDS = {
    mcp_types.INVALID_REQUEST: "This connection does not serve that request.",
    mcp_types.METHOD_NOT_FOUND: "There is no such method here in this version of the protocol.",
    mcp_types.INVALID_PARAMS: "The parameters are not valid. Compare them with the specification of this method.",
}
_LACKS_CAPABILITY = "The client lacks a capability that this request needs; data.requiredCapabilities names it."
# `params` and the name of one of them.
_OUR_NAMES = 2
_MUST_BE = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "int_type": "a whole number",
    "list_type": "an array",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_type": "a string",
}


class ProtocolError(MCPError):
    """An error of the protocol in our words.

    Args:
        message: What is wrong and what to do; it repeats nothing that the caller sent.
        code: JSON-RPC's.
        data: What the specification wants there, and nothing else: the address of a resource, or what a client lacks.
        logged: Whether the log has a line of it already.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = mcp_types.INVALID_PARAMS,
        data: dict[str, Any] | None = None,
        logged: bool = False,
    ) -> None:
        super().__init__(code=code, message=message, data=data)
        self.logged = logged


def protocol_error(error: UserError) -> ProtocolError:
    """A failure that a tool would tell in its result, where there is no result that could."""
    if isinstance(error, NotAllowedError):
        code = mcp_types.INVALID_REQUEST
    elif isinstance(error, UnavailableError):
        code = mcp_types.INTERNAL_ERROR
    else:
        code = mcp_types.INVALID_PARAMS
    return ProtocolError(str(error), code=code)


def internal_error(what: str, cause: BaseException, reference: str, *, with_place: bool = False) -> str:
    """Log an unexpected failure, and return what the caller is told of it.

    Args:
        what: What failed, without anything that the caller sent.
        cause: Why. Our own texts hold no data; those of others may, so only their kind is logged.
        reference: Finds the line in the log.
        with_place: Whether to log where it happened; FastMCP does that for tools, prompts and resources.
    """
    told = f"{type(cause).__name__}: {cause}" if isinstance(cause, RetailError) else type(cause).__name__
    logger.error("%s failed, reference %s: %s", what, reference, told, exc_info=cause if with_place else None)
    return (
        f"The server failed to answer; nothing was changed. Reference {reference} finds the cause in its log. "
        "Trying again may help; if it does not, give the operator that reference."
    )


def log_refusal(method: str, error: MCPError) -> None:
    """Write the line of a request that got an error of the protocol.

    Args:
        method: What was asked for; only the protocol's own names are written.
        error: In our words.
    """
    name = method if method in SPEC_CLIENT_METHODS else _UNKNOWN_METHOD
    logger.info("%s refused (%d): %s", name, error.code, error.message)


def word_protocol_errors(server: FastMCP[Any]) -> None:
    """Give every error that ends a request its words.

    The SDK's middleware is outside of FastMCP's and sees the requests that no hook of FastMCP's does.
    """
    add_outermost(server, _in_our_words)


async def _in_our_words(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    if ctx.request_id is None:
        # Nobody waits for an answer to a notification.
        return await call_next(ctx)
    try:
        return await call_next(ctx)
    except Exception as error:  # noqa: BLE001 - the boundary
        worded = _worded(ctx.method, error)
        if not worded.logged:
            log_refusal(ctx.method, worded)
        raise worded from None


def _worded(method: str, error: Exception) -> ProtocolError:
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, UserError):
        return protocol_error(error)
    if isinstance(error, ValidationError):
        return ProtocolError(_describe(method, error))
    if isinstance(error, MCPError):
        if is_before_initialize(error):
            return ProtocolError("Nothing was done: send initialize first, or _meta as 2026-07-28 has it.")
        if error.code == mcp_types.MISSING_REQUIRED_CLIENT_CAPABILITY:
            return ProtocolError(_LACKS_CAPABILITY, code=error.code, data=error.error.data)
        if error.code in _WORDS:
            return ProtocolError(_WORDS[error.code], code=error.code)
    name = method if method in SPEC_CLIENT_METHODS else _UNKNOWN_METHOD
    text = internal_error(name, error, uuid4().hex[:8], with_place=True)
    return ProtocolError(text, code=mcp_types.INTERNAL_ERROR, logged=True)


def _describe(method: str, error: ValidationError) -> str:
    """Say which parameters of a method are wrong without repeating them."""
    faults = [_describe_fault(fault) for fault in error.errors(include_url=False, include_input=False)]
    return f"{method} was not run: " + "; ".join(dict.fromkeys(faults)) + "."


def _describe_fault(fault: Any) -> str:
    # Names further down are the caller's: keys of what it sent.
    path = ".".join(str(part) for part in fault["loc"][:_OUR_NAMES])
    below = len(fault["loc"]) > _OUR_NAMES
    if fault["type"] == "missing":
        return f"{path} is incomplete" if below else f"{path} is required"
    subject = f"a value in {path}" if below else path
    if fault["type"] == "literal_error":
        return f"{subject} must be {fault['ctx']['expected']}"
    if fault["type"] in _MUST_BE:
        return f"{subject} must be {_MUST_BE[fault['type']]}"
    return f"{subject} is not what the specification says"
